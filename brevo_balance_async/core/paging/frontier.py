"""How a walk knows which rows it has: by sort key, by id, or by position alone.

A frontier answers two questions about a page, which is always one contiguous snapshot of the listing: does it
join the rows already seen without a gap, and which of its rows are new?

**By key** (a row's key never changes). Let K be the furthest key seen. *Invariant: every row that exists
throughout the walk and whose key lies before K has been seen.* A page joins when its first key lies strictly
before K. It then holds every row that existed at that moment with K <= key < K', its own last key, in whatever
order ties came; so taking it makes the invariant true of K'. When the answers were asked for does not matter.
A row is new when its key lies after K, or equals K and its id is not among the ids seen with key K. No other id
is kept: memory does not grow with the walk.

**By id** (the key is mutable or unknown, or the rows do not come in its order). A page joins when its first row
was seen before. Every id is kept, as a 64-bit fingerprint: about 15 bytes a row. A row that jumps out of the
part not yet seen into the part already seen is lost; it leaves two traces, so both are looked for: rows already
seen are pushed along, and fewer rows come than the total says. Rows that go away can hide the second, so a total
that drops is no proof either. What stays unseen is a jump, a deletion and an insertion between the same two
answers. (Two ids with one fingerprint, 1 chance in 10 million for a million rows, would show in the total.)

**By position** (rows without an id). A page joins when the row at the last known position equals the one seen
there; the total must not change during the walk, and must be what was given.
"""

from __future__ import annotations

import operator
from array import array
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from brevo_balance_async.core.paging.listing import Listing

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


@define
class Signs:
    """What a walk noticed of changes: the stated total ``grew`` or ``shrank``."""

    grew: bool = False
    shrank: bool = False


