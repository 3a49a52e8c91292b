"""What has become of every row of a batch, in a file beside its output that outlives any crash.

OUT.journal begins with one line of JSON (what the batch is), then
    s ROW                   the row is about to be sent
    w ROW START LENGTH      its answer is the LENGTH bytes of the output that begin at START
    v ROW START             … but these bytes never came: the writer was killed
A row is sent after its `s` is on the disk, and answered when its `w` and the bytes are there; between
the two its outcome is unknown. Waiting threads share one flush.
"""

from __future__ import annotations

import json
import os
import threading
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from freellm_cli.core.errors import StoreError, UsageError
from freellm_cli.storage.files import remove_files, store_error, write_all

FORMAT = 1
NEW, SENT, DONE = 0, 1, 2


class Header(NamedTuple):
    """What a batch is: it can be resumed only as the same."""

    digest: str
    rows: int
    ordered: bool


class States:
    """One byte a row, by line number; where its answer stands when that is asked for."""

    def __init__(self, highest: int, *, places: bool) -> None:
        self._states = bytearray(highest + 1)
        self._starts = array("q", bytes(8 * (highest + 1))) if places else None
        self._lengths = array("q", bytes(8 * (highest + 1))) if places else None
        self.done = 0

    def __getitem__(self, row: int) -> int:
        return self._states[row]

    def mark_sent(self, row: int) -> None:
        if self._states[row] == NEW:
            self._states[row] = SENT

    def mark_done(self, row: int, start: int, length: int) -> None:
        if self._states[row] != DONE:
            self._states[row] = DONE
            self.done += 1
        if self._starts is not None and self._lengths is not None:
            self._starts[row], self._lengths[row] = start, length

    def mark_lost(self, row: int) -> None:
        """Sent, but its answer is not there."""
        if self._states[row] == DONE:
            self.done -= 1
        self._states[row] = SENT

    def place(self, row: int) -> tuple[int, int]:
        """(start, length) of a row that is done."""
        assert self._starts is not None
        assert self._lengths is not None
        return self._starts[row], self._lengths[row]


class Journal:
    """The journal and the output of one batch. Safe from any thread."""

    def __init__(self, path: str, results: str, states: States, *, resume: bool) -> None:
        self.path = path
        self.states = states
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._written = self._flushed = 0
        self._broken: StoreError | None = None
        self._journal = _append(path)
        try:
            self._results = _append(results) if resume else _create(results)
        except BaseException:
            os.close(self._journal)
            raise
        self._size = os.fstat(self._results).st_size

    def sent(self, row: int) -> None:
        """Returns when the disk knows that the row is about to be sent. Raises StoreError."""
        with self._lock:
            self._record(f"s {row}\n")
            self.states.mark_sent(row)
            self._written += 1
            mine = self._written
        with self._flushing:
            if self._flushed < mine:
                covered = self._written
                _flush(self._journal, self.path)
                self._flushed = covered

    def answered(self, row: int, line: bytes) -> None:
        """`line` (with its end) is the row's answer. Raises StoreError."""
        with self._lock:
            start = self._size
            self._record(f"w {row} {start} {len(line)}\n", line)
            self._size += len(line)
            self.states.mark_done(row, start, len(line))

    def _record(self, entry: str, line: bytes = b"") -> None:
        if self._broken is not None:
            raise self._broken
        try:
            write_all(self._journal, entry.encode(), self.path)
            write_all(self._results, line, self.path)
        except StoreError as error:
            self._broken = error  # what follows a half-written line could not be told from it
            raise

    def flush(self) -> None:
        """Everything so far is on the disk."""
        _flush(self._results, self.path)
        _flush(self._journal, self.path)

    def close(self, *, finished: bool) -> None:
        """A finished batch leaves no journal behind."""
        self.flush()
        os.close(self._results)
        os.close(self._journal)
        if finished:
            remove_files(self.path)


def begin(path: str, header: Header) -> None:
    """A new journal. Raises StoreError."""
    descriptor = _create(path)
    try:
        text = json.dumps({"freellm_batch": FORMAT, **header._asdict()}) + "\n"
        write_all(descriptor, text.encode(), path)
        _flush(descriptor, path)
    finally:
        os.close(descriptor)


