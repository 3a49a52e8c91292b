"""The first thing that runs in the unpacked folder: from here on it is freellm as everywhere else.

All modules lie in one file, `modules.bin`, as `tree.py` writes it: eight bytes that give the index' size, the
index, the code of each module. Thousands of small files would take seconds to unpack on some machines, and
looking for them a tenth of every start.
"""

import marshal
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourcelessFileLoader, spec_from_file_location

HERE = __file__.rpartition("/")[0]
MODULES = HERE + "/modules.bin"


class Packed(SourcelessFileLoader):
    """Loads a module from `modules.bin`; its `__file__` is where it would lie, beside the data that does."""

    def get_code(self, fullname: str) -> object:
        at, size, _ = Finder.index[fullname]
        with open(MODULES, "rb", 0) as file:
            file.seek(Finder.start + at)
            return marshal.loads(file.read(size))  # noqa: S302 - ours


class Finder:
    """On `sys.meta_path`. A name without a size is a package without code (PEP 420)."""

    index: dict[str, tuple[int, int, str]]
    start: int

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        found = cls.index.get(name)
        if found is None:
            return None
        file = f"{HERE}/{found[2]}"
        if not found[1]:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [file]
            return spec
        return spec_from_file_location(name, file, loader=Packed(name, file))

    @classmethod
    def open(cls) -> None:
        with open(MODULES, "rb", 0) as file:
            size = int.from_bytes(file.read(8), "little")
            cls.index = marshal.loads(file.read(size))  # noqa: S302 - ours
        cls.start = 8 + size


def survive_a_power_cut() -> None:
    """The first start after the machine's: what was unpacked shortly before may not have reached the disk."""
    try:
        with open(HERE + "/fresh", encoding="utf-8") as file:
            made = file.read()
    except OSError:
        return
    import time

    if made.endswith("\n") and float(made) > time.time() - time.monotonic():
        return
    if not is_whole():
        unpack_again()
    import os

    os.unlink(HERE + "/fresh")


def is_whole() -> bool:
    """Whether all files have their size."""
    import os

    try:
        with open(HERE + "/files.txt", encoding="utf-8") as file:
            *lines, end = file.read().splitlines() or [""]
        sizes = [(int(size), path) for size, _, path in (line.partition(" ") for line in lines)]
        return end == "end" and all(os.stat(f"{HERE}/{p}").st_size == size for size, p in sizes)
    except (OSError, ValueError):
        return False


def unpack_again() -> None:
    """Begins anew; does not return."""
    import os

    if os.path.exists(HERE + "/held"):
        os.unlink(HERE + "/held")
    if os.name == "nt":
        sys.exit(f"freellm: files are missing from {HERE}; start me again, and I shall be whole")
    os.execv(sys._xoptions["freellm"], sys.orig_argv[:1] + sys.argv[1:])  # noqa: S606


survive_a_power_cut()
try:
    Finder.open()
except (OSError, ValueError, EOFError, TypeError):
    unpack_again()  # deleted, as programs that tidy caches do
sys.meta_path.insert(2, Finder)  # behind what is built in and frozen
sys.path += [HERE + "/site", HERE + "/site/tzdata.zip"]
sys.frozen = True
sys.executable = sys._xoptions["freellm"]
sys.argv[0] = sys.executable

from freellm_cli.__main__ import program  # noqa: E402

program()