class DisorderError(Exception):
    """The rows of an answer contradict what the frontier rests on; ``lasting`` if the next walk will meet that too."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Frontier(Protocol[T_contra]):
    """What a walk asks about a page. ``known`` counts the page's leading rows that lie at known positions.

    Where the walk began in the middle of the listing, an unseen row that stands before every seen one of its page
    is too early, not new.
    """

    @property
    def overlap(self) -> int:
        """How many rows before the end of the last page the next one has to start."""
        ...

    def begin(self, rows: Sequence[T_contra]) -> Sequence[int]:
        """Take the first page; the indexes of its new rows."""
        ...

    def join(self, rows: Sequence[T_contra], at: int, known: int) -> Sequence[int] | None:
        """Take the page, asked for at position ``at``, if it leaves no gap to the rows already seen.

        The indexes of its new rows, or None if there is a gap.
        """
        ...

    def ends(self, rows: Sequence[T_contra], final: T_contra | None) -> bool:
        """Whether the page has none but known rows, and ends with ``final``."""
        ...

    def complaint(self, total: int | None, given: int, signs: Signs) -> str:
        """Why ``given`` rows in all cannot be promised to be whole, or an empty string."""
        ...


class ByKey(Generic[T]):
    """The anchored walk over an immutable sort key."""

    def __init__(
        self, identity: Callable[[T], Hashable | None], key: Callable[[T], Any], *, floor: int
    ) -> None:
        self._identity = identity
        self._key = key
        self._late = floor > 0  # and no key after the first one has come
        self._before: Callable[[Any, Any], bool] | None = None  # known from the first page with two keys
        self._last: Any = None
        self._ties: set[Hashable] = set()

    @property
    def overlap(self) -> int:
        """The rows with the furthest key, and one before them."""
        return len(self._ties) + 1

    def begin(self, rows: Sequence[T]) -> Sequence[int]:
        """All rows but those that come twice."""
        return self._take(rows, self._keys(rows))

    def join(self, rows: Sequence[T], at: int, known: int) -> Sequence[int] | None:
        """The rows after the furthest key, or with that key and an id not seen with it.

        It joins if its first key lies strictly before the furthest one.
        """
        del known
        keys = self._keys(rows)
        if not keys or self._before is None:
            # All rows so far share one key: one with another key may lie before them or after.
            joins = at == 0 and (not keys or keys[-1] == self._last)
        else:
            joins = at == 0 or self._before(keys[0], self._last)
        return self._take(rows, keys) if joins else None

    def _take(self, rows: Sequence[T], keys: list[Any]) -> Sequence[int]:
        fresh: list[int] = []
        idents = [self._identity(row) for row in rows]
        if None in idents:
            raise DisorderError("a row came without an id, after rows with one", lasting=True)
        early = self._late and not self._ties.isdisjoint(idents)
        untied = len(keys) - 1  # from here on no two rows share a key
        while untied > 0 and keys[untied - 1] != keys[untied]:
            untied -= 1
        for index, (key, ident) in enumerate(zip(keys, idents, strict=True)):
            if index >= untied and not self._late and self._is_later(key):
                # Nearly always soon: each row is later than the one before it, so that all of them are new.
                self._last, self._ties = keys[-1], {idents[-1]}
                rest = range(index, len(rows))
                return [*fresh, *rest] if fresh else rest
            early = early and ident not in self._ties
            if self._before is not None and self._ties and self._before(key, self._last):
                continue
            if key != self._last:
                self._late = self._late and not self._ties
                self._last, self._ties = key, set()
            if ident not in self._ties:
                self._ties.add(ident)
                if not early:
                    fresh.append(index)
        return fresh

    def _is_later(self, key: Any) -> bool:
        if not self._ties:
            return True
        return self._before is not None and self._before(self._last, key)

    def _keys(self, rows: Sequence[T]) -> list[Any]:
        keys = [self._key(row) for row in rows]
        if not _in_order(keys):
            raise DisorderError("the rows are not in the order of their sort key", lasting=True)
        try:
            if self._before is None and keys and keys[0] != keys[-1]:
                self._before = operator.lt if keys[0] < keys[-1] else operator.gt
            if self._before is not None and keys and self._before(keys[-1], keys[0]):
                raise DisorderError("the rows are in the opposite order of the ones before")
            if self._ties and keys:
                operator.lt(keys[0], self._last)
        except TypeError:
            raise DisorderError("a sort key cannot be compared with the ones before", lasting=True) from None
        return keys

    def ends(self, rows: Sequence[T], final: T | None) -> bool:
        """Whether it ends with ``final``, or holds all rows with the furthest key, and nothing new."""
        idents = [self._identity(row) for row in rows]
        last = None if final is None else self._identity(final)
        if not (idents[-1] == last or self._ties.issubset(idents)):
            return False
        before = self._before or operator.ne
        keyed = zip(self._keys(rows), idents, strict=True)
        return all(ident in self._ties or before(key, self._last) for key, ident in keyed)

    def complaint(self, total: int | None, given: int, signs: Signs) -> str:
        """Nothing: the proof needs no total."""
        del total, given, signs
        return ""


class ById(Generic[T]):
    """The walk that remembers every id."""

    overlap = 1

    def __init__(self, identity: Callable[[T], Hashable | None], *, floor: int) -> None:
        self._identity = identity
        self._floor = floor
        self._seen: defaultdict[int, array[int]] = defaultdict(partial(array, "q"))
        self._last: int | None = None  # the last row of the last page
        self._pushed = False  # rows came in before it

    def _bucket(self, row: T) -> tuple[int, array[int]]:
        ident = self._identity(row)
        if ident is None:
            raise DisorderError("a row came without an id, after rows with one")
        fingerprint = hash((ident,))  # of a tuple: the hash of a number is the number, and fills few buckets
        return fingerprint, self._seen[fingerprint & 0x3FFF]

    def _has(self, row: T) -> bool:
        fingerprint, bucket = self._bucket(row)
        return fingerprint in bucket

    def begin(self, rows: Sequence[T]) -> Sequence[int]:
        """All rows but those that come twice."""
        return self._take(rows, 0)

    def join(self, rows: Sequence[T], at: int, known: int) -> Sequence[int] | None:
        """The rows whose id was not seen.

        It joins if its first row was seen, or any row if the page starts before the walk began.
        """
        if at < self._floor:
            joins = any(self._has(row) for row in rows)
        else:
            joins = at == 0 or (bool(rows) and self._has(rows[0]))
        return self._take(rows, known) if joins else None

    def _take(self, rows: Sequence[T], known: int) -> list[int]:
        fresh: list[int] = []
        early = self._floor > 0 and bool(self._seen)
        fingerprint = self._last
        for index, row in enumerate(rows):
            fingerprint, bucket = self._bucket(row)
            if fingerprint not in bucket:
                bucket.append(fingerprint)
                if not early:
                    fresh.append(index)
                continue
            early = False
            if fingerprint == self._last and index >= known:
                self._pushed = True
        self._last = fingerprint
        return fresh

    def ends(self, rows: Sequence[T], final: T | None) -> bool:
        """Whether all rows were seen, and ``final`` is the last."""
        same = final is not None and self._identity(rows[-1]) == self._identity(final)
        unseen = sum(not self._has(row) for row in rows) if same else 0
        return same and (unseen == 0 or (self._floor > 0 and self._has(rows[unseen])))

    def complaint(self, total: int | None, given: int, signs: Signs) -> str:
        """The number of rows has to be the total, which must not have dropped."""
        if signs.shrank or self._pushed:
            return (
                "rows went away or moved forward while they were walked, which can hide one that was missed"
            )
        return "" if total in (None, given) else f"{given} rows came, and the total says {total}"


class ByPosition(Generic[T]):
    """The walk over rows that cannot be told apart."""

    overlap = 1

    def __init__(self) -> None:
        self._last: T | None = None

    def begin(self, rows: Sequence[T]) -> Sequence[int]:
        """All rows."""
        self._last = rows[-1] if rows else None
        return range(len(rows))

    def join(self, rows: Sequence[T], at: int, known: int) -> Sequence[int] | None:
        """The rows at unknown positions; it joins if the row at the last known position is still there."""
        del at
        if not rows or not known:
            return None
        if len(rows) < known or rows[known - 1] != self._last:
            raise DisorderError("rows without an id moved while they were walked")
        self._last = rows[-1]
        return range(known, len(rows))

    def ends(self, rows: Sequence[T], final: T | None) -> bool:
        """Whether the last row equals ``final``."""
        return rows[-1] == final

    def complaint(self, total: int | None, given: int, signs: Signs) -> str:
        """The total has to stay what it is, and to be the number of rows."""
        if signs.grew or signs.shrank:
            return "the total changed while rows without an id were walked"
        return "" if total in (None, given) else f"{given} rows came, and the total says {total}"


def choose(listing: Listing[T], rows: Sequence[T], *, ordered: bool, floor: int) -> Frontier[T]:
    """The strongest frontier that the first page allows; ``ordered`` False rules the sort key out.

    ``floor`` is where the walk begins, or 0 if that is a row of a page which starts at 0.
    """
    if any(listing.identity(row) is None for row in rows):
        return ByPosition()
    if ordered and listing.sort_key is not None and _in_order([listing.sort_key(row) for row in rows]):
        return ByKey(listing.identity, listing.sort_key, floor=floor)
    return ById(listing.identity, floor=floor)


def _in_order(keys: list[Any]) -> bool:
    try:
        either = operator.le if not keys or keys[0] <= keys[-1] else operator.ge
        return all(map(either, keys, keys[1:]))
    except TypeError:  # None, or keys of different kinds
        return False
