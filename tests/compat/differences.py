"""Every difference between the official SDK's requests and ours, with the reason why it is right."""

from __future__ import annotations

from dataclasses import dataclass

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One place of a request where the two SDKs differ; values are JSON texts."""

    place: str
    official: str
    ours: str
    why: str = ""
    calls: frozenset[str] = frozenset()
    """Titles of the calls where it is right; empty: wherever it occurs."""

    def covers(self, call: str, found: Difference) -> bool:
        """Whether this listed difference justifies ``found``."""
        same = (self.place, self.official, self.ours) == (found.place, found.official, found.ours)
        return same and (not self.calls or call in self.calls)


BARE_LISTINGS = frozenset(
    {
        "definitions.list",
        "balances.list",
        "balances.list (newest first)",
        "balances.list_active",
        "history.list",
    }
)
FROM_THE_START = (
    "rows are passed over only once it is known what offset counts, so that the first page is read too"
)
BUSY_ORDER = (
    "the one order in which a listing can be walked while balances change; Brevo documents no default"
)
VENDOR = "headers x-fern-..."

LISTED = [
    Difference(
        VENDOR,
        '"sent"',
        ABSENT,
        "they tell the vendor the SDK's name, version and platform; no part of the API",
    ),
    Difference(
        "header accept",
        '"*/*"',
        '"application/json"',
        "every answer of this API is JSON, and we read nothing else",
    ),
    Difference(
        "query limit",
        ABSENT,
        '"500"',
        "we ask for the largest page the contract allows, because each page costs a request of the hourly quota",
        BARE_LISTINGS,
    ),
    Difference(
        "query offset",
        ABSENT,
        '"0"',
        "a walk always says where it is; 0 is the documented default",
        BARE_LISTINGS,
    ),
    Difference("query limit", '"1"', '"2"', FROM_THE_START, frozenset({"balances.list (all arguments)"})),
    Difference("query offset", '"1"', '"0"', FROM_THE_START, frozenset({"balances.list (all arguments)"})),
    Difference("query sortField", ABSENT, '"updatedAt"', BUSY_ORDER, frozenset({"balances.list"})),
    Difference("query sort", ABSENT, '"asc"', BUSY_ORDER, frozenset({"balances.list"})),
    Difference(
        "body balanceExpirationDate",
        '"2026-12-31"',
        '"31/12"',
        "the field is documented as dd/mm and read back as dd/mm; the official SDK's create sends an ISO date "
        "because one schema says 'format: date', while its update sends dd/mm as we do",
        frozenset({"definitions.create (fixed expiry day)"}),
    ),
    Difference(
        "body eventTime",
        '"2026-11-20T17:00:00Z"',
        '"2026-11-20T17:00:00.000Z"',
        "the same moment; Brevo's own samples are written with milliseconds",
    ),
]
