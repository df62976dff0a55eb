"""Files that cannot be read as a whole, and how problems are told. The format does not matter here."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevo_balance_async import BalanceError, InputFileError, InvalidRequestError
from brevo_balance_async.importer import Entry, read_csv, read_jsonl

from .conftest import POINTS, problems

HEAD = "reference,contact_id,amount\n"
READERS = pytest.mark.parametrize("read", [read_csv, read_jsonl])


def rows(count):
    return HEAD + "".join(f"r-{n},{n},{n}.00\n" for n in range(1, count + 1))


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", None, "is empty"),
        (b"\xef\xbb\xbf\n\n", None, "is empty"),
        (HEAD.encode(), None, "holds no rows"),
        (rows(3).encode("utf-16"), 1, "is in UTF-16: save it as plain text in UTF-8"),
        (
            rows(3).encode("utf-16-be"),
            1,
            "holds a NUL byte: it is a binary file, or text in UTF-16; save it as UTF-8",
        ),
        (rows(3).encode("utf-32"), 1, "is in UTF-16: save it as plain text in UTF-8"),
        (
            gzip.compress(rows(3).encode(), mtime=0),
            1,
            "is compressed with gzip: save it as plain text in UTF-8",
        ),
        (
            b"PK\x03\x04xl/workbook",
            1,
            "is a zip archive or an Excel workbook: save it as plain text in UTF-8",
        ),
        (
            b"\x7fELF\x02\x01\x01\0\0",
            1,
            "holds a NUL byte: it is a binary file, or text in UTF-16; save it as UTF-8",
        ),
        (
            (HEAD + "r,1,1\nKäse,2,2\n").encode("latin-1"),
            3,
            "is not UTF-8 (byte 0xe4 at position 2, Latin-1 perhaps): save it as UTF-8",
        ),
        (
            rows(2).replace("\n", "\r").encode(),
            1,
            "holds a bare carriage return: end each line with LF or CR LF",
        ),
        (
            rows(2).replace("\n", "\r\r\n").encode(),
            1,
            "holds a bare carriage return: end each line with LF or CR LF",
        ),
        (
            (rows(1) + 'r,1,"1\r"\n').encode(),
            3,
            "holds a bare carriage return: end each line with LF or CR LF",
        ),
        (
            (rows(1) + "r\0,1,1\n").encode(),
            3,
            "holds a NUL byte: it is a binary file, or text in UTF-16; save it as UTF-8",
        ),
        ((rows(1) + "r,1,1" + "0" * 65_532).encode(), 3, "is longer than 65,536 bytes"),
    ],
)
def test_a_file_that_cannot_be_read(csv_file, content, line, reason):
    assert problems(csv_file(content)) == [(line, None, reason)]


def test_an_empty_file_of_objects(jsonl_file):
    assert problems(jsonl_file(b"")) == [(None, None, "holds no rows")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_line(csv_file, end):
    start = b"r,1,1,"
    head = b"reference,contact_id,amount,note\n"
    longest = start + b"x" * (65_536 - len(start))
    assert len(list(csv_file(head + longest + end))) == 1
    for more in range(1, 12):
        too_long = head + longest + b"x" * more + end
        assert problems(csv_file(too_long)) == [(2, None, "is longer than 65,536 bytes")]
        marked = b"\xef\xbb\xbf" + head[:-1] + b"x" * (65_537 - len(head) + more) + end
        assert problems(csv_file(marked)) == [(1, None, "is longer than 65,536 bytes")]


@READERS
def test_a_line_of_2_gigabytes_is_not_read_to_its_end(tmp_path, read):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(b" " * 100_000)
        file.truncate(2 * 1024**3)  # takes no room on the disk
    tracemalloc.start()
    try:
        assert problems(read(path)) == [(1, None, "is longer than 65,536 bytes")]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_many_rows_take_no_more_memory_than_few(csv_file):
    def peak(count):
        entries = csv_file(rows(count))
        tracemalloc.start()
        try:
            assert sum(1 for _ in entries) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(20_000) < peak(100) + 100_000


@READERS
def test_what_is_no_file(tmp_path, read):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    kind = "it takes a file, which can be read more than once"
    assert problems(read(tmp_path)) == [(None, None, f"is a directory: {kind}")]
    assert problems(read(pipe)) == [(None, None, f"is a pipe or a device: {kind}")]
    assert problems(read(os.devnull)) == [(None, None, f"is a pipe or a device: {kind}")]
    assert problems(read(tmp_path / "none")) == [(None, None, "cannot be opened: No such file or directory")]
    assert problems(read(loop)) == [(None, None, "cannot be opened: Too many levels of symbolic links")]
    [(_, _, reason)] = problems(read("nul\0"))
    assert reason.startswith("cannot be opened: ")


def test_the_systems_error_is_the_cause(tmp_path):
    with pytest.raises(InputFileError) as caught:
        list(read_csv(tmp_path / "none"))
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert str(caught.value) == f"{tmp_path / 'none'}: cannot be opened: No such file or directory"
    assert (caught.value.argument, caught.value.line) == ("path", None)


def test_a_file_that_may_not_be_read():
    """In a process of its own, which gives up root's right to read everything."""
    code = (
        "import os, sys; from brevo_balance_async.importer import read_csv\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: list(read_csv(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error.reason)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "secret.csv")
        path.write_text(rows(1))
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    assert done.stdout == "InputFileError cannot be opened: Permission denied\n"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file whose reading always fails")
def test_a_file_whose_reading_fails():
    assert problems(read_csv("/proc/self/mem")) == [(1, None, "cannot be read: Input/output error")]


CHANGED = (None, None, "changed while it was read: read it again once nobody writes to it")


def grow(path):
    with path.open("a") as file:
        file.write("late,1,1.00\n")


def shrink(path):
    os.truncate(path, path.stat().st_size - 3)


def overwrite(path):
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"9")  # another amount
    os.utime(path, ns=(1, 1))  # whatever the clock of the file system resolves


