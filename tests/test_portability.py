"""What can be proven of Windows and macOS on another system: nothing is imported or called that is not there.

`tests/process/test_like_windows.py` runs whole commands in a Python without the POSIX parts.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "freellm_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

POSIX_MODULES = {
    "fcntl", "pwd", "grp", "termios", "resource", "tty", "pty", "posix", "syslog", "readline", "crypt", "nis",
}  # fmt: skip
WINDOWS_MODULES = {"msvcrt", "winreg", "_winapi", "nt"}
# Names that Windows lacks (https://docs.python.org/3/library/os.html, signal.html, socket.html, select.html),
# that macOS lacks, and that mean something else on Windows.
ELSEWHERE_MISSING = {
    "os": {
        "chown", "chroot", "ctermid", "eventfd", "fchdir", "fchmod", "fchown", "fdatasync", "fork", "forkpty",
        "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority",
        "getresuid", "getsid", "getuid", "initgroups", "killpg", "lchown", "lockf", "major", "makedev",
        "memfd_create", "mkfifo", "mknod", "nice", "openpty", "pathconf", "pipe2", "posix_fallocate",
        "posix_spawn", "pread", "preadv", "pwrite", "pwritev", "readv", "register_at_fork",
        "sched_getaffinity", "sched_setaffinity", "sched_yield", "sendfile", "setegid", "seteuid", "setgid",
        "setpgid", "setpriority", "setsid", "setuid", "splice",
        "statvfs", "sync", "sysconf", "tcgetpgrp", "uname", "wait", "wait3", "wait4", "waitid", "writev",
        "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "O_TMPFILE",
        "O_BINARY", "O_NOINHERIT", "O_PATH", "WNOHANG", "WIFEXITED", "startfile",
        # there, but with another meaning: a signal of 0 ends the process, chmod knows one bit, rename refuses
        # what exists, links need rights that few have
        "kill", "chmod", "rename", "link", "symlink",
    },
    "signal": {
        "SIGALRM", "SIGBREAK", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP",
        "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "pause", "pthread_kill", "pthread_sigmask",
        "setitimer", "siginterrupt", "sigpending", "sigtimedwait", "sigwait", "sigwaitinfo",
        "CTRL_BREAK_EVENT",
    },
    "socket": {
        "AF_UNIX", "AF_NETLINK", "AF_PACKET", "MSG_DONTWAIT", "MSG_NOSIGNAL", "SO_REUSEPORT", "SOCK_CLOEXEC",
        "SOCK_NONBLOCK", "TCP_CORK", "TCP_USER_TIMEOUT", "SO_EXCLUSIVEADDRUSE", "fromfd", "recv_fds",
        "send_fds",
    },
    "select": {"poll", "epoll", "kqueue", "devpoll", "POLLIN", "POLLOUT", "POLLHUP", "POLLRDHUP", "EPOLLIN"},
    "time": {"tzset", "clock_gettime", "CLOCK_REALTIME", "CLOCK_MONOTONIC", "pthread_getcpuclockid"},
    "shutil": {"chown"},
    "locale": {"nl_langinfo"},
    "asyncio": {"add_signal_handler"},
}  # fmt: skip
ASKS_WHERE_IT_IS = (
    "os.name",
    "sys.platform",
    "hasattr(",
    "getattr(",
    "platform ==",
    "windows",
    "_HANGUP",
)
POSIX_PLACES = ("/dev/", "/proc/", "/etc/", "/tmp", "/var/", "/usr/", "/run/")


class Use(NamedTuple):
    line: int
    what: str


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def is_guarded(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    """Whether the code has looked where it runs before it comes to `node`: a condition around it, an early
    return before it in the same block, an except clause for what is missing, or a class for one system."""
    inner, outer = node, above.get(node)
    while outer is not None:
        if (
            isinstance(outer, ast.If | ast.IfExp | ast.While)
            and inner is not outer.test
            and _asks(outer.test)
        ):
            return True
        if isinstance(outer, ast.BoolOp) and any(_asks(value) for value in outer.values):
            return True
        if isinstance(outer, ast.Try) and any(_catches_missing(it) for it in outer.handlers):
            return True
        if isinstance(outer, ast.ClassDef) and outer.name.startswith(("Posix", "Windows")):
            return True
        if isinstance(outer, ast.FunctionDef) and _turns_back_before(outer.body, inner):
            return True
        inner, outer = outer, above.get(outer)
    return False


def _asks(test: ast.expr) -> bool:
    return any(part in ast.unparse(test) for part in ASKS_WHERE_IT_IS)


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and any(
        name in ast.unparse(handler.type)
        for name in ("ImportError", "ModuleNotFoundError", "AttributeError", "OSError")
    )


def _turns_back_before(body: list[ast.stmt], node: ast.AST) -> bool:
    for statement in body:
        if statement is node:
            return False
        ends = isinstance(statement, ast.If) and isinstance(
            statement.body[-1], ast.Return | ast.Raise
        )
        if ends and _asks(statement.test):
            return True
    return False


def foreign_uses(tree: ast.AST) -> Iterator[Use]:
    """Uses, outside any guard, of what other systems lack."""
    above = parents(tree)
    for node in ast.walk(tree):
        what = _foreign(node)
        if what and not is_guarded(node, above):
            yield Use(getattr(node, "lineno", 0), what)


def _foreign(node: ast.AST) -> str:
    if isinstance(node, ast.Import):
        names = {alias.name.split(".")[0] for alias in node.names}
        return ", ".join(sorted(names & (POSIX_MODULES | WINDOWS_MODULES)))
    if isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")[0]
        if module in POSIX_MODULES | WINDOWS_MODULES:
            return module
        taken = {alias.name for alias in node.names} & ELSEWHERE_MISSING.get(module, set())
        return ", ".join(f"{module}.{name}" for name in sorted(taken))
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        missing = ELSEWHERE_MISSING.get(node.value.id, set())
        return f"{node.value.id}.{node.attr}" if node.attr in missing else ""
    return ""


def texts_in_the_systems_encoding(tree: ast.AST) -> Iterator[Use]:
    """Text files opened without naming an encoding: UTF-8 here, cp1252 on many a Windows."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg for keyword in node.keywords}
        name = ast.unparse(node.func)
        if name in {"open", "io.open", "os.fdopen", "tempfile.NamedTemporaryFile"}:
            modes = [ast.unparse(arg) for arg in node.args[1:2]]
            modes += [ast.unparse(k.value) for k in node.keywords if k.arg == "mode"]
            usual = "'w+b'" if "tempfile" in name else "'r'"
            if "b" not in (modes[0] if modes else usual) and "encoding" not in keywords:
                yield Use(node.lineno, name)
        # Path's take their text at most; ours of that name take bytes.
        usual_arguments = {"read_text": 0, "write_text": 1}.get(name.rpartition(".")[2])
        if len(node.args) == usual_arguments and "encoding" not in keywords:
            yield Use(node.lineno, name)