def replay(path: str, results: str, header: Header, states: States) -> None:
    """Fills `states` from a journal and cuts off what a killed writer left half-written.

    Raises UsageError when the journal belongs to another batch, StoreError when it cannot be read.
    """
    reading, good = _read(path, results, header, states)
    os.truncate(path, good)
    if reading.size > reading.end:
        os.truncate(results, reading.end)
    if reading.lost:
        descriptor = _append(path)
        try:
            text = "".join(f"v {row} {start}\n" for row, start in reading.lost.items())
            write_all(descriptor, text.encode(), path)
        finally:
            os.close(descriptor)


def done_in(path: str, results: str, header: Header, highest: int) -> int:
    """How many rows a journal knows as answered; changes nothing. `highest`: number of a row. Raises as
    `replay`."""
    states = States(highest, places=False)
    _read(path, results, header, states)
    return states.done


def _read(path: str, results: str, header: Header, states: States) -> tuple[_Replay, int]:
    """Into `states`, and the size of what is whole of the journal."""
    good = 0
    reading = _Replay(states, results)
    try:
        for line, after in _whole_lines(path):
            if good == 0:
                _require_same(line, header, path)
            else:
                reading.apply(line)
            good = after
    finally:
        reading.close()
    if good == 0:
        raise StoreError(f"{path} is empty", hint="start anew with --force")
    return reading, good


def _whole_lines(path: str) -> Iterator[tuple[bytes, int]]:
    """Every line that has its end, and the place after it."""
    place = 0
    try:
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                place += len(line)
                yield line, place
    except OSError as exc:
        raise store_error("read", path, exc) from exc


class _Replay:
    """Takes over a journal line by line. `end`: of the last answer that is there; `lost`: rows whose
    answer is not, and where it should have begun."""

    def __init__(self, states: States, results: str) -> None:
        self._states = states
        self._file = open(results, "rb") if os.path.exists(results) else None  # noqa: SIM115
        self.size = os.fstat(self._file.fileno()).st_size if self._file else 0
        self.end = 0
        self.lost: dict[int, int] = {}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def apply(self, line: bytes) -> None:
        """Raises StoreError for a line that no journal holds."""
        words = line.split()
        try:
            row, numbers = int(words[1]), [int(word) for word in words[2:]]
            if words[0] == b"s":
                self._states.mark_sent(row)
            elif words[0] == b"w":
                self._answer(row, *numbers)
            else:
                self._states.mark_lost(row)
                self.lost.pop(row, None)
                self.end = numbers[0]
        except (ValueError, IndexError, TypeError) as exc:
            raise StoreError(
                f"the journal of this batch is damaged ({line[:40]!r})",
                hint="start anew with --force",
            ) from exc

    def _answer(self, row: int, start: int, length: int) -> None:
        if self._ends_well(start + length):
            self._states.mark_done(row, start, length)
            self.end = start + length
        else:
            self._states.mark_lost(row)
            self.lost[row] = start

    def _ends_well(self, end: int) -> bool:
        if self._file is None or end > self.size:
            return False
        self._file.seek(end - 1)
        return self._file.read(1) == b"\n"


def _require_same(line: bytes, header: Header, path: str) -> None:
    try:
        known: dict[str, Any] = json.loads(line)
        version = known.pop("freellm_batch")
    except (ValueError, KeyError, AttributeError) as exc:
        raise UsageError(f"{path} is no journal of a batch", hint="move it away") from exc
    if version != FORMAT:
        raise UsageError(f"{path} was written by a newer freellm", hint="update freellm")
    if known.get("ordered") != header.ordered:
        raise UsageError("--ordered must be as it was", hint="resume with the same options")
    if known != header._asdict():
        raise UsageError(
            "the input has changed since this batch began",
            hint="give back the old input, or start anew with --force",
        )


def _append(path: str) -> int:
    return _open(path, os.O_APPEND | os.O_CREAT)


def _create(path: str) -> int:
    return _open(path, os.O_EXCL | os.O_CREAT)


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, os.O_WRONLY | flags | _BINARY, 0o666)
    except FileExistsError as exc:
        raise UsageError(
            f"{path} exists", hint="--resume goes on with it, --force overwrites it"
        ) from exc
    except OSError as exc:
        raise store_error("write", path, exc) from exc


_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _flush(descriptor: int, path: str) -> None:
    try:
        os.fsync(descriptor)
    except OSError as exc:
        raise store_error("write", path, exc) from exc
