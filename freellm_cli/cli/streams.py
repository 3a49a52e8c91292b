"""The process's streams, whatever they are: closed, a pipe, a console of another age.

In a pipe or a file Windows would write the code page of its region (cp1252, cp437), which most answers do
not fit into; there freellm reads and writes UTF-8, as on every other system. A console takes care of itself.
Who wants something else says so in PYTHONIOENCODING
(https://docs.python.org/3/using/cmdline.html#envvar-PYTHONIOENCODING).
"""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO, cast

from freellm_cli.core.errors import OutputFault


def standard_streams(
    env: Mapping[str, str],
    stdin: TextIO | None,
    stdout: TextIO | None,
    stderr: TextIO | None,
    *,
    platform: str = sys.platform,
) -> tuple[TextIO, TextIO, TextIO]:
    """Three that can be read and written; None stands for one that the process was started without.

    From then on a write to stdout that fails raises OutputFault, whoever writes, and one to stderr is let
    go: what cannot be told must not cost the answer. A pipe whose reader has gone stays BrokenPipeError.
    """
    found = (_usable(stdin, "r"), _written_whole(_usable(stdout, "w")), _usable(stderr, "w"))
    if platform == "win32" and not env.get("PYTHONIOENCODING"):
        # A byte-order mark is what some programs there begin with; it belongs to no key and to no prompt.
        for stream, encoding in zip(found, ("utf-8-sig", "utf-8", "utf-8"), strict=True):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None and not stream.isatty():
                reconfigure(encoding=encoding, errors="replace")
    _translate(found[1], _no_output)
    _translate(found[2], lambda error: None)
    return found


def is_stand_in(stream: TextIO) -> bool:
    """Whether what is written there is lost because the process was started without this stream."""
    return getattr(stream, "name", None) == os.devnull  # the shell's >/dev/null is called <stdout>


def _no_output(error: OSError) -> None:
    raise OutputFault(
        f"the output could not be written: {error.strerror or error}",
        hint="make room there, or send standard output elsewhere",
    ) from error


def _translate(stream: TextIO, fault: Callable[[OSError], None]) -> None:
    for name in ("write", "flush"):
        setattr(stream, name, _with_fault(getattr(stream, name), fault))


def _with_fault(action: Callable[..., Any], fault: Callable[[OSError], None]) -> Callable[..., Any]:
    def act(*args: Any) -> Any:
        try:
            return action(*args)
        except BrokenPipeError:
            raise
        except OSError as error:
            return fault(error)

    return act


def _usable(stream: TextIO | None, mode: str) -> TextIO:
    if stream is not None and not (mode == "w" and _is_for_reading(stream)):
        return stream
    # Held for as long as the process runs.
    return cast("TextIO", open(os.devnull, mode, encoding="utf-8"))


class _Whole(io.RawIOBase):
    """A file that takes all of a text: the system may take a part, and the text layer forgets the rest."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self.name = getattr(raw, "name", None)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Any) -> int:
        left = memoryview(data)
        while left:
            taken = self._raw.write(left)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            left = left[taken:]
        return len(data)


def _written_whole(stream: TextIO) -> TextIO:
    """`python -u` and PYTHONUNBUFFERED, as most containers set it, put no buffer between text and file
    (https://github.com/python/cpython/issues/85393)."""
    raw = getattr(stream, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        return stream
    return io.TextIOWrapper(
        cast("Any", _Whole(raw)),
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        write_through=True,
    )


def _is_for_reading(stream: TextIO) -> bool:
    """A process that is started without a stream may have opened a file of its own in its place: a one-file
    program the file that it unpacks."""
    try:
        number = stream.fileno()
        if stat.S_ISREG(os.fstat(number).st_mode):
            os.write(number, b"")
    except OSError as error:
        return error.errno == errno.EBADF
    except ValueError:  # it is no file of the system's, or closed
        return False
    return False
