"""The answers of the API as frozen values: one class for each JSON object, one open enum for each list of values.

Attribute names are the JSON names in snake case (``balanceDefinitionId`` is ``balance_definition_id``); the metadata
``wire`` of an attribute names an exception. These rules hold for every class:

- Brevo declares almost no response field as required, so any attribute may be ``None``. An ``id`` that the server
  left out is the empty string, so that it needs no type check; every call refuses an empty id.
- Amounts are ``Decimal``. Timestamps are aware ``datetime``, in UTC if the server gave no offset.
- In the classes with ``extra``, a field that no attribute names is kept there under its JSON name. So is the text of
  a timestamp that cannot be read; the attribute is ``None`` then.
- Enums are open: a value that Brevo adds later stays a ``str`` and is no error.
- ``to_dict()`` and ``to_json()`` write a value for somebody else, and so do FastAPI, pydantic, msgspec and structlog.
  ``extra`` is written too: an endpoint that returns a value hands on whatever Brevo adds to its answers. Leave it out
  where that must not happen.

Sources: the pages of the operations below https://developers.brevo.com/reference/, named at the calls.
"""

from __future__ import annotations

from brevo_balance_async.models.answers import (
    ActiveBalance,
    Balance,
    BalanceDefinition,
    BalanceLimit,
    BalanceOrder,
    ContactBalance,
    SubscriptionBalance,
    SubscriptionBalances,
    Transaction,
    TransactionRecord,
)
from brevo_balance_async.models.enums import (
    UNSET,
    Amount,
    ConstraintType,
    DurationModifier,
    DurationUnit,
    OrderSource,
    OvertakingStrategy,
    Rounding,
    Sort,
    TransactionStatus,
    TransactionType,
    Unit,
    Unset,
    Version,
)
from brevo_balance_async.models.pages import (
    ActiveBalancePage,
    ContactBalancePage,
    DefinitionPage,
    TransactionHistoryPage,
)
from brevo_balance_async.models.quota import QuotaState
from brevo_balance_async.models.value import Value, to_plain

__all__ = [
    "UNSET",
    "ActiveBalance",
    "ActiveBalancePage",
    "Amount",
    "Balance",
    "BalanceDefinition",
    "BalanceLimit",
    "BalanceOrder",
    "ConstraintType",
    "ContactBalance",
    "ContactBalancePage",
    "DefinitionPage",
    "DurationModifier",
    "DurationUnit",
    "OrderSource",
    "OvertakingStrategy",
    "QuotaState",
    "Rounding",
    "Sort",
    "SubscriptionBalance",
    "SubscriptionBalances",
    "Transaction",
    "TransactionHistoryPage",
    "TransactionRecord",
    "TransactionStatus",
    "TransactionType",
    "Unit",
    "Unset",
    "Value",
    "Version",
    "to_plain",
]
