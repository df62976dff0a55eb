"""The answers of the API as frozen values: one class for each JSON object, one open enum for each list of values.

Attribute names are the JSON names in snake case (``balanceDefinitionId`` is ``balance_definition_id``); the metadata
``wire`` of an attribute names an exception. These rules hold for every class:

- Brevo declares almost no response field as required, so any attribute may be ``None``. An ``id`` that the server
  left out is the empty string, so that it needs no type check; every call refuses an empty id.
- Amounts are ``Decimal``. Timestamps are aware ``datetime``, in UTC if the server gave no offset.
- In the classes with ``extra``, a field that no attribute names is kept there under its JSON name. So is the text of
  a timestamp that cannot be read; the attribute is ``None`` then.
- Enums are open: a value that Brevo adds later stays a ``str`` and is no error.

Sources: the pages of the operations below https://developers.brevo.com/reference/, named at the calls.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, fields, frozen


class Unset(Enum):
    """The type of ``UNSET``, which is false in a condition."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET
"""The field is left out of the request, while ``None`` is sent as JSON ``null``."""


class Unit(StrEnum):
    """What a balance counts: points, or one of the 16 currencies that Brevo lists.

    Source: https://developers.brevo.com/reference/create-balance-definition
    """

    POINTS = "POINTS"
    EUR = "EUR"
    USD = "USD"
    MXN = "MXN"
    GBP = "GBP"
    INR = "INR"
    CAD = "CAD"
    SGD = "SGD"
    RON = "RON"
    JPY = "JPY"
    MYR = "MYR"
    CLP = "CLP"
    PEN = "PEN"
    MAD = "MAD"
    AUD = "AUD"
    CHF = "CHF"
    BRL = "BRL"


class Version(StrEnum):
    """The version of a definition or limit: edits change the draft, publishing the program makes it active.

    Source: https://developers.brevo.com/docs/loyalty-overview
    """

    DRAFT = "draft"
    ACTIVE = "active"


class OvertakingStrategy(StrEnum):
    """What happens to a credit that would exceed the balance's maximum: rejected, or credited up to it."""

    STRICT = "strict"
    PARTIAL = "partial"


class Rounding(StrEnum):
    """How the amount of an operation is rounded: down, up or to the nearest. Brevo documents no precision."""

    LOWER = "lower"
    UPPER = "upper"
    NATURAL = "natural"


class DurationUnit(StrEnum):
    """A unit of time. Requests take day, week, month and year; a limit in an answer may have ``hour``.

    Source: https://developers.brevo.com/reference/get-balance-limit
    """

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class DurationModifier(StrEnum):
    """Whether points expire exactly one duration after the credit, or at the start or end of that day, week ..."""

    NO_MODIFICATION = "noModification"
    START_OF_PERIOD = "startOfPeriod"
    END_OF_PERIOD = "endOfPeriod"


class TransactionType(StrEnum):
    """``credit`` adds points, ``debit`` subtracts them."""

    CREDIT = "credit"
    DEBIT = "debit"


class TransactionStatus(StrEnum):
    """The status of a transaction. The older names ``pending`` and ``complete`` are read as draft and completed.

    Source: https://developers.brevo.com/changelog/2026/9/3
    """

    DRAFT = "draft"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ConstraintType(StrEnum):
    """What a limit counts in its window: transactions, or the sum of their amounts."""

    TRANSACTION = "transaction"
    AMOUNT = "amount"


class OrderSource(StrEnum):
    """Who made a balance order (https://developers.brevo.com/reference/create-balance-order)."""

    ENGINE = "engine"
    USER = "user"


class Sort(StrEnum):
    """The sort order of a listing: ascending or descending."""

    ASC = "asc"
    DESC = "desc"


Amount: TypeAlias = Decimal | int | str | float
"""What a call accepts as an amount. A ``float`` is converted by its ``repr``: ``0.1`` is ``Decimal("0.1")``."""


