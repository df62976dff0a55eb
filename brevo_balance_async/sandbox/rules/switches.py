"""What Brevo's documents leave open, each doubt as one named switch."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields_dict, frozen

from .positions import flag, lifetime, seconds, whole, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@frozen(kw_only=True)
class Switches:
    """The sandbox's answers to the questions that Brevo's documents leave open; frozen and validated.

    A client should be right whichever way a switch stands. Raises ``ValueError`` for a value that a switch does not
    have, ``TypeError`` for a name that is no switch.
    """

    # paging
    history_offset: str = word("records", "pages0", "pages1", "ignored")
    """Does history's ``offset`` count records, pages from 0 or pages from 1? The text changed in March 2026."""
    listing_offset: str = word("records", "ignored")
    """Do the other listings honour ``offset`` (documented as records to skip), or ignore it?"""
    history_default_limit: int = whole(20, least=1)
    """Rows of a history page when no ``limit`` is sent; 20 was documented in 2025, nothing is today."""
    history_max_limit: int = whole(500, least=1)
    """Largest ``limit`` of history; never documented, 500 is the maximum of the other listings."""
    balances_default_limit: int = whole(100, least=1)
    """Rows of contact-balances and active-balance when no ``limit`` is sent; undocumented."""
    balances_max_limit: int = whole(500, least=1)
    """Largest ``limit`` of contact-balances and active-balance; 500 was documented for active-balance in 2025."""
    definitions_default_limit: int = whole(200, least=1)
    """Definitions on a page when no ``limit`` is sent; 200 is documented."""
    definitions_max_limit: int = whole(500, least=1)
    """Largest ``limit`` of the definitions listing; the 500 of 2025 is no longer in the document."""
    above_max_limit: str = word("422", "cap")
    """Is a ``limit`` above the maximum refused, or silently cut to the maximum?"""
    count: str = word("exact", "absent")
    """Do listings that document ``count`` send it?"""
    count_error: int = whole(0)
    """Added to every ``count`` (never below zero): a server that counts wrong."""
    history_lag: float = seconds(0, zero=True)
    """Seconds until a new transaction shows in history; the delay of the real one is unknown."""
    unstable_ties: bool = flag(False)
    """Do history rows with the same ``createdAt`` change their order from request to request?"""
    history_meta: str = word("shown", "text", "absent")
    """Do history rows have their ``meta``, one whose values are all text, or none?"""
    history_drafts: bool = flag(True)
    """Are drafts listed in history?"""
    history_metadata_filter: str = word("ignored", "honoured")
    """Does history honour ``metadata[key]=value``, which a client by a Brevo developer sends and no page documents?"""
    empty_definitions: str = word("200", "204")
    """Is an empty definitions listing an empty array, or 204 without a body as the document of 2025 listed?"""
    snake_case_query: str = word("ignored", "accepted", "422")
    """What becomes of the query names of 2025 (``contact_id``, ``sort_field``, ``balance_definition_id``)? Accepted,
    they bring along what else was right then: ``created_at`` to sort by, contact balances without a definition."""

    # bodies
    malformed_body: str = word("422", "400")
    """The answer to a body that is missing, no JSON or no object; the documents list 422 everywhere and 400 nowhere."""
    unknown_fields: str = word("ignored", "422")
    """Are members of a request body that no document names ignored or refused?"""
    amounts: str = word("number", "string")
    """Are amounts JSON numbers, or strings where one exported schema types them so? (``amount`` of a transaction, a
    history row, an active or a created balance, ``value`` of a subscription's; all others are numbers there too.)"""
    debit_sign: str = word("as_sent", "negative", "positive")
    """The sign of ``amount`` in answers about a debit."""
    status_words: str = word("new", "old")
    """``draft``/``completed``, or the ``pending``/``complete`` of before 3 September 2026?"""
    subscription_balances: str = word("object", "array")
    """Subscription balances as the object of the reference, or as the bare array of the guide?"""
    expiration_date_form: str = word("both", "ddmm", "iso")
    """Which form of a definition's ``balanceExpirationDate`` is accepted? Text: dd/mm, schema: ISO date."""
    ttl_unit: str = word("seconds", "minutes")
    """The unit of ``ttl``: the reference says seconds, a copy of the guide minutes."""

    # money
    rejection: str = word("status", "422")
    """Does a breach of a rule come as 200 with ``status: rejected`` (and a row in history), or as 422?"""
    breach_at_complete: str = word("rejects", "keeps_draft")
    """Does a complete that breaks a rule end the draft, or answer 422 and leave it a draft?"""
    repeated_complete: str = word("422", "credits_again")
    """Is a second complete refused, as the guide says, or does it move the balance once more?"""
    lots_consumed: str = word("oldest_first", "soonest_first")
    """Which points does a debit take first: the oldest, or those that expire soonest?"""
    rounding_places: int = whole(2, least=0, most=12)
    """Decimal places that a rounding option rounds to; a definition without the option does not round."""
    default_floor: str = word("zero", "none")
    """May a balance without ``minAmount`` fall below zero?"""
    drafts_reserve: bool = flag(False)
    """Does a draft debit reserve its points, so that other debits cannot spend them?"""
    drafts_count_in_limits: bool = flag(False)
    """Do drafts count in windowed limits, or completed transactions only?"""
    draft_lifetime: int | None = lifetime(3600)
    """Seconds that a draft without ``ttl`` lives; None: for ever."""
    orders_run_at_due: bool = flag(True)
    """Does an order complete its transaction at ``dueAt`` by itself, or wait to be completed?"""
    past_due_at: str = word("422", "accepted")
    """An order with a ``dueAt`` in the past, which should lie in the future: refused, or due at once?"""

    # state
    unsubscribed_contact: str = word("422", "accepted")
    """With ``strict``: is a transaction for a contact who is no member refused, or does it enrol the contact?"""
    repeated_balance: str = word("same", "422")
    """Creating a balance that exists: answered with the one there is, or refused?"""
    limit_without_definition: str = word("424", "404")
    """Creating a limit under an unknown definition: the document lists 424 and no 404 there."""

    # quota
    quota_window: str = word("fixed", "sliding", "from_first")
    """Does the hourly window start on the hour, roll, or start with the first request?"""
    quota_window_seconds: float = seconds(3600, zero=False)
    """Length of the quota window; an hour is documented for loyalty, other routes have shorter ones."""
    quota_headers_on_429: bool = flag(True)
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
