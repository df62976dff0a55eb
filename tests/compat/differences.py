"""Every difference between the official SDKs and ours, sent or read, with the reason why it is right."""

from __future__ import annotations

import re
from dataclasses import dataclass

ABSENT = "absent"
ANY = "any"
"""Stands for whatever value is found, where the place alone says it all."""


@dataclass(frozen=True)
class Difference:
    """One place of a request, or of what was read out of the answer; values are JSON texts."""

    place: str
    """As in ``query limit``, ``body amount`` or ``read balance``; ``*`` stands for any text."""
    official: str
    ours: str
    why: str = ""
    calls: frozenset[str] = frozenset()
    """Titles of the calls where it is right; empty: wherever it occurs."""
    peers: frozenset[str] = frozenset()
    """The SDKs that it is true of; empty: of all."""

    def covers(self, peer: str, call: str, found: Difference) -> bool:
        """Whether this listed difference justifies ``found``."""
        place = re.escape(self.place).replace(r"\*", ".*")
        return (
            re.fullmatch(place, found.place) is not None
            and self.official in (found.official, ANY)
            and self.ours in (found.ours, ANY)
            and (not self.calls or call in self.calls)
            and (not self.peers or peer in self.peers)
        )


BARE_LISTINGS = frozenset(
    {
        "definitions.list",
        "balances.list",
        "balances.list (newest first)",
        "balances.list_active",
        "history.list",
    }
)
OF_A_CONTACT = frozenset(
    {
        each + variant
        for each in ("balances.list_active", "history.list")
        for variant in ("", " (all arguments)")
    }
)
ALL_BALANCES = frozenset({"balances.list", "balances.list (newest first)", "balances.list (all arguments)"})
FIXED_DAY = frozenset(
    {"definitions.create (fixed expiry day)", "definitions.update (fixed expiry day, null)"}
)
ALL_ARGUMENTS = frozenset({"balances.list (all arguments)", "history.list (all arguments)"})
FROM_THE_START = (
    "rows are passed over only once it is known what offset counts, so that the first page is read too"
)
BUSY_ORDER = (
    "the one order in which a listing can be walked while balances change; Brevo documents no default"
)
VENDOR = "headers x-fern-..."

FERN = frozenset({"5.1.0 async", "5.1.0 sync", "5.1.0 aiohttp", "Node 6.0.3"})
"""The SDKs that one generator makes."""
PYTHON5 = FERN - {"Node 6.0.3"}
NODE = frozenset({"Node 6.0.3"})
OLD = frozenset({"1.2.0"})

# D1 and the like are facts about how the API drifted, as the project's notes on its wire number them.
LISTED = [
    # all of them
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
    # those of today
    Difference(
        VENDOR,
        '"sent"',
        ABSENT,
        "they tell the vendor the SDK's name, version and platform; no part of the API",
        peers=FERN,
    ),
    Difference(
        "header accept",
        '"*/*"',
        '"application/json"',
        "every answer of this API is JSON, and we read nothing else",
        peers=FERN,
    ),
    Difference(
        "body balanceExpirationDate",
        '"2026-12-31"',
        '"31/12"',
        "D8: the field is documented as dd/mm and read back as dd/mm; these create with an ISO date because one "
        "schema says 'format: date', and update with dd/mm as we do",
        frozenset({"definitions.create (fixed expiry day)"}),
        PYTHON5 | OLD,
    ),
    Difference(
        "body eventTime",
        '"2026-11-20T17:00:00Z"',
        '"2026-11-20T17:00:00.000Z"',
        "the same moment; Brevo's own samples are written with milliseconds",
        peers=PYTHON5,
    ),
    Difference(
        "header content-type",
        '"application/octet-stream"',
        ABSENT,
        "aiohttp names a type even for the body that complete and cancel do not have",
        frozenset({"transactions.complete", "transactions.cancel"}),
        frozenset({"5.1.0 aiohttp"}),
    ),
    Difference("header accept-language", '"*"', ABSENT, "Node's fetch sends it by itself", peers=NODE),
    Difference("header sec-fetch-mode", '"cors"', ABSENT, "Node's fetch sends it by itself", peers=NODE),
    # the one of 2025: what it sends
    Difference(
        "header content-type",
        '"application/json"',
        ABSENT,
        "it names a type even where it sends no body",
        peers=OLD,
    ),
    *(
        Difference(f"query {each}", theirs, mine, "D1: its query names are those of 2025", OF_A_CONTACT, OLD)
        for old, new, value in (
            ("contact_id", "contactId", '"42"'),
            ("balance_definition_id", "balanceDefinitionId", '"<points>"'),
        )
        for each, theirs, mine in ((old, value, ABSENT), (new, ABSENT, value))
    ),
    Difference("query sort_field", '"created_at"', ABSENT, "D1: name and value of 2025", OF_A_CONTACT, OLD),
    Difference("query sortField", ABSENT, '"createdAt"', "D1: name and value of 2025", OF_A_CONTACT, OLD),
    Difference(
        "query *",
        ABSENT,
        ANY,
        "D7: its contact balances take no argument; the sandbox answers for the program's first definition",
        ALL_BALANCES,
        OLD,
    ),
    *(
        Difference(
            f"query {name}",
            ABSENT,
            ANY,
            "it has no such filter",
            frozenset({"history.list (all arguments)"}),
            OLD,
        )
        for name in ("status", "transactionType", "loyaltySubscriptionId")
    ),
    Difference("query includeInternal", ABSENT, '"true"', "it has no such argument", peers=OLD),
    Difference("body transactionType", ABSENT, '"credit"', "D13: it has no such argument", peers=OLD),
    Difference("body description", ABSENT, "null", "it cannot send null", peers=OLD),
    # the one of 2025: what it reads
    Difference(
        "read *",
        ANY,
        ANY,
        "it reads rightly all the rows that it could not narrow down by arguments, as the bare call shows",
        ALL_ARGUMENTS,
        OLD,
    ),
    *(
        Difference(
            "read unreadable",
            f'"(0) Reason: Failed to parse `{day}` as datetime object"',
            ABSENT,
            "D8: it takes dd/mm for a moment and raises ApiException; the definition is there and can be used",
            FIXED_DAY,
            OLD,
        )
        for day in ("31/12", "30/06")
    ),
    Difference("read *", ABSENT, ANY, "D8: so it reads nothing of the answer", FIXED_DAY, OLD),
    Difference(
        "read unreadable",
        '"Invalid value for `created_at`, must not be `None`"',
        ABSENT,
        "D2: it takes active balances for one BalanceLimit and raises ValueError on every true answer",
        OF_A_CONTACT,
        OLD,
    ),
    Difference(
        "read activeBalances*", ABSENT, ANY, "D2: so it reads nothing of the answer", OF_A_CONTACT, OLD
    ),
    Difference("read count", ABSENT, "1", "D2: so it reads nothing of the answer", OF_A_CONTACT, OLD),
    Difference("read balance", ABSENT, ANY, "D14: its transactions have no such member", peers=OLD),
    Difference("read *transactionType", ABSENT, ANY, "D13: its transactions have no such member", peers=OLD),
    Difference("read source", ABSENT, ANY, "its orders have no such member", peers=OLD),
    *(
        Difference(
            f"read {name}",
            ABSENT,
            ANY,
            "D6: its subscription balances have no such member",
            frozenset({"balances.get", "balances.get (all arguments)"}),
            OLD,
        )
        for name in ("contactId", "loyaltyProgramId")
    ),
]
