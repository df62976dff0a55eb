"""What Brevo's documents leave open, each doubt as one named switch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import Attribute, evolve, field, fields_dict, frozen
from attrs.validators import ge, gt, in_, instance_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def _word(default: str, *others: str) -> Any:
    return field(default=default, validator=in_((default, *others)))


def _flag(default: bool) -> Any:
    return field(default=default, validator=instance_of(bool))


def _whole(default: int, least: int | None = None) -> Any:
    validators: list[Any] = [_not_a_flag, instance_of(int)]
    if least is not None:
        validators.append(ge(least))
    return field(default=default, validator=validators)


def _seconds(default: float, least: Any) -> Any:
    return field(default=default, validator=[_not_a_flag, instance_of((int, float)), least])


def _not_a_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool):
        raise TypeError(f"{attribute.name} is a number, not {value}")


def _seconds_or_none(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"{attribute.name} is a whole number of seconds or None, not {value!r}")


@frozen(kw_only=True)
class Switches:
    """The sandbox's answers to the questions that Brevo's documents leave open; frozen and validated.

    A client should be right whichever way a switch stands. Raises ``ValueError`` or ``TypeError`` for a value that a
    switch does not have, ``TypeError`` for a name that is no switch.
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
    history_lag: float = _seconds(0, ge(0))
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
    rounding_places: int = _whole(2, least=0)
    """Decimal places that a rounding option rounds to; a definition without the option does not round."""
    default_floor: str = _word("zero", "none")
    """May a balance without ``minAmount`` fall below zero?"""
    drafts_reserve: bool = _flag(False)
    """Does a draft debit reserve its points, so that other debits cannot spend them?"""
    drafts_count_in_limits: bool = _flag(False)
    """Do drafts count in windowed limits, or completed transactions only?"""
    draft_lifetime: int | None = field(default=3600, validator=_seconds_or_none)
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
    quota_window_seconds: float = _seconds(3600, gt(0))
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

    A value reads as JSON for a switch whose default is no word (``7``, ``true``, ``null``), else as the word it is.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"expected NAME=VALUE, not {assignment!r}")
        known = fields_dict(Switches).get(name)
        changes[name] = value if known is None or isinstance(known.default, str) else json.loads(value)
    return changes
