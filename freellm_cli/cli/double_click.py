"""What a double click on the program means on Windows: serve, and show the page.

A program that is started from a shell shares the shell's console; one that is started from the Explorer
gets a console of its own, in which only it and what launched it run, and which closes with it.
"""

from __future__ import annotations

import ntpath
import sys
from collections.abc import Callable, Sequence
from typing import Any

from freellm_cli.cli.face import Face
from freellm_cli.core.errors import EXIT_DONE, FreellmError

# The launcher of a binary or of pip, and the interpreters that they start.
_OURS = ("freellm", "python", "py")
_MOST_PROGRAMS = 64
_LONGEST_PATH = 32_768
_QUERY_LIMITED_INFORMATION = 0x1000


def was_double_clicked(face: Face, programs: Sequence[str]) -> bool:
    """`programs`: paths of what runs in this console, () where that cannot be told."""
    names = [ntpath.basename(program).lower().removesuffix(".exe") for program in programs]
    alone = bool(names) and all(name.startswith(_OURS) for name in names)
    return alone and face.is_terminal(face.stdin) and face.is_terminal(face.err)


def serve_and_show(face: Face, serve: Callable[[], int]) -> int:
    """Runs `serve`; when it ends with an error, the window stays until the person has read it."""
    try:
        code = serve()
    except FreellmError as error:
        code = face.show_error(error)
    except Exception as error:  # noqa: BLE001 - the window would take the message with it
        code = face.show_crash(error)
    if code != EXIT_DONE:
        face.err.write("Press Enter to close this window. ")
        face.err.flush()
        face.stdin.readline()
    return code


def console_programs() -> list[str]:
    """The paths of all programs in this console
    (https://learn.microsoft.com/windows/console/getconsoleprocesslist)."""
    if sys.platform != "win32":
        return []
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    numbers = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    count = kernel.GetConsoleProcessList(numbers, _MOST_PROGRAMS)
    if not 0 < count <= _MOST_PROGRAMS:
        return []
    return [_program_of(kernel, number) for number in numbers[:count]]


def _program_of(kernel: Any, number: int) -> str:
    """An empty name for a program that tells nothing of itself: it is not ours."""
    import ctypes

    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, number)
    if not handle:
        return ""
    try:
        size = ctypes.c_uint32(_LONGEST_PATH)
        path = ctypes.create_unicode_buffer(_LONGEST_PATH)
        done = kernel.QueryFullProcessImageNameW(
            ctypes.c_void_p(handle), 0, path, ctypes.byref(size)
        )
        return path.value if done else ""
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
