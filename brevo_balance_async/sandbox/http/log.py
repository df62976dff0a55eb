"""What reached the sandbox, request by request."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from .redaction import redacted_body, redacted_headers, redacted_query, redacted_text
from .sharing import shared_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from multidict import MultiDictProxy, MultiMapping


@frozen(kw_only=True)
class RequestRecord:
    """One request that was read, and what became of it."""

    seq: int
    """1 for the first request."""
    operation: str | None
    """As in ``transactions.begin``; None for a path that is no operation."""
    method: str
    path: str
    query: MultiMapping[str]
    """A mapping of names to values; ``getall`` gives every value of a name that was repeated."""
    headers: Mapping[str, str]
    """By lower-case name. Of a credential no more than the last four characters is kept."""
    body: Any
    """Parsed JSON; None when there was none, or none that could be parsed."""
    status: int | None = None
    """The status answered; None while nothing is, or when the connection ended without one."""
    applied: bool = False
    """Whether the operation was carried out, whatever the caller was told."""
    fault: str | None = None
    """The name of the fault that hit the request."""


class RequestLog:
    """The last ``size`` records, oldest first, as a read-only sequence.

    A record is there as soon as its request has been read, and is replaced by a fuller one before an answer leaves.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Forget all records and counts."""
        self._seq = 0
        self._records: dict[int, RequestRecord] = {}
        self._hits: Counter[str | None] = Counter()
        self._applied: Counter[str | None] = Counter()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(list(self._records.values()))

    def __getitem__(self, index: int) -> RequestRecord:
        return list(self._records.values())[index]

    def hits(self, operation: str | None = None) -> int:
        """How many requests reached an operation since the start, or all of them."""
        return self._seq if operation is None else self._hits[operation]

    def counts(self) -> dict[str, dict[str, int]]:
        """By operation, how many requests reached it and how many were carried out."""
        return {
            name: {"hits": hits, "applied": self._applied[name]}
            for name, hits in self._hits.items()
            if name is not None
        }

    def of(self, operation: str) -> list[RequestRecord]:
        """The records of one operation."""
        return [record for record in self if record.operation == operation]

    def open(
        self,
        *,
        operation: str | None,
        method: str,
        path: str,
        query: MultiDictProxy[str],
        headers: Mapping[str, str],
        body: Any,
    ) -> RequestRecord:
        """Enter a request that has been read, without its credentials."""
        self._seq += 1
        record = RequestRecord(
            seq=self._seq,
            operation=operation,
            method=method,
            path=shared_text(redacted_text(path)),
            query=redacted_query(query),
            headers=redacted_headers(headers),
            body=redacted_body(body),
        )
        self._records[record.seq] = record
        self._hits[record.operation] += 1
        if len(self._records) > self._size:
            del self._records[next(iter(self._records))]
        return record

    def settle(self, record: RequestRecord, **outcome: Any) -> None:
        """Note what became of a request; to be called once."""
        if outcome.get("applied"):
            self._applied[record.operation] += 1
        if record.seq in self._records:
            self._records[record.seq] = evolve(record, **outcome)