def places_of_posix(tree: ast.AST) -> Iterator[Use]:
    """Absolute paths that only POSIX systems have, outside any guard; the first line of a script is none."""
    above = parents(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        is_docstring = isinstance(above[node], ast.Expr)
        if node.value.startswith(POSIX_PLACES) and not is_docstring and not is_guarded(node, above):
            yield Use(node.lineno, node.value)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


# The home folder of somebody without HOME: the POSIX half of `_usual` alone asks.
KNOWN_USES = {"storage/paths.py": ["pwd", "os.getuid"]}


def test_what_another_system_lacks_is_used_only_where_that_was_asked() -> None:
    found = {named(path): [use.what for use in foreign_uses(tree_of(path))] for path in MODULES}
    assert {name: uses for name, uses in found.items() if uses} == KNOWN_USES


def test_text_is_never_in_whatever_encoding_the_system_has() -> None:
    found = {named(path): list(texts_in_the_systems_encoding(tree_of(path))) for path in MODULES}
    assert {name: uses for name, uses in found.items() if uses} == {}


# Looked at and harmless elsewhere: places that are tried and then not there, one that is written into a
# file that systemd alone reads, and one that is read on Linux only.
KNOWN_PLACES = {
    "transport/tls.py": "/etc/",
    "storage/installed_clients.py": "/usr/",
    "core/service_files.py": "/usr/bin/env",
    "server/affinity.py": "/proc/",
}


def test_no_path_is_one_that_only_posix_has() -> None:
    for path in MODULES:
        known = KNOWN_PLACES.get(named(path), "nothing")
        for use in places_of_posix(tree_of(path)):
            assert use.what.startswith(known), (named(path), use)


def test_every_class_for_one_system_has_its_twin_with_the_same_methods() -> None:
    found = 0
    for path in MODULES:
        classes = {node.name: node for node in tree_of(path).body if isinstance(node, ast.ClassDef)}
        for name, node in classes.items():
            if not name.startswith("Posix"):
                continue
            found += 1
            twin = classes[name.replace("Posix", "Windows")]
            assert _public(node) == _public(twin), f"{named(path)}: {name}"
    assert found >= 2


def _public(node: ast.ClassDef) -> set[str]:
    names = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import fcntl", "fcntl"),
        ("def f():\n    import pwd\n    return pwd", "pwd"),
        ("import os\nos.fork()", "os.fork"),
        ("import os\nif os.name == 'nt':\n    pass\nos.getuid()", "os.getuid"),
        ("import signal\ndef f(p):\n    p.send_signal(signal.SIGKILL)", "signal.SIGKILL"),
        ("from select import poll", "select.poll"),
        ("import os\nif os.getuid() == 0 and True:\n    pass", "os.getuid"),
    ],
)
def test_the_test_itself_sees_what_it_should(code: str, found: str) -> None:
    assert [use.what for use in foreign_uses(ast.parse(code))] == [found]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nif os.name != 'nt':\n    import fcntl\n    os.fork()",
        "import os\ndef f():\n    if os.name == 'nt':\n        return 1\n    return os.getuid()",
        "import os\nx = os.getuid() if hasattr(os, 'getuid') else 0",
        "try:\n    import resource\nexcept ImportError:\n    resource = None",
        "import os\nclass PosixThing:\n    def f(self):\n        os.fchmod(1, 2)",
        "import signal\nx = getattr(signal, 'SIGHUP', None)",
    ],
)
def test_the_test_itself_lets_pass_what_was_asked_first(code: str) -> None:
    assert list(foreign_uses(ast.parse(code))) == []


