"""The lists of values in the API as open enums, and two types of arguments: ``UNSET`` and ``Amount``.

Open: a value that Brevo adds later is read as a ``str`` and is no error.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, TypeAlias


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
