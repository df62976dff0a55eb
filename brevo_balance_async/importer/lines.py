"""The lines of a file: numbered, decoded, of limited length, and from a file that does not change meanwhile.

Problems that make a whole file unreadable are found here, for all formats. A line is read up to ``MOST_BYTES``, so
that a file without line ends does not fill the memory.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from brevo_balance_async.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES: Final = 65_536
"""The longest line in bytes; an entry needs a few hundred."""

_READ: Final = MOST_BYTES + 8
"""Bytes to read for a line: more than the longest line with its end and a byte order mark."""
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_STARTS: Final = {
    b"\xff\xfe": "is in UTF-16",
    b"\xfe\xff": "is in UTF-16",
    b"PK\x03\x04": "is a zip archive or an Excel workbook",
    b"\x1f\x8b": "is compressed with gzip",
}


class BrokenFileError(Exception):
    """The whole file cannot be read, or the rest of it from this line."""

    def __init__(self, reason: str, line: int | None = None, argument: str | None = None) -> None:
        super().__init__(reason)
        self.problem: Problem = Problem(line, argument, reason)


class Identity(NamedTuple):
    """Identifies one state of a file without reading it."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity from a result of ``os.stat``."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], Identity]]:
    """A regular file and its identity. Raises ``BrokenFileError`` if it cannot be opened."""
    try:
        mode = path.stat().st_mode  # before it is opened, because opening a pipe waits for a writer
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise BrokenFileError(f"is {kind}: it takes a file, which can be read more than once")
        file = path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise BrokenFileError(f"cannot be opened: {_why(error)}") from error
    with file:
        yield file, Identity.of(os.fstat(file.fileno()))


def numbered(path: Path, file: IO[bytes], identity: Identity) -> Iterator[tuple[int, str]]:
    """The number, from 1, and the text of each line that is not blank.

    Raises ``BrokenFileError`` at the end if the file has changed meanwhile, or another file has its name.
    """
    number = 0
    try:
        while raw := file.readline(_READ):
            number += 1
            if number == 1:
                raw = _start(raw)
            text = _text(raw, number)
            if text and not text.isspace():
                yield number, text
        unchanged = Identity.of(path.stat()) == identity
    except OSError as error:
        raise BrokenFileError(f"cannot be read: {_why(error)}", number + 1) from error
    if not unchanged:
        raise BrokenFileError("changed while it was read: read it again once nobody writes to it")


def _start(raw: bytes) -> bytes:
    for start, what in _OTHER_STARTS.items():
        if raw.startswith(start):
            raise BrokenFileError(f"{what}: save it as plain text in UTF-8", 1)
    return raw.removeprefix(_BOM)


def _text(raw: bytes, number: int) -> str:
    line = raw.removesuffix(b"\n").removesuffix(b"\r") if raw.endswith(b"\n") else raw
    if b"\0" in line:
        raise BrokenFileError(
            "holds a NUL byte: it is a binary file, or text in UTF-16; save it as UTF-8", number
        )
    if line.find(b"\r", 0, MOST_BYTES) >= 0:
        raise BrokenFileError("holds a bare carriage return: end each line with LF or CR LF", number)
    if len(line) > MOST_BYTES:
        raise BrokenFileError(f"is longer than {MOST_BYTES:,} bytes", number)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise BrokenFileError(
            f"is not UTF-8 (byte 0x{byte:02x} at position {error.start + 1}, Latin-1 perhaps): save it as UTF-8",
            number,
        ) from None


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
