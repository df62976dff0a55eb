"""What Brevo's documents leave open, each doubt as one named switch."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import Attribute, evolve, field, fields_dict, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


_LONGEST_SECONDS = 10**9
"""About 30 years: no sum of two such times leaves the calendar."""


def _switch(default: Any, positions: str, has: Callable[[Any], bool]) -> Any:
    """A switch; ``positions`` says what it can be set to, ``has`` decides."""

    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not has(value):
            raise ValueError(f"{attribute.name} must be {positions}, not {value!r:.80}")

    return field(default=default, validator=check)


def _word(default: str, *others: str) -> Any:
    words = (default, *others)
    return _switch(default, f"one of {', '.join(words)}", words.__contains__)


def _flag(default: bool) -> Any:
    return _switch(default, "true or false", lambda value: isinstance(value, bool))


def _whole(default: int, least: int | None = None, most: int | None = None) -> Any:
    bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    return _switch(
        default,
        ", ".join(["a whole number", *bounds]),
        lambda value: (
            type(value) is int and (least is None or value >= least) and (most is None or value <= most)
        ),
    )


def _seconds(default: float, *, zero: bool) -> Any:
    return _switch(
        default,
        f"a number of seconds, {'0 or more' if zero else 'more than 0'}, at most {_LONGEST_SECONDS}",
        lambda value: (
            type(value) in {int, float} and (0 < value <= _LONGEST_SECONDS or (zero and value == 0))
        ),
    )


def _lifetime(default: int) -> Any:
    return _switch(
        default,
        f"a whole number of seconds from 1 to {_LONGEST_SECONDS}, or None (null)",
        lambda value: value is None or (type(value) is int and 1 <= value <= _LONGEST_SECONDS),
    )


@frozen(kw_only=True)
class Switches:
    """The sandbox's answers to the questions that Brevo's documents leave open; frozen and validated.

    A client should be right whichever way a switch stands. Raises ``ValueError`` for a value that a switch does not
    have, ``TypeError`` for a name that is no switch.
    """

    # paging
    history_offset: str = _word("records", "pages0", "pages1", "ignored")
    """Does history's ``offset`` count records, pages from 0 or pages from 1? The text changed in March 2026."""
    listing_offset: str = _word("records", "ignored")
    """Do the other listings honour ``offset`` (documented as records to skip), or ignore it?"""
    history_default_limit: int = _whole(20, least=1)
    """Rows of a history page when no ``limit`` is sent; 20 was documented in 2025, nothing is today."""
    history_max_limit: int = _whole(500, least=1)
    """Largest ``limit`` of history; never documented, 500 is the maximum of the other listings."""
    balances_default_limit: int = _whole(100, least=1)
    """Rows of contact-balances and active-balance when no ``limit`` is sent; undocumented."""
    balances_max_limit: int = _whole(500, least=1)
    """Largest ``limit`` of contact-balances and active-balance; 500 was documented for active-balance in 2025."""
    definitions_default_limit: int = _whole(200, least=1)
    """Definitions on a page when no ``limit`` is sent; 200 is documented."""
    definitions_max_limit: int = _whole(500, least=1)
    """Largest ``limit`` of the definitions listing; the 500 of 2025 is no longer in the document."""
    above_max_limit: str = _word("422", "cap")
    """Is a ``limit`` above the maximum refused, or silently cut to the maximum?"""
    count: str = _word("exact", "absent")
    """Do listings that document ``count`` send it?"""
    count_error: int = _whole(0)
    """Added to every ``count`` (never below zero): a server that counts wrong."""
    history_lag: float = _seconds(0, zero=True)
    """Seconds until a new transaction shows in history; the delay of the real one is unknown."""
    unstable_ties: bool = _flag(False)
    """Do history rows with the same ``createdAt`` change their order from request to request?"""
    empty_definitions: str = _word("200", "204")
    """Is an empty definitions listing an empty array, or 204 without a body as the document of 2025 listed?"""
    snake_case_query: str = _word("ignored", "accepted", "422")
    """What becomes of the query names of 2025 (``contact_id``, ``sort_field``, ``balance_definition_id``)?"""

    # bodies
    unknown_fields: str = _word("ignored", "422")
    """Are members of a request body that no document names ignored or refused?"""
    amounts: str = _word("number", "string")
    """Are amounts JSON numbers, or strings as one exported schema types them?"""
    debit_sign: str = _word("as_sent", "negative", "positive")
    """The sign of ``amount`` in answers about a debit."""
    status_words: str = _word("new", "old")
    """``draft``/``completed``, or the ``pending``/``complete`` of before 3 September 2026?"""
    subscription_balances: str = _word("object", "array")
    """Subscription balances as the object of the reference, or as the bare array of the guide?"""
    expiration_date_form: str = _word("both", "ddmm", "iso")
    """Which form of a definition's ``balanceExpirationDate`` is accepted? Text: dd/mm, schema: ISO date."""
    ttl_unit: str = _word("seconds", "minutes")
    """The unit of ``ttl``: the reference says seconds, a copy of the guide minutes."""

    # money
    rejection: str = _word("status", "422")
    """Does a breach of a rule come as 200 with ``status: rejected`` (and a row in history), or as 422?"""
    rounding_places: int = _whole(2, least=0, most=12)
    """Decimal places that a rounding option rounds to; a definition without the option does not round."""
    default_floor: str = _word("zero", "none")
    """May a balance without ``minAmount`` fall below zero?"""
    drafts_reserve: bool = _flag(False)
    """Does a draft debit reserve its points, so that other debits cannot spend them?"""
    drafts_count_in_limits: bool = _flag(False)
    """Do drafts count in windowed limits, or completed transactions only?"""
    draft_lifetime: int | None = _lifetime(3600)
    """Seconds that a draft without ``ttl`` lives; None: for ever."""
    orders_run_at_due: bool = _flag(True)
    """Does an order complete its transaction at ``dueAt`` by itself, or wait to be completed?"""

    # state
    unsubscribed_contact: str = _word("422", "accepted")
    """With ``strict``: is a transaction for a contact who is no member refused, or does it enrol the contact?"""
    repeated_balance: str = _word("same", "422")
    """Creating a balance that exists: answered with the one there is, or refused?"""
    limit_without_definition: str = _word("424", "404")
    """Creating a limit under an unknown definition: the document lists 424 and no 404 there."""

    # quota
    quota_window: str = _word("fixed", "sliding", "from_first")
    """Does the hourly window start on the hour, roll, or start with the first request?"""
    quota_window_seconds: float = _seconds(3600, zero=False)
    """Length of the quota window; an hour is documented for loyalty, other routes have shorter ones."""
    quota_headers_on_429: bool = _flag(True)
    """Does a 429 carry the quota headers? A proxy's would not."""

    def replaced(self, changes: Mapping[str, Any]) -> Switches:
        """These switches with some of them set otherwise."""
        unknown = changes.keys() - fields_dict(Switches).keys()
        if unknown:
            raise TypeError(f"no such switch: {', '.join(sorted(unknown))}")
        return evolve(self, **changes)


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Switch settings from ``name=value`` texts of a command line.

    A value reads as JSON for a switch whose default is no word (``7``, ``true``, ``null``), else as the word it is,
    and so does what is no JSON: the switch says what it takes.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"expected NAME=VALUE, not {assignment!r}")
        known = fields_dict(Switches).get(name)
        changes[name] = value
        if known is not None and not isinstance(known.default, str):
            with suppress(ValueError):
                changes[name] = json.loads(value)
    return changes
