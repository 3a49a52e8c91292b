"""A one-file program in small: the real launcher and unpacker around a Python that is a shell script.

make_one_file(folder, launcher, says="one")     # the file; it prints `one` and its arguments
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "packaging" / "binary"
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
FIRST = {"bin/freellm", "unpack.py"}
BALLAST = 60  # files


def compiler() -> str | None:
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def compile_launcher(folder: Path) -> bytes:
    program = folder / "launcher"
    words = [str(compiler()), "-Wall", "-Wextra", "-Werror", "-O1", "-o", str(program)]
    subprocess.run([*words, str(SOURCES / "launcher.c")], check=True, timeout=60)
    return program.read_bytes()


def payload() -> ModuleType:
    """`packaging/binary/payload.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("payload", SOURCES / "payload.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_tree(folder: Path, says: str, boot: str = "") -> Path:
    """A folder as `packaging/binary/tree.py` makes it, as far as the launcher can tell."""
    tree = folder / f"tree-{says}"
    (tree / "bin").mkdir(parents=True)
    (tree / "lib").mkdir()
    python = tree / "bin" / "freellm"
    python.write_text(f'#!/bin/sh\nexec "{PYTHON}" "$@"\n')
    python.chmod(0o700)
    shutil.copy(SOURCES / "unpack.py", tree)
    (tree / "held").touch()
    source = folder / "boot.py"
    source.write_text(boot or f"import sys\nprint({says!r}, *sys.argv[1:])\n")
    py_compile.compile(str(source), str(tree / "boot.pyc"), doraise=True)
    for number in range(BALLAST):
        (tree / "lib" / f"{number}.bin").write_bytes(os.urandom(20_000))
    return tree


def make_one_file(folder: Path, launcher: bytes, says: str = "one", boot: str = "") -> Path:
    file = folder / f"freellm-{says}"
    file.write_bytes(payload().join(launcher, make_tree(folder, says, boot), FIRST))
    file.chmod(0o755)
    return file


def names_in(runtime: Path) -> set[str]:
    """What lies in a runtime folder besides the lock."""
    return {path.name for path in runtime.iterdir()} - {"lock"} if runtime.exists() else set()
