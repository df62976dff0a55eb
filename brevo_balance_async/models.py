"""What stands on the wire, as frozen values: one class for each answer, one open enum for each word list.

Attribute names are the wire's names in snake case (``balanceDefinitionId`` is ``balance_definition_id``); where
the wire spells a name oddly, ``alias`` says how. Two rules hold for every class:

- Brevo declares almost no response field as required, so any of them may be ``None``. An ``id`` that the server
  left out is the empty string, so that it can be handed on without a type check; every call refuses it.
- A field that no attribute names is kept in ``extra`` under its wire name. Amounts are ``Decimal``, timestamps
  are aware ``datetime`` (UTC where the server gave no offset).

Enums are open: a word that Brevo adds tomorrow stays a ``str`` and never fails.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ClassVar, Final, TypeAlias

from attrs import field, fields, frozen


class Unset(Enum):
    """The type of ``UNSET``."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET
"""Left out of the request. ``None`` is something else: it is sent as JSON ``null``."""


class Unit(StrEnum):
    """What a balance counts: points, or one of the 16 currencies Brevo lists."""

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
    """Edits live in the draft until the program is published; members see the active version."""

    DRAFT = "draft"
    ACTIVE = "active"


class OvertakingStrategy(StrEnum):
    """What happens to a credit that would pass the balance's maximum: refused, or credited up to it."""

    STRICT = "strict"
    PARTIAL = "partial"


class Rounding(StrEnum):
    """How the amount of an operation is rounded: down, up, to the nearest."""

    LOWER = "lower"
    UPPER = "upper"
    NATURAL = "natural"


class DurationUnit(StrEnum):
    """A span of time. ``hour`` appears in answers only; Brevo takes day, week, month and year."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class DurationModifier(StrEnum):
    """Whether an expiry is the exact span from the credit, or snapped to its unit's start or end."""

    NO_MODIFICATION = "noModification"
    START_OF_PERIOD = "startOfPeriod"
    END_OF_PERIOD = "endOfPeriod"


class TransactionType(StrEnum):
    """Points given, or points taken."""

    CREDIT = "credit"
    DEBIT = "debit"


class TransactionStatus(StrEnum):
    """The life of a transaction. ``pending`` and ``complete`` of before September 2026 are read as these."""

    DRAFT = "draft"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ConstraintType(StrEnum):
    """What a limit counts in its window: operations, or the sum of their amounts."""

    TRANSACTION = "transaction"
    AMOUNT = "amount"


class OrderSource(StrEnum):
    """Who placed a balance order."""

    ENGINE = "engine"
    USER = "user"


class Sort(StrEnum):
    """The direction of a listing."""

    ASC = "asc"
    DESC = "desc"


Amount: TypeAlias = Decimal | int | str | float
"""What a call takes for an amount; a ``float`` is taken by its shortest text (``0.1`` is ``Decimal("0.1")``)."""


