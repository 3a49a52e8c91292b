"""Where a batch's answers go: a file with its journal, or a pipe; as they come, or in the input's order."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from freellm_cli.core.errors import StoreError, UsageError
from freellm_cli.services.batch_journal import (
    DONE,
    Header,
    Journal,
    States,
    begin,
    done_in,
    replay,
)
from freellm_cli.storage.files import (
    read_private,
    remove_files,
    store_error,
    write_all,
    write_private,
)
from freellm_cli.storage.locks import FileLock, Held, LockTimeout

if TYPE_CHECKING:
    from freellm_cli.services.batch_file import Survey
    from freellm_cli.services.runtime import Runtime

Write = Callable[[bytes], None]


class Output(Protocol):
    """Takes what becomes of rows. Safe from any thread."""

    states: States

    def sent(self, row: int) -> None:
        """The row is about to be sent. Raises StoreError."""

    def answered(self, row: int, line: bytes) -> None:
        """Raises StoreError."""

    def flush(self) -> None: ...

    def close(self, *, finished: bool) -> None: ...


class Loose:
    """To a pipe, as they come: nothing can be resumed."""

    def __init__(self, write: Write, highest: int) -> None:
        self.states = States(highest, places=False)
        self._write = write
        self._lock = threading.Lock()

    def sent(self, row: int) -> None:
        self.states.mark_sent(row)

    def answered(self, row: int, line: bytes) -> None:
        with self._lock:
            self._write(line)
            self.states.mark_done(row, 0, 0)

    def flush(self) -> None:
        return

    def close(self, *, finished: bool) -> None:
        return


class Kept:
    """To a file, with a journal; `after` ends what belongs to the two (a lock, a folder)."""

    def __init__(self, journal: Journal, after: Callable[[bool], None]) -> None:
        self.states = journal.states
        self._journal = journal
        self._after = after
        self.sent = journal.sent
        self.flush = journal.flush

    def answered(self, row: int, line: bytes) -> None:
        self._journal.answered(row, line)

    def close(self, *, finished: bool) -> None:
        self._journal.close(finished=finished)
        self._after(finished)


class InOrder:
    """Holds answers in a file of its own and hands on each as soon as all before it are there."""

    def __init__(self, kept: Kept, results: str, numbers: array[int], write: Write) -> None:
        self.states = kept.states
        self._kept = kept
        self._numbers = numbers
        self._next = 0
        self._write = write
        self._lock = threading.Lock()
        self._file = open(results, "rb")  # noqa: SIM115 - open as long as the batch
        self.sent = kept.sent
        self.flush = kept.flush
        self._advance()

    def answered(self, row: int, line: bytes) -> None:
        self._kept.answered(row, line)
        self._advance()

    def _advance(self) -> None:
        with self._lock:
            while self._next < len(self._numbers):
                row = self._numbers[self._next]
                if self.states[row] != DONE:
                    return
                start, length = self.states.place(row)
                self._file.seek(start)
                self._write(self._file.read(length))
                self._next += 1

    def close(self, *, finished: bool) -> None:
        self._file.close()
        self._kept.close(finished=finished)


def open_output(
    runtime: Runtime,
    survey: Survey,
    *,
    out: str | None,
    write: Write,
    ordered: bool,
    resume: bool,
    force: bool,
) -> Output | None:
    """None when `resume` finds that nothing is left to do.

    `out`: the file's path, None for `write`. Raises UsageError (a file that exists, another input, a
    batch that runs already), StoreError.
    """
    highest = survey.numbers[-1]
    header = _header(survey, ordered)
    if out is None:
        if resume or force:
            raise UsageError(
                "--resume and --force are about an output file", hint="name it with -o"
            )
        return _piped(survey, header, write) if ordered else Loose(write, highest)
    _require_file_of_its_own(out, survey)
    place = _place_of(runtime, out)
    lock = _lock(runtime, place, out)
    try:
        return _kept(survey, header, out, place, lock, resume=resume, force=force)
    except BaseException:
        lock.release()
        raise


def done_so_far(runtime: Runtime, survey: Survey, out: str, *, ordered: bool) -> int:
    """How many rows need no asking any more if `out` is resumed. Raises UsageError, StoreError."""
    _require_file_of_its_own(out, survey)
    header = _header(survey, ordered)
    journal, results = _files(out, ordered)
    if os.path.exists(journal):
        return done_in(journal, results, header, survey.numbers[-1])
    if os.path.exists(out) and _is_complete(out, header, _place_of(runtime, out)):
        return header.rows
    return 0


def _require_file_of_its_own(out: str, survey: Survey) -> None:
    if os.path.exists(out) and os.path.samefile(out, survey.path):
        raise UsageError("the output is the input", hint="name another file with -o")
    if os.path.isdir(out):
        raise UsageError(f"{out} is a folder", hint="name a file with -o")


def _header(survey: Survey, ordered: bool) -> Header:
    return Header(survey.digest, len(survey.numbers), ordered)


def _files(out: str, ordered: bool) -> tuple[str, str]:
    """The journal beside `out`, and the file that takes the answers as they come."""
    return out + ".journal", out + ".part" if ordered else out


def _kept(
    survey: Survey, header: Header, out: str, place: str, lock: Held, *, resume: bool, force: bool
) -> Output | None:
    """`place`: where is kept which batch made `out`."""
    journal, results = _files(out, header.ordered)
    if force:
        remove_files(out, results, journal, doing="overwrite")
    goes_on = os.path.exists(journal)
    if not goes_on and os.path.exists(out):
        if resume and _is_complete(out, header, place):
            lock.release()
            return None
        raise UsageError(
            f"{out} exists, and no journal of a batch is beside it",
            hint="name another file, or overwrite it with --force",
        )
    states = States(survey.numbers[-1], places=header.ordered)
    if not goes_on:
        begin(journal, header)
    elif resume:
        replay(journal, results, header, states)
    else:
        raise UsageError(
            f"a batch into {out} was interrupted",
            hint="--resume goes on with it, --force starts anew",
        )
    written = Journal(journal, results, states, resume=goes_on)
    return _with_end(written, header, out, place, lock, survey.numbers)


def _with_end(
    written: Journal, header: Header, out: str, place: str, lock: Held, numbers: array[int]
) -> Output:
    def leave(finished: bool) -> None:
        try:
            if finished:
                _note_complete(out, header, place)
        finally:
            lock.release()

    _, results = _files(out, header.ordered)
    if not header.ordered:
        return Kept(written, leave)
    sink = _sink(out)

    def end(finished: bool) -> None:
        os.fsync(sink)
        os.close(sink)
        if finished:
            remove_files(results)
        leave(finished)

    return InOrder(Kept(written, end), results, numbers, lambda line: write_all(sink, line, out))


def _piped(survey: Survey, header: Header, write: Write) -> Output:
    folder = tempfile.TemporaryDirectory(prefix="freellm-batch-", ignore_cleanup_errors=True)
    journal, results = f"{folder.name}/journal", f"{folder.name}/part"
    begin(journal, header)
    written = Journal(journal, results, States(survey.numbers[-1], places=True), resume=False)
    kept = Kept(written, lambda finished: folder.cleanup())
    return InOrder(kept, results, survey.numbers, write)


def _place_of(runtime: Runtime, out: str) -> str:
    """Where our own files about `out` begin."""
    import hashlib

    name = hashlib.sha256(os.path.realpath(out).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{runtime.paths.state}/batch/{name[:16]}"


def _lock(runtime: Runtime, place: str, out: str) -> Held:
    try:
        return FileLock(f"{place}.lock", runtime.clock).hold(0)
    except LockTimeout as exc:
        raise UsageError(f"another freellm writes a batch into {out} now") from exc


def _is_complete(out: str, header: Header, place: str) -> bool:
    """Whether `out` holds the answers to this very input. Raises UsageError when they are to another."""
    answered = _noted_complete(out, place)
    if answered not in ("", header.digest):
        raise UsageError(
            f"{out} is complete, and its input has changed since",
            hint="name another file with -o, or overwrite it with --force",
        )
    return _lines(out) >= header.rows


def _note_complete(out: str, header: Header, place: str) -> None:
    """Keeps whose answers `out` holds, beside how the file is now. The batch is complete without it."""
    with contextlib.suppress(OSError, StoreError):
        size, at = _stamp(out)
        write_private(f"{place}.done", f"{header.digest} {size} {at}".encode())


def _noted_complete(out: str, place: str) -> str:
    """The digest of the input that `out` answers; "" where that is not known: the file came from elsewhere,
    or something else has written to it since."""
    with contextlib.suppress(OSError, StoreError):
        words = (read_private(f"{place}.done") or b"").decode("ascii", "replace").split()
        if words[1:] == [str(number) for number in _stamp(out)]:
            return words[0]
    return ""


def _stamp(path: str) -> tuple[int, int]:
    """Another one once somebody has written to the file: its size, and when it was last written."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _sink(out: str) -> int:
    try:
        binary = getattr(os, "O_BINARY", 0)
        return os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | binary, 0o666)
    except OSError as exc:
        raise store_error("write", out, exc) from exc


def _lines(path: str) -> int:
    with open(path, "rb") as file:
        return sum(1 for _ in file)