class Value:
    """``__eq__`` and ``__repr__`` of the models. attrs would compile both for each class, which slows the import.

    The models have no slot for weak references: the codec fills a second class with the same slots and then assigns
    ``__class__``, and Python 3.11 refuses that for classes with such a slot.
    """

    __slots__ = ()
    __attrs_attrs__: ClassVar[Any]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, each.name) == getattr(other, each.name) for each in fields(type(self))
        )

    # Values hold dicts (meta, extra), so they cannot be hashed.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(type(self)))
        return f"{type(self).__name__}({inside})"


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceDefinition(Value):
    """A kind of balance of a program: its unit, bounds, rounding and expiry.

    Source: https://developers.brevo.com/reference/get-balance-definition
    """

    id: str = ""
    """UUID."""
    name: str | None = None
    description: str | None = None
    image_ref: str | None = None
    """URL of a picture."""
    meta: dict[str, Any] | None = None
    """Free map. ``isInternal: true`` hides the balance from reads without ``include_internal``."""
    unit: Unit | str | None = None
    min_amount: Decimal | None = None
    """Minimum of the balance."""
    max_amount: Decimal | None = None
    """Maximum of the balance."""
    max_credit_amount_limit: Decimal | None = None
    """Maximum of a single credit."""
    max_debit_amount_limit: Decimal | None = None
    """Maximum of a single debit."""
    balance_option_amount_overtaking_strategy: OvertakingStrategy | str | None = None
    balance_option_credit_rounding: Rounding | str | None = None
    balance_option_debit_rounding: Rounding | str | None = None
    balance_availability_duration_value: int | None = None
    """After how many of the units below credited points expire."""
    balance_availability_duration_unit: DurationUnit | str | None = None
    balance_availability_duration_modifier: DurationModifier | str | None = None
    balance_expiration_date: str | None = None
    """``dd/mm``: points expire on the next such day. Used instead of the duration."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceLimit(Value):
    """A limit on operations of one type within a time window.

    Source: https://developers.brevo.com/reference/get-balance-limit
    """

    id: str = ""
    """UUID."""
    balance_definition_id: str | None = None
    transaction_type: TransactionType | str | None = None
    constraint_type: ConstraintType | str | None = None
    duration_value: int | None = None
    duration_unit: DurationUnit | str | None = None
    value: Decimal | None = None
    """Operations or points allowed in the window. A request takes an integer, an answer may have a fraction."""
    sliding_schedule: bool | None = None
    """True: a rolling window. Brevo does not document how a fixed window begins."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Transaction(Value):
    """A credit or debit in one of the states of ``TransactionStatus``.

    Source: https://developers.brevo.com/reference/complete-transaction
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    """The server's value: it may be rounded, and Brevo does not document the sign of a debit."""
    balance: Decimal | None = None
    """The contact's new balance, only in the answer to the call that changed it
    (https://developers.brevo.com/changelog/2026/9/3)."""
    transaction_type: TransactionType | str | None = None
    meta: dict[str, Any] | None = None
    """The map that was given to ``begin``."""
    status: TransactionStatus | str | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    contact_id: int | None = None
    event_time: datetime | None = None
    """The ``event_time`` that was given to ``begin``."""
    reject_reason: str | None = None
    rejected_at: datetime | None = None
    expiration_date: datetime | None = None
    """When the *draft* expires (from ``ttl``), not when the points expire."""
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionRecord(Value):
    """One row of a contact's transaction history.

    Source: https://developers.brevo.com/reference/get-transaction-history-api
    """

    id: str = ""
    """UUID of the transaction."""
    amount: Decimal | None = None
    transaction_type: TransactionType | str | None = None
    status: TransactionStatus | str | None = None
    meta: dict[str, Any] | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    rejected_at: datetime | None = None
    reject_reason: str | None = None
    balance_expiration_date: datetime | str | None = None
    """When the credited points expire; a ``str`` if it is no timestamp."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceOrder(Value):
    """A credit or debit that is scheduled for later. Brevo has no operation that reads or lists orders.

    Source: https://developers.brevo.com/reference/create-balance-order
    """

    id: str = ""
    """UUID of the order."""
    transaction_id: str | None = field(default=None, metadata={"wire": "transactionid"})
    """UUID of its transaction, which can be completed or cancelled. The JSON name is all lower case."""
    contact_id: int | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    amount: Decimal | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    processed_at: datetime | None = None
    """When the order was executed; None before."""
    source: OrderSource | str | None = None
    meta: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalance(Value):
    """One member's balance of one definition (https://developers.brevo.com/reference/get-contact-balances)."""

    contact_id: int | None = None
    loyalty_subscription_id: str | None = None
    updated_at: datetime | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalance(Value):
    """A lot of points that a contact still holds, with its own expiry.

    Source: https://developers.brevo.com/reference/get-active-balances-api
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """None: these points do not expire."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalance(Value):
    """A contact's balance of one definition."""

    balance_definition_id: str | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalances(Value):
    """All balances of one contact (https://developers.brevo.com/reference/get-subscription-balances).

    A bare JSON array, as the guide https://developers.brevo.com/docs/loyalty-member-data shows, is read too.
    """

    loyalty_program_id: str | None = None
    contact_id: int | None = None
    balance: tuple[SubscriptionBalance, ...] = ()
    """One entry for each definition; the JSON name is singular."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Balance(Value):
    """The answer to ``balances.create``.

    Source: https://developers.brevo.com/reference/create-subscription-balances
    """

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    loyalty_program_id: str | None = None
    organization_id: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    consumed_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class DefinitionPage(Value):
    """One page of definitions. Brevo states no total for this listing."""

    items: tuple[BalanceDefinition, ...] | None = None
    """None if the answer has no such field. ``definitions.list`` does not accept that as an empty page."""


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalancePage(Value):
    """One page of contact balances."""

    items: tuple[ContactBalance, ...] = field(default=(), metadata={"wire": "balances"})
    count: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalancePage(Value):
    """One page of active balances."""

    items: tuple[ActiveBalance, ...] = field(default=(), metadata={"wire": "activeBalances"})
    count: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionHistoryPage(Value):
    """One page of a transaction history."""

    items: tuple[TransactionRecord, ...] = field(default=(), metadata={"wire": "transactionHistory"})
    count: int | None = None
    """Total number of transactions, not of this page."""
    contact_id: int | None = None
    balance_definition_id: str | None = None


@frozen
class QuotaState:
    """The account's quota by the last answer's headers, less what was sent since: ``client.quota``.

    Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) with every answer
    (https://developers.brevo.com/docs/limit-headers). They count all loyalty calls of the account, also those of other
    processes (https://developers.brevo.com/docs/api-limits).
    """

    limit: int
    """Requests that the account may send in a window; at least 600 an hour, by plan."""
    remaining: int
    """Requests that may still be sent: the last answer's number, less what was sent since and less one request for
    each open ``hold``."""
    resets_in: float
    """Seconds from ``observed_at`` to the end of the window."""
    observed_at: datetime
    """When that answer arrived, in UTC by this machine's clock."""