class Value:
    """Equality and text for the classes below, written once: attrs would compile both for each at import.

    They have no slot for weak references, because the codec makes them from a twin class, and Python 3.11 sees
    another layout where there is one.
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
    """A kind of balance of a program: its unit, bounds, rounding and expiry."""

    id: str = ""
    """UUID."""
    name: str | None = None
    description: str | None = None
    image_ref: str | None = None
    """URL of a picture."""
    meta: dict[str, Any] | None = None
    """Free map; ``isInternal`` hides the balance from members' reads."""
    unit: Unit | str | None = None
    min_amount: Decimal | None = None
    """Floor of the balance."""
    max_amount: Decimal | None = None
    """Cap of the balance."""
    max_credit_amount_limit: Decimal | None = None
    """Cap of a single credit."""
    max_debit_amount_limit: Decimal | None = None
    """Cap of a single debit."""
    balance_option_amount_overtaking_strategy: OvertakingStrategy | str | None = None
    balance_option_credit_rounding: Rounding | str | None = None
    balance_option_debit_rounding: Rounding | str | None = None
    balance_availability_duration_value: int | None = None
    """How many units credited points live."""
    balance_availability_duration_unit: DurationUnit | str | None = None
    balance_availability_duration_modifier: DurationModifier | str | None = None
    balance_expiration_date: str | None = None
    """``dd/mm``: points expire the next time that day comes round. An alternative to the duration."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceLimit(Value):
    """A limit on operations of one type within a window of time."""

    id: str = ""
    """UUID."""
    balance_definition_id: str | None = None
    transaction_type: TransactionType | str | None = None
    constraint_type: ConstraintType | str | None = None
    duration_value: int | None = None
    duration_unit: DurationUnit | str | None = None
    value: Decimal | None = None
    """Operations or points allowed in the window; answers may carry fractions."""
    sliding_schedule: bool | None = None
    """True: a rolling window. False: presumably the calendar unit (undocumented)."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Transaction(Value):
    """A credit or debit: a draft, or what became of it."""

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    """As the server states it: it may have been rounded, and the sign of a debit is undocumented."""
    balance: Decimal | None = None
    """The contact's new balance; only on the call that changed it (since September 2026)."""
    transaction_type: TransactionType | str | None = None
    meta: dict[str, Any] | None = None
    """The map given when it was begun."""
    status: TransactionStatus | str | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    contact_id: int | None = None
    event_time: datetime | None = None
    """When it happened, as the caller said."""
    reject_reason: str | None = None
    rejected_at: datetime | None = None
    expiration_date: datetime | None = None
    """When the *draft* ends (from ``ttl``), not when the points do."""
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionRecord(Value):
    """One row of a contact's transaction history."""

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
    """When the credited points expire; kept as text where it is no timestamp."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class BalanceOrder(Value):
    """A grant scheduled for later, tied to a purchase. Brevo offers no way to read or list orders."""

    id: str = ""
    """UUID of the order."""
    transaction_id: str | None = field(default=None, metadata={"wire": "transactionid"})
    """UUID of the transaction it makes, to be completed or cancelled; all lower case on the wire."""
    contact_id: int | None = None
    loyalty_program_id: str | None = None
    balance_definition_id: str | None = None
    amount: Decimal | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    processed_at: datetime | None = None
    """Empty until it has run."""
    source: OrderSource | str | None = None
    meta: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalance(Value):
    """One member's balance in the listing of one definition."""

    contact_id: int | None = None
    loyalty_subscription_id: str | None = None
    updated_at: datetime | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalance(Value):
    """A lot of points a contact still holds, with its own expiry."""

    id: str = ""
    """UUID."""
    amount: Decimal | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """None: these points do not expire."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalance(Value):
    """One of the balances a contact holds."""

    balance_definition_id: str | None = None
    value: Decimal | None = None
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class SubscriptionBalances(Value):
    """All balances of one contact. Brevo's guides show a bare array instead; both are read as this."""

    loyalty_program_id: str | None = None
    contact_id: int | None = None
    balance: tuple[SubscriptionBalance, ...] = ()
    """One entry for each definition; the wire's name is singular."""
    extra: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Balance(Value):
    """A balance as it is created for a contact."""

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
    """An answer of the definition listing; it states no count."""

    items: tuple[BalanceDefinition, ...] | None = None
    """None: the answer holds no listing at all."""


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ContactBalancePage(Value):
    """An answer of the contact-balance listing."""

    items: tuple[ContactBalance, ...] = field(default=(), metadata={"wire": "balances"})
    count: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class ActiveBalancePage(Value):
    """An answer of the active-balance listing."""

    items: tuple[ActiveBalance, ...] = field(default=(), metadata={"wire": "activeBalances"})
    count: int | None = None
    contact_id: int | None = None
    balance_definition_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class TransactionHistoryPage(Value):
    """An answer of the transaction history."""

    items: tuple[TransactionRecord, ...] = field(default=(), metadata={"wire": "transactionHistory"})
    count: int | None = None
    """Of all transactions, not of this page."""
    contact_id: int | None = None
    balance_definition_id: str | None = None


@frozen
class QuotaState:
    """What the account's quota headers last said, and what was sent since: ``client.quota``.

    Brevo sends ``x-sib-ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds left) on every answer. They count all
    loyalty calls of the account together, those of other processes too (https://developers.brevo.com/docs/api-limits).
    """

    limit: int
    """Requests that the account may send in a window (600 to 3,600 an hour, by plan)."""
    remaining: int
    """Requests that may still be sent, as known now: what the last answer said less what was sent since, and less the
    second permits of holds."""
    resets_in: float
    """Seconds from ``observed_at`` to the end of the window."""
    observed_at: datetime
    """When that answer came, in UTC by this machine's clock."""
