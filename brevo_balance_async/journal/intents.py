"""An intent in its canonical form, and the row that the journal keeps of it.

Two spellings of one wish must meet in one row: ids in lower case, amounts as normalised decimal text (``12.50`` is
``12.5``), times in UTC, references in NFC. What was stored is compared column by column.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Context, Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from brevo_balance_async.core import codec, validation
from brevo_balance_async.errors import InvalidRequestError, ReferenceConflictError
from brevo_balance_async.journal.tables import PARKED

if TYPE_CHECKING:
    from uuid import UUID

_EXACT: Final = Context(prec=28)  # the thread's own context may round to fewer digits
# Once: json.dumps with options makes an encoder in each call.
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
META_OF_OURS: Final = frozenset({"reference", "attempt"})
"""What is added to the meta of every transaction, so that history can be read by it."""


@frozen
class Intent:
    """One credit or debit that somebody wants, in canonical form."""

    reference: str
    contact: int
    amount: str
    details: str | None = None
    """JSON text with ``event_time``, ``meta`` and ``balance_expiry_in_minutes`` where they were given."""
    line: int | None = None
    """Where it stands in its source."""

    @property
    def payload_hash(self) -> str:
        """What is kept of contact, amount and details when the row is redacted."""
        return payload_hash(self.reference, self.contact, self.amount, self.details)

    def conflict(self, intent: Intent) -> ReferenceConflictError | None:
        """The error if another intent uses this one's reference for something else."""
        return _difference(self, intent)


@frozen
class Row:
    """An intent as the journal has it. ``now`` is the database's clock when it was read, in seconds."""

    scope: int
    reference: str
    batch: int
    line: int | None
    contact: int | None
    amount: str
    details: str | None
    payload_hash: str | None
    mode: str | None
    state: str
    owner: int | None
    attempts: int
    tid: str | None
    tid_at: float | None
    next_at: float
    looks: int
    pauses: int
    credited: str | None
    reason: str | None
    finished_at: float | None
    now: float
    inherited: bool = False
    """Taken from a worker that has died: what it sent last may be under way still."""

    @property
    def finished(self) -> bool:
        """Whether it is applied or refused."""
        return self.finished_at is not None

    @property
    def tried(self) -> bool:
        """Of an open row: whether it was tried and is not settled; a parked one was sent, whoever has died since."""
        return self.reason is not None or self.next_at >= PARKED

    @property
    def wait(self) -> float:
        """Seconds until it is due."""
        return max(0.0, self.next_at - self.now)

    @property
    def extras(self) -> dict[str, Any]:
        """``event_time``, ``meta`` and ``balance_expiry_in_minutes`` as ``transactions.begin`` takes them."""
        found: dict[str, Any] = json.loads(self.details) if self.details else {}
        if "event_time" in found:
            found["event_time"] = datetime.fromisoformat(found["event_time"])
        return found

    def conflict(self, intent: Intent) -> ReferenceConflictError | None:
        """The error if this row was stored for another payload."""
        if self.payload_hash is not None:
            if self.payload_hash == intent.payload_hash:
                return None
            return ReferenceConflictError(self.reference, "payload", "redacted", intent.amount)
        return _difference(self, intent)

    @property
    def takes_another_payload(self) -> bool:
        """Whether a load may correct it: nothing was sent that could count, and nobody is at it."""
        return (self.state == "planned" and self.owner is None) or self.amount == "0"


_DEFAULTS: Final[dict[str, Any]] = dict.fromkeys(("payload_hash", "mode", "tid", "tid_at", "credited")) | {
    "attempts": 0,
    "looks": 0,
    "pauses": 0,
}


def new_row(columns: dict[str, Any], now: float) -> Row:
    """The row that an INSERT of these columns has made; the others have their defaults."""
    return Row(now=now, **_DEFAULTS, **columns)


def intent(
    *,
    reference: str,
    contact_id: int,
    amount: Decimal | float | str,
    event_time: datetime | None = None,
    meta: dict[str, Any] | None = None,
    balance_expiry_in_minutes: int | None = None,
    line: int | None = None,
) -> Intent:
    """The canonical form; ``InvalidRequestError`` names the argument that cannot be right."""
    if event_time is not None:
        event_time = validation.timestamp("event_time", event_time)
    if balance_expiry_in_minutes is not None:
        validation.integer("balance_expiry_in_minutes", balance_expiry_in_minutes, least=1)
    return Intent(
        reference=validation.reference(reference),
        contact=validation.contact_id(contact_id),
        amount=canonical_amount(validation.amount(amount)),
        details=details(event_time, meta, balance_expiry_in_minutes),
        line=line,
    )


def details(
    event_time: datetime | None, meta: dict[str, Any] | None, balance_expiry_in_minutes: int | None
) -> str | None:
    """The JSON text of what not every intent has; time and minutes were checked before."""
    found: dict[str, Any] = {}
    if event_time is not None:
        found["event_time"] = codec.wire_time(event_time)
    if meta:
        found["meta"] = _meta(meta)
    if balance_expiry_in_minutes is not None:
        found["balance_expiry_in_minutes"] = balance_expiry_in_minutes
    return _encode(found) if found else None


def _difference(stored: Intent | Row, given: Intent) -> ReferenceConflictError | None:
    if (stored.contact, stored.amount, stored.details) == (given.contact, given.amount, given.details):
        return None
    old, new = _payload(stored), _payload(given)
    for field in sorted(old.keys() | new.keys()):
        if old.get(field) != new.get(field):
            return ReferenceConflictError(stored.reference, field, old.get(field), new.get(field))
    return None


def payload_hash(reference: str, contact: int, amount: str, details: str | None) -> str:
    """SHA-256 of a payload in canonical form."""
    return sha256(json.dumps([reference, contact, amount, details], ensure_ascii=False).encode()).hexdigest()


def _payload(of: Intent | Row) -> dict[str, Any]:
    """By the names of the arguments."""
    details = json.loads(of.details) if of.details else {}
    return {"contact_id": of.contact, "amount": of.amount, **details}


def canonical_amount(amount: Decimal) -> str:
    """Plain decimal text without zeros that say nothing."""
    return format(amount.normalize(_EXACT), "f")


def canonical_id(argument: str, value: str | UUID) -> str:
    """A UUID in lower case."""
    return validation.uuid(argument, value).lower()


def _meta(meta: dict[str, Any]) -> dict[str, Any]:
    if taken := META_OF_OURS & validation.mapping("meta", meta).keys():
        raise InvalidRequestError(
            "meta",
            f"must not hold {' or '.join(map(repr, sorted(taken)))}: that is added here, from the reference",
        )
    plain: dict[str, Any] = json.loads(codec.encode(meta, "meta"))
    return plain
