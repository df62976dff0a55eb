"""Control routes that look: what there is, what the ledger says, what came in, and whether that was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import asdict

from brevo_balance_async.sandbox.http.answers import Answers
from brevo_balance_async.sandbox.http.bodies import KINDS
from brevo_balance_async.sandbox.http.verification import differences, found
from brevo_balance_async.sandbox.http.wire import write_json
from brevo_balance_async.sandbox.rules.amounts import ZERO
from brevo_balance_async.sandbox.rules.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brevo_balance_async.sandbox.http.fields import Fields
    from brevo_balance_async.sandbox.http.handles import Handles
    from brevo_balance_async.sandbox.http.log import RequestRecord
    from brevo_balance_async.sandbox.rules.account import Account
    from brevo_balance_async.sandbox.rules.records import Transaction

    from .asked import Asked

_T = TypeVar("_T")
_DEFAULT_LIMIT = 100
_MOST = 1000
PAGING = ("limit", "offset", "sort")
LEDGER_NAMES = ("program", "balanceDefinitionId", "contactId", "status", "transactionType", "meta", *PAGING)
REQUESTS_NAMES = ("operation", "status", "applied", "fault", *PAGING)
_STATUSES = ("draft", "completed", "rejected", "cancelled", "expired")

ABOUT = "a sandbox that imitates Brevo's Loyalty Balance API; nothing here reaches Brevo"


def health(_: Handles, __: Asked) -> Any:
    """``GET health``."""
    return {"status": "ok", "about": ABOUT}


def state(sandbox: Handles, _: Asked) -> Any:
    """``GET state``: what this is, and how much there is of everything."""
    return {
        "about": ABOUT,
        "baseUrl": sandbox.base_url,
        "now": sandbox.clock.now(),
        "strict": sandbox.ledger.strict,
        "requests": sandbox.requests.hits(),
        "programs": [
            {
                "id": program.id,
                "definitions": list(program.draft.definitions),
                "members": len(program.members),
            }
            for program in sandbox.ledger.catalogue
        ],
        "accounts": sum(1 for _ in sandbox.ledger.accounts()),
        "faults": len(sandbox.faults),
        "rph": sandbox.quota.limit,
    }


def openapi(sandbox: Handles, _: Asked) -> Any:
    """``GET openapi.json``: the API's routes as they are served, as the switches are set."""
    from brevo_balance_async.sandbox.http.openapi.document import document  # noqa: PLC0415 - few ask for it

    return document(sandbox.base_url.removesuffix("/v3"), sandbox.switches)


def ledger(sandbox: Handles, asked: Asked) -> Any:
    """``GET ledger``: transactions and balances that fit the filters, a page of each, the newest first."""
    fields = asked.fields
    program_id, definition_id = fields.uuid("program"), fields.uuid("balanceDefinitionId")
    contact_id = fields.integer("contactId", least=1)
    status, kind = fields.word("status", _STATUSES), fields.word("transactionType", KINDS)
    meta = _meta_pair(fields)
    transactions = [
        each
        for each in sandbox.ledger.transactions(program_id, definition_id, contact_id)
        if status in (None, each.status) and kind in (None, each.kind) and (not meta or _has(each, *meta))
    ]
    balances = list(_balances(sandbox, program_id, definition_id, contact_id))
    answers = Answers(sandbox.switches)
    return {
        "transactions": _page(fields, transactions, "items", lambda row: _transaction(answers, row)),
        "balances": _page(fields, balances, "items", lambda row: row),
    }


def _transaction(answers: Answers, transaction: Transaction) -> dict[str, Any]:
    """A transaction as Brevo writes it, but without the balance after it, which is not kept."""
    written = answers.transaction(transaction, ZERO)
    written.pop("balance", None)
    return written


def _balances(
    sandbox: Handles, program_id: str | None, definition_id: str | None, contact_id: int | None
) -> Iterator[dict[str, Any]]:
    """The balances, as of the last look at the transactions."""
    for program in sandbox.ledger.catalogue:
        for definition, book in program.books_by_definition():
            if program_id in (None, program.id) and definition_id in (None, definition):
                accounts = book if contact_id is None else filter(None, [book.find(contact_id)])
                yield from (_balance(program.id, definition, account) for account in accounts)


def _balance(program_id: str, definition_id: str, account: Account) -> dict[str, Any]:
    return {
        "loyaltyProgramId": program_id,
        "balanceDefinitionId": definition_id,
        "contactId": account.contact_id,
        "value": account.balance,
        "drafts": len(account.drafts),
        "updatedAt": account.updated_at,
    }


def _meta_pair(fields: Fields) -> tuple[str, str] | None:
    text = fields.text("meta")
    if text is None:
        return None
    name, colon, value = text.partition(":")
    if not colon:
        raise invalid("meta must be NAME:VALUE, as in reference:order-42")
    return name, value


def _has(transaction: Transaction, name: str, value: str) -> bool:
    meta = transaction.meta or {}
    if name not in meta:
        return False
    return value == (meta[name] if isinstance(meta[name], str) else write_json(meta[name]))


def hits(sandbox: Handles, asked: Asked) -> Any:
    """``GET hits``: how many requests reached each operation, and how many were carried out."""
    operation = asked.fields.text("operation")
    counts = sandbox.requests.counts()
    if operation is not None:
        return counts.get(operation, {"hits": 0, "applied": 0})
    return {"hits": sandbox.requests.hits(), "operations": counts}


def expect(sandbox: Handles, asked: Asked) -> Any:
    """``POST expect``: whether the counts are these, and if not, what is different."""
    expected = {name: _counts(asked.fields, name) for name in ("hits", "applied")}
    only = asked.fields.flag("only") or False
    difference = differences(sandbox.requests, **expected, only=only)
    return {"met": not difference, "difference": difference}


def _counts(fields: Fields, name: str) -> dict[str, int]:
    counts = fields.mapping(name) or {}
    if not all(type(count) is int and count >= 0 for count in counts.values()):
        raise invalid(f'{name} must be counts by operation, as in {{"transactions.begin": 3}}')
    return counts


def requests(sandbox: Handles, asked: Asked) -> Any:
    """``GET requests``: a page of the log, the oldest first."""
    fields = asked.fields
    records = found(
        sandbox.requests,
        operation=fields.text("operation"),
        status=fields.integer("status"),
        applied=fields.flag("applied"),
        fault=fields.text("fault"),
    )
    return _page(fields, records, "requests", request_row)


def request_row(record: RequestRecord) -> dict[str, Any]:
    """A record as the routes tell it; the query's values a list where a name was repeated."""
    values = {name: record.query.getall(name) for name in record.query}
    query = {name: each[0] if len(each) == 1 else each for name, each in values.items()}
    return asdict(record, recurse=False) | {"query": query, "headers": dict(record.headers)}


def _page(fields: Fields, rows: Sequence[_T], name: str, write: Callable[[_T], Any]) -> dict[str, Any]:
    """``limit`` rows from ``offset`` on, and how many there are in all."""
    limit = fields.integer("limit", least=1, most=_MOST) or _DEFAULT_LIMIT
    offset = fields.integer("offset", least=0) or 0
    if fields.word("sort", ("asc", "desc")) == "desc":
        rows = rows[::-1]
    return {"count": len(rows), name: [write(row) for row in rows[offset : offset + limit]]}