POOR = """
import importlib, json, pkgutil, sys

def modules():
    import freellm_cli
    return [item.name for item in pkgutil.walk_packages(freellm_cli.__path__, "freellm_cli.")
            if not item.name.endswith("__main__")]

names = modules()
for name in names:  # brings in the libraries, which know the systems themselves
    importlib.import_module(name)
for name in [name for name in sys.modules if name.split(".")[0] == "freellm_cli"]:
    del sys.modules[name]
missing = json.loads(sys.argv[1])
for name in missing.pop("modules"):
    sys.modules[name] = None
for module, attributes in missing.items():
    for attribute in attributes:
        vars(sys.modules[module]).pop(attribute, None)
import time
for name in [name for name in vars(time) if name.startswith("CLOCK_")]:
    delattr(time, name)
faults = {}
for name in names:
    try:
        importlib.import_module(name)
    except Exception as error:
        faults[name] = repr(error)
print(json.dumps([len(names), faults]))
"""


def test_every_module_can_be_imported_where_the_posix_parts_are_missing() -> None:
    real = {"kill", "chmod", "rename", "link", "symlink"}
    missing = {
        "modules": sorted(POSIX_MODULES),
        **{
            module: sorted(ELSEWHERE_MISSING[module] - real)
            for module in ("os", "signal", "socket", "select")
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", POOR, json.dumps(missing)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count, faults = json.loads(done.stdout)
    assert faults == {}
    assert count > 250
