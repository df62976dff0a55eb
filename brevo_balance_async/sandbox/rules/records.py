"""What the ledger keeps: definitions, limits, transactions, lots of points, orders."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from attrs import define, frozen

from .periods import later

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from decimal import Decimal


@frozen(kw_only=True)
class Definition:
    """The rules of one kind of balance; one version of it, draft or active."""

    id: str
    name: str
    unit: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    image_ref: str | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    max_credit: Decimal | None = None
    max_debit: Decimal | None = None
    overtaking: str | None = None
    credit_rounding: str | None = None
    debit_rounding: str | None = None
    duration_value: int | None = None
    duration_unit: str | None = None
    duration_modifier: str | None = None
    expires_on: tuple[int, int] | None = None
    """Day and month on which points lapse, every year."""
    meta: dict[str, Any] | None = None

    @property
    def internal(self) -> bool:
        """Hidden from members' reads unless ``includeInternal`` is sent."""
        return bool(self.meta and self.meta.get("isInternal") is True)


@frozen(kw_only=True)
class Limit:
    """At most so many transactions, or so much, in a window of time."""

    id: str
    definition_id: str
    kind: str
    """``credit`` or ``debit``."""
    counts: str
    """``transaction`` (how many) or ``amount`` (how much)."""
    duration_value: int
    duration_unit: str
    value: Decimal
    sliding: bool
    created_at: datetime
    updated_at: datetime


def flat(meta: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """Names and values in turn: what a ledger keeps a million times is half the size that way."""
    return None if meta is None else tuple(chain.from_iterable(meta.items()))


@define(kw_only=True, eq=False, weakref_slot=False)
class Transaction:
    """One credit or debit on its way from draft to its end."""

    id: str
    program_id: str
    definition_id: str
    contact_id: int
    subscription_id: str
    kind: str
    size: Decimal
    """How much, never negative; ``kind`` says which way."""
    sent_negative: bool
    """Whether the caller wrote the amount with a minus."""
    status: str
    flat_meta: tuple[Any, ...] | None
    event_time: datetime
    created_at: datetime
    updated_at: datetime
    draft_lifetime: timedelta | None = None
    """How long it may stay a draft; None: for ever."""
    points_lifetime: int | None = None
    """``balanceExpiryInMinutes``: minutes that the credited points live."""
    points_expire_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    rejected_at: datetime | None = None
    reject_reason: str | None = None

    @property
    def draft_expires_at(self) -> datetime | None:
        """When a draft expires."""
        return None if self.draft_lifetime is None else later(self.created_at, self.draft_lifetime)

    @property
    def meta(self) -> dict[str, Any] | None:
        """What the caller attached."""
        return (
            None
            if self.flat_meta is None
            else dict(zip(self.flat_meta[::2], self.flat_meta[1::2], strict=True))
        )


@define(kw_only=True, eq=False, weakref_slot=False)
class Lot:
    """What is left of one credit's points."""

    source: str
    """The UUID of what brought the points."""
    remaining: Decimal
    created_at: datetime
    expires_at: datetime | None

    @property
    def id(self) -> str:
        """The lot's own UUID, made out of its source's, which is kept anyway."""
        return f"{15 - int(self.source[0], 16):x}{self.source[1:]}"


@frozen(kw_only=True)
class Order:
    """A transaction to be completed at a later moment."""

    id: str
    transaction: Transaction
    source: str
    due_at: datetime
    expires_at: datetime | None
    created_at: datetime


@frozen(kw_only=True)
class CreatedBalance:
    """What creating a contact's balance answers."""

    id: str
    amount: Decimal
    created_at: datetime


@define(eq=False)
class Commit:
    """The end of a completion that takes its time: the draft was found live, what remains is to move the balance."""

    transaction: Transaction
    at: datetime
    done: bool = False
    """Whether the balance has moved."""
    refusal: str | None = None
    """Why it did not after all."""
