"""Which rows a walk has, and whether a page joins them. Here a gap is found.

For a listing whose rows are inserted and deleted while it is walked. A page is one contiguous snapshot of it.
``join`` gives the new rows of a page, or None if the page may have left a gap to the rows already seen.

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
Where no total is stated the second trace is missing: then a row can also be lost unseen if rows change places, as
rows with equal keys do on a server that sorts them anew for each answer. Such a listing is not promised to be whole.

Both have the same members, so a walk need not know which one it has.
"""

from __future__ import annotations

import operator
from array import array
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from brevo_balance_async.core.paging.listing import Listing

T = TypeVar("T")

MASK = 0x3FFF
"""Fingerprints are kept in this many arrays, and one more."""


class DisorderError(Exception):
    """The rows of an answer contradict what the frontier rests on; ``lasting`` if the next walk will meet that too."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class ByKey(Generic[T]):
    """The walk over a sort key that never changes; it began at record ``low``."""

    needs_total = False
    """Whether the total has to be compared at the end: that pages join does not prove that no row was lost."""

    def __init__(self, listing: Listing[T], key: Callable[[T], Any], low: int) -> None:
        self._identity = listing.identity
        self._key = key
        self._low = low
        self._before: Callable[[Any, Any], bool] | None = None  # known from the first page with two keys
        self._last: Any = None
        self._ties: set[Hashable] = set()  # the ids with the key _last
        self._page_end: Any = None
        self.same_end: bool = False
        """Whether the last page taken ends like the one before: here with the same key."""
        self.known: int = 0
        """How many rows of the last page taken stand before its first new one."""

    @property
    def overlap(self) -> int:
        """How many rows before the end of the last page the next one has to start: those tied, and one before."""
        return len(self._ties) + 1

    def join(self, rows: Sequence[T], at: int, *, sure: bool) -> Sequence[int] | None:
        """Take the page asked for at record ``at``: the indexes of its new rows, or None if there may be a gap.

        New are the rows after the furthest key, and those with that key and an id not seen with it. If it is not
        ``sure`` that the page starts at ``at``, it has to reach the furthest key.
        """
        keys, ids = self._ordered_keys(rows), _ids(rows, self._identity)
        earlier = 0
        while self._ties and self._before and earlier < len(keys) and self._before(keys[earlier], self._last):
            earlier += 1
        joins = earlier > 0 or not self._ties or at == self._low == 0
        if self._before is None and self._ties and keys and keys[-1] != self._last:
            joins = False  # one key so far, another one now: nobody knows which of them comes first
        if not sure and self._before and keys and self._before(keys[-1], self._last):
            return None
        if not joins and not (ids and self._ties.issuperset(ids)):
            return None
        # Rows of the furthest key alone are no proof of the end: another row with it may stand before them.
        self.same_end = joins and bool(keys) and keys[-1] == self._page_end
        self._page_end = keys[-1] if keys else self._page_end
        fresh = self._take(keys, ids, earlier)
        self.known = fresh[0] if fresh else len(keys)
        return fresh

    def _take(self, keys: list[Any], ids: list[Hashable], index: int) -> Sequence[int]:
        fresh: list[int] = []
        while self._ties and index < len(keys) and keys[index] == self._last:
            if ids[index] not in self._ties:
                self._ties.add(ids[index])
                fresh.append(index)
            index += 1
        if index == len(keys):
            return fresh
        later: Sequence[int] = range(index, len(keys))
        if len(set(ids[index:])) < len(later):  # a row twice in one page
            later = [each for each in later if ids[each] not in ids[index:each]]
        first = len(keys) - 1
        while first > 0 and keys[first - 1] == keys[-1]:
            first -= 1
        self._last, self._ties = keys[-1], set(ids[first:])
        return [*fresh, *later] if fresh else later

    def _ordered_keys(self, rows: Sequence[T]) -> list[Any]:
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


class ById(Generic[T]):
    """The walk that remembers every id; it began at record ``low``."""

    needs_total = True
    overlap = 1

    def __init__(self, listing: Listing[T], low: int) -> None:
        self._identity = listing.identity
        self._low = low
        self._seen: defaultdict[int, array[int]] = defaultdict(partial(array, "q"))
        self._last: int | None = None  # the last row of the last page
        self.same_end: bool = False
        """Whether the last page taken ends like the one before: here with the same row."""
        self.known: int = 0
        """How many rows of the last page taken end where the page before ended; if it is not there, as by key."""

    def join(self, rows: Sequence[T], at: int, *, sure: bool) -> Sequence[int] | None:
        """Take the page asked for at record ``at``: the indexes of its new rows, or None if there may be a gap.

        If it is not ``sure`` that the page starts at ``at``, it has to end with a new row, or like the page before.
        New are the rows whose id was not seen, unless they stand before the record at which the walk began.
        """
        # The hash of a tuple, because that of a number is the number and would fill few buckets.
        prints = [hash((ident,)) for ident in _ids(rows, self._identity)]
        seen = self._seen
        first = next((place for place, each in enumerate(prints) if each in seen[each & MASK]), None)
        begins = self._last is None or at == self._low == 0
        if not begins and (first is None or (first > 0 and at >= self._low)):
            return None
        if not (sure or begins) and prints[-1] != self._last and prints[-1] in seen[prints[-1] & MASK]:
            return None
        fresh: list[int] = []
        for place, each in enumerate(prints):
            bucket = seen[each & MASK]
            if each not in bucket:
                bucket.append(each)
                fresh.append(place)
        self.known = fresh[0] if fresh else len(prints)
        if self._last in prints:
            self.known = prints.index(self._last) + 1
        self.same_end = bool(prints) and prints[-1] == self._last
        self._last = prints[-1] if prints else self._last
        return fresh if begins or not first else [place for place in fresh if place > first]


Frontier: TypeAlias = ByKey[T] | ById[T]


def choose(listing: Listing[T], rows: Sequence[T], *, ordered: bool, low: int) -> Frontier[T]:
    """The stronger frontier, if the first page allows it; ``ordered`` False rules the sort key out.

    A walk that begins in the middle, at record ``low``, has to see the direction of the keys at once.
    """
    if ordered and listing.sort_key is not None:
        keys = [listing.sort_key(row) for row in rows]
        if _in_order(keys) and (low == 0 or keys[0] != keys[-1]):
            return ByKey(listing, listing.sort_key, low)
    return ById(listing, low)


def _ids(rows: Sequence[T], identity: Callable[[T], Hashable | None]) -> list[Hashable]:
    ids = [identity(row) for row in rows]
    if not all(ids) and (None in ids or "" in ids):
        raise DisorderError("a row came without an id")
    return ids


def _in_order(keys: list[Any]) -> bool:
    try:
        either = operator.le if not keys or keys[0] <= keys[-1] else operator.ge
        return all(map(either, keys, keys[1:]))
    except TypeError:  # None, or keys of different kinds
        return False
