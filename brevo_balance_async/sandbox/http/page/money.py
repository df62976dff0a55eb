"""Programs with their balances, and one contact's history with the line of its balance."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from brevo_balance_async.sandbox.http.guard import PREFIX
from brevo_balance_async.sandbox.http.wire import number_text, write_json

from .html import Html, joined, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from brevo_balance_async.sandbox.http.handles import Handles
    from brevo_balance_async.sandbox.rules.account import Account
    from brevo_balance_async.sandbox.rules.book import Book
    from brevo_balance_async.sandbox.rules.program import Program
    from brevo_balance_async.sandbox.rules.records import Definition, Transaction

_BALANCES = 20
_ROWS = 100
_POINTS = 200
_WIDTH, _HEIGHT = 600, 80


def amount(value: Decimal) -> str:
    """``12,340.5``: as exact as it is, with the thousands apart."""
    whole, point, places = number_text(value).partition(".")
    return f"{int(whole):,}" + point + places if places else f"{int(whole):,}"


def programs_section(sandbox: Handles) -> Html:
    """Every program with its definitions, and for each the balances that changed last."""
    sandbox.ledger.settle()
    programs = list(sandbox.ledger.catalogue)
    if not programs:
        note = "No program yet. Any program exists as soon as a request names it."
        if sandbox.ledger.strict:
            note = "There is no program. The sandbox is strict: programs and contacts must be seeded."
        return tag("section", tag("h2", "Programs"), tag("p", note, class_="empty"), class_="card")
    return joined(_program(program) for program in programs)


def _program(program: Program) -> Html:
    parts = [
        tag(
            "div",
            tag("h3", definition.name, " ", tag("small", definition.unit)),
            tag("code", definition.id, class_="id"),
            _balances(program, definition, program.book(definition.id)),
            class_="definition",
        )
        for definition in program.draft.definitions.values()
    ]
    return tag(
        "section",
        tag("h2", "Program ", tag("code", program.id, class_="id")),
        tag("p", f"{len(program.members):,} members", class_="note"),
        *parts or [tag("p", "It has no balance definition yet.", class_="empty")],
        class_="card",
    )


def _balances(program: Program, definition: Definition, book: Book) -> Html:
    ranking = book.ranked("updatedAt")
    rows = [
        (
            tag("a", account.contact_id, href=_address(program, definition, account)),
            program.members.get(account.contact_id, ""),
            amount(account.balance),
            len(account.drafts),
            tag("span", f"{account.updated_at:%d %b, %H:%M:%S}", class_="when"),
        )
        for account in ranking.between(0, _BALANCES, descending=True)
    ]
    heads = ("Contact", "-Subscription", "#Balance", "#Drafts", "-Changed")
    more = f"and {len(ranking) - _BALANCES:,} more" if len(ranking) > _BALANCES else None
    return joined([table(heads, rows, "No contact has a balance."), more and tag("p", more, class_="note")])


def _address(program: Program, definition: Definition, account: Account) -> str:
    query = {"program": program.id, "definition": definition.id, "contact": account.contact_id}
    return f"{PREFIX}?{urlencode(query)}"


def history_section(sandbox: Handles, query: Mapping[str, str]) -> Html:
    """One contact's newest transactions, and the line of its balance."""
    back = tag("p", tag("a", "All programs", href=PREFIX), class_="note")
    account = _account(sandbox, query)
    if account is None:
        return tag("section", back, tag("p", "There is no such balance.", class_="empty"), class_="card")
    listing = account.history.rows()
    rows = listing.between(max(0, len(listing) - _ROWS), len(listing))
    return tag(
        "section",
        back,
        tag("h2", f"Contact {query['contact']}"),
        tag("p", amount(account.balance), class_="big"),
        tag("p", _counted(len(listing), len(account.drafts)), class_="note"),
        _sparkline(_line(rows, account.balance)),
        table(
            ("Created", "#Amount", "Status", "-Meta", "-Id"),
            (_row(row) for row in reversed(rows)),
            "Nothing has happened yet.",
        ),
        class_="card",
    )


def _account(sandbox: Handles, query: Mapping[str, str]) -> Account | None:
    sandbox.ledger.settle()
    contact, program_id = query.get("contact", ""), query.get("program", "")
    for program in sandbox.ledger.catalogue:
        if program.id == program_id and contact.isascii() and contact.isdigit():
            books: dict[str, Book] = dict(program.books_by_definition())
            book = books.get(query.get("definition", ""))
            return book.find(int(contact[:20])) if book else None
    return None


def _row(row: Transaction) -> Sequence[Any]:
    return (
        tag("span", f"{row.created_at:%d %b, %H:%M:%S}", class_="when", title=row.created_at.isoformat()),
        amount(row.size if row.kind == "credit" else -row.size),
        joined([tag("span", row.status, class_=f"status {row.status}"), _reason(row)]),
        tag("code", write_json(row.meta)[:200]) if row.meta else "",
        tag("code", row.id, class_="id"),
    )


def _counted(transactions: int, drafts: int) -> str:
    words = [f"{transactions:,} transaction" + "s" * (transactions != 1)]
    words += [f"{drafts:,} of them a draft" if drafts == 1 else f"{drafts:,} of them drafts"]
    return ", ".join(words)


def _reason(row: Transaction) -> Html | None:
    return tag("small", row.reject_reason) if row.reject_reason else None


def _line(rows: Sequence[Transaction], balance: Decimal) -> list[float]:
    """The balance after each completed one of ``rows``, reckoned back from what it is now."""
    moves = sorted((row for row in rows if row.status == "completed"), key=lambda row: row.updated_at)
    values = [float(balance)]
    for row in islice(reversed(moves), _POINTS):
        values.append(values[-1] - float(row.size if row.kind == "credit" else -row.size))
    return values[::-1]


def _sparkline(values: Sequence[float]) -> Html | None:
    if len(values) < 2:
        return None
    low, high = min(*values, 0.0), max(values)
    span = high - low or 1.0
    path = "".join(_steps(values, low, span))
    label = f"balance from {values[0]:,g} to {values[-1]:,g}"
    return tag(
        "svg",
        tag("title", label),
        tag("path", d=path, class_="line"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        class_="spark",
    )


def _steps(values: Sequence[float], low: float, span: float) -> Iterator[str]:
    """A path of steps: a balance changes at once, not gradually."""
    for at, value in enumerate(values):
        x = at * _WIDTH / (len(values) - 1)
        y = _HEIGHT - 3 - (value - low) / span * (_HEIGHT - 6)
        yield f"M{x:.1f} {y:.1f}" if at == 0 else f"H{x:.1f}V{y:.1f}"
