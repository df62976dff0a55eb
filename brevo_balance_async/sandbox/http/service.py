"""From a request that was read to its answer: log, access, quota, operation. No sockets here."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from multidict import MultiDict

from brevo_balance_async.sandbox.rules.refusals import Refusal, not_allowed, not_found, not_imitated

from .bodies import check_object
from .operations.call import Call, read_query
from .operations.transactions import answer_transaction
from .received import Received, parsed
from .redaction import to_be_done_again
from .replies import Answer, Replies, quota_used_up
from .routes import Operation, Route, find_route, is_imitated
from .wire import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import TypeVar

    from multidict import MultiDictProxy

    from brevo_balance_async.sandbox.rules.ledger import Ledger
    from brevo_balance_async.sandbox.rules.records import Commit
    from brevo_balance_async.sandbox.state import Change

    from .access import Access
    from .journal import Journal
    from .log import RequestLog
    from .quota import ServerQuota

    T = TypeVar("T")


_COMMITTED_AFTER = "sandbox-committed-after"
"""The query parameter that marks, in the state file, a complete that took time; its value is the seconds."""


class Service:
    """The API behind the sockets."""

    def __init__(self, ledger: Ledger, access: Access, quota: ServerQuota, log: RequestLog) -> None:
        self.ledger = ledger
        self.access = access
        self._quota = quota
        self._log = log
        self.replies: Replies = Replies(ledger, quota)
        self.journal: Journal | None = None
        """Where changes are noted, when there is a state file."""

    def receive(
        self,
        method: str,
        path: str,
        query: MultiDictProxy[str],
        headers: Mapping[str, str],
        content: bytes,
        unread: Refusal | None = None,
    ) -> Received:
        """Enter a request into the log; ``unread`` is why its body could not be read."""
        route = find_route(method, path)
        body, unparsed = parsed(content)
        record = self._log.open(
            operation=route.operation.name if route and route.operation else None,
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
        )
        return Received(record, route, query, headers, body, unparsed, unread, path, content)

    def settle(
        self, received: Received, status: int | None, *, applied: bool, fault: str | None = None
    ) -> None:
        """Note in the log what became of a request."""
        self._log.settle(received.record, status=status, applied=applied, fault=fault)

    def perform(self, received: Received) -> Answer:
        """The answer to a request, the operation carried out if nothing forbids it."""
        try:
            self._admit(received)
            value = self._run(received)
        except Refusal as refusal:
            return self.replies.refused(refusal)
        return self.replies.answer(200 if value is not None else 204, value, applied=True)

    def start_completing(self, received: Received, seconds: float) -> Commit | Answer:
        """Check what a complete asks for; ``finish_completing`` answers it in ``seconds`` of the sandbox's clock.

        What is refused at once is answered at once, and so is any other operation.
        """
        if received.record.operation != "transactions.complete":
            return self.perform(received)
        try:
            self._admit(received)
            _, call = self._call(received)
            return self._noted(
                received,
                lambda: self.ledger.start_completing(call.program_id, call.ids[0], seconds),
                **{_COMMITTED_AFTER: seconds},
            )
        except Refusal as refusal:
            return self.replies.refused(refusal)

    def finish_completing(self, commit: Commit) -> Answer:
        """What became of a complete that took its time."""
        try:
            transaction = self.ledger.finish_completing(commit)
        except Refusal as refusal:
            return self.replies.refused(refusal)
        return self.replies.answer(200, answer_transaction(self.ledger, transaction), applied=True)

    def now(self) -> datetime:
        """The moment on the sandbox's clock."""
        return self.ledger.clock.now()

    def charge(self, received: Received) -> None:
        """Count a request that is not carried out against the quota, if its caller is known."""
        with suppress(Refusal):
            self._admit(received)

    def _admit(self, received: Received) -> None:
        self.access.check(received.record.method, received.headers)
        if not self._quota.spend():
            raise quota_used_up()

    def _run(self, received: Received) -> Any:
        operation, call = self._call(received)
        return self._noted(received, lambda: _carried_out(operation, call))

    def _noted(self, received: Received, work: Callable[[], T], **how: object) -> T:
        """Do ``work`` and, where there is a state file, note what asked for it; ``how`` is added to its query.

        As in the log no credentials are noted: no operation reads a member with such a name.
        """
        if self.journal is None:
            return work()
        record, body = received.record, to_be_done_again(received.body)
        query = [*record.query.items(), *how.items()]
        target = f"{record.path}?{urlencode(query)}" if query else record.path
        content = b""  # what is no object is read by no operation
        if isinstance(body, dict):
            content = received.content if body is received.body else write_json(body).encode()
        return self.journal.carry_out(
            record.method, target, content, work, reads=record.method in {"GET", "HEAD"}
        )

    def redo(self, change: Change) -> Any:
        """Repeat what a request to an operation did, without asking for a key."""
        path, _, query = change.target.partition("?")
        members = MultiDict(parse_qsl(query, keep_blank_values=True))
        seconds = members.pop(_COMMITTED_AFTER, None)
        operation, call = self._called(find_route(change.method, path), members, *parsed(change.content))
        if seconds is not None:
            return self.ledger.start_completing(call.program_id, call.ids[0], float(seconds))
        return _carried_out(operation, call)

    def _call(self, received: Received) -> tuple[Operation, Call]:
        if (
            received.unread is not None
            and received.route is not None
            and received.route.operation is not None
        ):
            raise received.unread
        if received.route is None and not is_imitated(received.path):
            raise not_imitated(received.record.method, received.record.path)
        return self._called(received.route, received.query, received.body, received.unparsed)

    def _called(
        self, route: Route | None, query: Mapping[str, str], body: Any, unparsed: Refusal | None
    ) -> tuple[Operation, Call]:
        if route is None:
            raise not_found("route")
        if route.operation is None:
            raise not_allowed(route.methods)
        program_id, ids = route.checked_ids()
        switches = self.ledger.switches
        members = read_query(query, switches)
        if route.operation.takes_body:
            check_object(body, unparsed, switches)
        return route.operation, Call(self.ledger, program_id, ids, members, body)


def _carried_out(operation: Operation, call: Call) -> Any:
    if operation.edits_rules:
        call.ledger.settle()  # what has fallen due is judged by the rules as they were
    return operation.run(call)
