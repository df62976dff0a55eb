"""Scripted misbehaviour: which requests go wrong, and how."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from attrs import define, field, setters
from attrs.validators import ge, gt, instance_of, le, optional

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .effects import Effect


def _from_one(_: object, __: object, numbers: frozenset[int] | None) -> None:
    if numbers is not None and not all(number >= 1 for number in numbers):
        raise ValueError("nth counts from 1")


def _numbers(nth: int | Iterable[int] | None) -> frozenset[int] | None:
    if nth is None:
        return None
    return frozenset([nth] if isinstance(nth, int) else nth)


@define(kw_only=True, on_setattr=setters.frozen, eq=False)
class Fault:
    """An effect and the requests it hits; all conditions given must hold."""

    effect: Effect
    operation: str | None = None
    """As in ``transactions.begin``; None: any."""
    contact_id: int | None = None
    """The contact that the body, the query or the path names."""
    nth: frozenset[int] | None = field(default=None, converter=_numbers, validator=_from_one)
    """Which of the matching requests, counted from 1."""
    every: int | None = field(default=None, validator=optional(ge(1)))
    """N: every N-th of the matching requests."""
    probability: float | None = field(default=None, validator=optional([gt(0), le(1)]))
    """The share of matching requests that is hit, drawn from ``seed``."""
    seed: int = field(default=0, validator=instance_of(int))
    times: int | None = field(default=None, validator=optional(ge(1)))
    """How often at most."""
    matched: int = field(default=0, init=False, on_setattr=setters.NO_OP)
    """Requests that matched so far."""
    fired: int = field(default=0, init=False, on_setattr=setters.NO_OP)
    """Requests that were hit so far."""
    _random: Random = field(init=False, repr=False)

    @_random.default
    def _seeded(self) -> Random:
        return Random(self.seed)

    def strikes(self, operation: str | None, contact_id: int | None) -> bool:
        """Count a request, and say whether its number, the odds and ``times`` let it be hit."""
        if self.operation not in (None, operation) or self.contact_id not in (None, contact_id):
            return False
        self.matched += 1
        return (
            (self.nth is None or self.matched in self.nth)
            and (self.every is None or self.matched % self.every == 0)
            and (self.probability is None or self._random.random() < self.probability)
            and (self.times is None or self.fired < self.times)
        )


class Faults:
    """The script. A request is hit by the first fault that strikes; every fault counts every request it matches.

    ``operations`` are the names that a fault may be limited to.
    """

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._faults: list[Fault] = []

    def __len__(self) -> int:
        return len(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._faults))

    def add(
        self,
        effect: Effect,
        *,
        operation: str | None = None,
        nth: int | Iterable[int] | None = None,
        every: int | None = None,
        probability: float | None = None,
        seed: int = 0,
        contact_id: int | None = None,
        times: int | None = None,
    ) -> Fault:
        """Add a fault to the end of the script and return it; its ``fired`` tells how often it hit.

        ``nth`` is a number or several, counted from 1 among the requests that match ``operation`` and ``contact_id``.
        Raises ``ValueError`` for an operation that does not exist and for numbers that make no sense.
        """
        if operation is not None and operation not in self._operations:
            raise ValueError(
                f"no such operation: {operation}; there are {', '.join(sorted(self._operations))}"
            )
        fault = Fault(
            effect=effect,
            operation=operation,
            nth=nth,
            every=every,
            probability=probability,
            seed=seed,
            contact_id=contact_id,
            times=times,
        )
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault out of the script."""
        self._faults.remove(fault)

    def clear(self) -> None:
        """Empty the script."""
        self._faults.clear()

    def strike(self, operation: str | None, contact_id: int | None) -> Effect | None:
        """What goes wrong with the next request."""
        struck = [fault for fault in self._faults if fault.strikes(operation, contact_id)]
        if not struck:
            return None
        struck[0].fired += 1
        return struck[0].effect