def replace(path):
    times = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)


CHANGES = pytest.mark.parametrize("change", [grow, shrink, overwrite, replace])


@CHANGES
def test_a_file_that_changes_while_it_is_read(csv_file, change):
    entries = csv_file(rows(10_000))
    reading = iter(entries)
    next(reading)
    change(entries.path)
    assert problems(reading)[-1] == CHANGED


def test_a_file_that_vanishes_while_it_is_read(csv_file):
    entries = csv_file(rows(3))
    reading = iter(entries)
    next(reading)
    entries.path.unlink()
    assert problems(reading) == [(5, None, "cannot be read: No such file or directory")]


@CHANGES
def test_a_file_that_changes_between_two_readings(csv_file, change):
    entries = csv_file(rows(3))
    assert len(list(entries)) == 3
    change(entries.path)
    assert problems(entries) == [
        (None, None, "has changed since it was read first: read it anew from the start")
    ]
    assert list(read_csv(entries.path, balance_definition_id=POINTS))


def test_a_reading_left_early_can_be_done_again(csv_file):
    entries = csv_file(rows(3))
    for first in entries:
        assert first.line == 2
        break
    assert len(list(entries)) == 3


def test_the_first_bad_row_ends_the_entries_and_the_20th_the_reading(csv_file):
    entries = csv_file(rows(2) + "bad,0,1\ngood,1,1\n" * 25)
    given = []
    with pytest.raises(InputFileError) as caught:
        given.extend(entry.line for entry in entries)
    assert given == [2, 3]
    assert [problem.line for problem in caught.value.problems] == list(range(4, 44, 2))


def test_the_error_tells_everything(csv_file):
    entries = csv_file((HEAD + "a,x,1\nb,1\n").encode() + b"\xe4,1,1\nc,0,1\n")
    with pytest.raises(InputFileError) as caught:
        list(entries)
    error = caught.value
    assert isinstance(error, BalanceError)
    assert isinstance(error, InvalidRequestError)
    assert str(error) == (
        f"{entries.path}: 3 problems:\n"
        "  line 2: contact_id: must be a whole number at least 1, not 'x';\n"
        "  line 3: the record has 2 fields, its header (line 1) has 3;\n"
        "  line 4: is not UTF-8 (byte 0xe4 at position 1, Latin-1 perhaps): save it as UTF-8"
    )
    assert (error.path, error.line, error.argument) == (str(entries.path), 2, "contact_id")
    assert error.reason == "must be a whole number at least 1, not 'x'"
    assert error.message == str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.problems, copy.line) == (str(error), error.problems, 2)


PIECES = [
    b"a",
    b"1",
    b"1.5",
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\0",
    b";",
    b"{",
    b"}",
    b":",
    b"[",
    b"-",
    b"\xe4",
    b"\xef\xbb\xbf",
]


@READERS
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40), head=st.booleans())
def test_whatever_stands_in_a_file_nothing_but_our_error_is_raised(tmp_path_factory, read, pieces, head):
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(HEAD.encode() * head + b"".join(pieces))
    found = []
    try:
        found.extend(read(path, balance_definition_id=POINTS))
    except InputFileError as error:
        assert 1 <= len(error.problems) <= 21
        assert [problem.line or 0 for problem in error.problems[:-1]] == sorted(
            problem.line for problem in error.problems[:-1]
        )
    assert all(isinstance(entry, Entry) for entry in found)


def test_a_definition_that_is_none_is_refused_at_once():
    with pytest.raises(InvalidRequestError, match="balance_definition_id: must be a UUID"):
        read_csv("never opened", balance_definition_id="points")
