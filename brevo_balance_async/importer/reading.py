"""The rows of one source on their way into a journal or a plan: in parts, in order, each reference once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from brevo_balance_async.core.validation import shown
from brevo_balance_async.errors import MOST_PROBLEMS, InputFileError, InvalidRequestError, Problem
from brevo_balance_async.importer.entries import Entry
from brevo_balance_async.importer.seen import Seen
from brevo_balance_async.journal import Intent, details

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from brevo_balance_async.errors import ReferenceConflictError

Rows: TypeAlias = Iterable[Entry] | AsyncIterable[Entry]

_PART: Final = 1_000
"""Rows that share a commit."""


class Reading:
    """One pass over ``rows``. What is wrong is gathered, so that a source can be mended in one go."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.path = getattr(rows, "path", None) or "the rows"
        self.seen: Seen = Seen()
        self.rows: int = 0
        self.duplicates: int = 0
        """Rows whose reference and payload came before."""
        self.conflicts: int = 0
        """Rows whose reference was used for something else, in the source or in the journal."""
        self.problems: list[Problem] = []

    @property
    def source(self) -> str:
        """The name by which the next load of this source finds an unfinished one."""
        return str(self.path.absolute()) if isinstance(self.path, Path) else self.path

    async def parts(self) -> AsyncIterator[tuple[str, list[Intent]]]:
        """New intents in their order, each part of one definition.

        Raises ``InputFileError`` for rows that cannot be read; conflicts are left to ``check``.
        """
        part: list[tuple[str, Intent]] = []
        try:
            async for entry in _each(self._rows):
                self.rows += 1
                if not isinstance(entry, Entry):
                    raise InvalidRequestError("rows", f"must give Entry objects, not {shown(entry)}")
                line = self.rows if entry.line is None else entry.line
                try:
                    part.append((entry.balance_definition_id, _intent(entry, line)))
                except InvalidRequestError as error:
                    self._tell(Problem(line, error.argument, error.reason))
                if len(part) == _PART:
                    for each in self._new(part):
                        yield each
                    part = []
        except InputFileError as error:
            self._new(part)
            self.problems += error.problems
            self.check()
        for each in self._new(part):
            yield each

    def _new(self, part: list[tuple[str, Intent]]) -> Iterable[tuple[str, list[Intent]]]:
        """The intents of a part whose reference did not come before, by definition."""
        new: dict[str, list[Intent]] = {}
        for (definition, wanted), earlier in zip(part, self.seen.add(part), strict=True):
            if earlier is None:
                new.setdefault(definition, []).append(wanted)
            elif (conflict := earlier.conflict(wanted)) is None:
                self.duplicates += 1
            else:
                self.conflict(wanted.line, conflict, f"stands on line {earlier.line} already, with")
        return new.items()

    def conflict(
        self,
        line: int | None,
        conflict: ReferenceConflictError,
        where: str = "is in the journal already, with",
    ) -> None:
        """Note that a reference was used for something else."""
        self.conflicts += 1
        stored, given = f"{conflict.stored!s:.80}", f"{conflict.given!s:.80}"
        reason = f"{shown(conflict.reference)} {where} {conflict.field} {stored}, not {given}"
        self._tell(Problem(line, "reference", reason))

    def _tell(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def check(self) -> None:
        """Raise ``InputFileError`` if anything was wrong."""
        if self.problems:
            whole = [each for each in self.problems if each.line is None]
            lines = sorted((each for each in self.problems if each.line is not None), key=_line)
            raise InputFileError(self.path, [*lines, *whole][:MOST_PROBLEMS])


def _line(problem: Problem) -> int:
    return problem.line or 0


def _intent(entry: Entry, line: int) -> Intent:
    """An entry is in canonical form already."""
    return Intent(
        entry.reference,
        entry.contact_id,
        format(entry.amount, "f"),
        details(entry.event_time, entry.meta, entry.balance_expiry_in_minutes),
        line,
    )


async def _each(rows: Rows) -> AsyncIterator[Entry]:
    if isinstance(rows, AsyncIterable):
        async for entry in rows:
            yield entry
        return
    for number, entry in enumerate(rows):
        if number % _PART == 0:
            await asyncio.sleep(0)  # a plan of a million rows must not stop the loop
        yield entry
