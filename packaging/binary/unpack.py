"""Runs once, in the folder that the launcher has begun: brings the packed files, gives the folder its name,
removes what earlier versions left.

    unpack.py FILE OFFSET SIZE FOLDER NAME

FILE holds SIZE packed bytes at OFFSET. Of Python there is as yet what is frozen into it, and `encodings`,
`zlib` and `fcntl`. The launcher holds the lock of the folder above, so that nobody else is at work there.
"""

import os
import sys
import time
import zlib

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BLOCK = 1 << 20


def main(source: str, offset: int, size: int, folder: str, name: str) -> None:
    with open(source, "rb") as file:
        file.seek(offset)
        index = store(Unpacked(file, size), folder)
    note(index, folder)
    if os.path.lexists(name):  # damaged, or the launcher would have started it
        remove(aside(name))
    os.rename(folder, name)
    remove_others(os.path.dirname(name), os.path.basename(name))


class Unpacked:
    """The unpacked bytes, read in order."""

    def __init__(self, file, size):
        self._file = file
        self._left = size
        self._zlib = zlib.decompressobj()
        self._ready = bytearray()

    def line(self) -> str:
        """Without its end."""
        while (end := self._ready.find(b"\n")) < 0:
            self._more()
        return self.take(end + 1)[:-1].decode()

    def take(self, size: int) -> bytes:
        while len(self._ready) < size:
            self._more()
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def _more(self) -> None:
        packed = self._file.read(min(BLOCK, self._left))
        if not packed:
            raise EOFError("the file is not whole")
        self._left -= len(packed)
        self._ready += self._zlib.decompress(packed)


def note(index: list[list[str]], folder: str) -> None:
    """For `boot.py`: what must be there, and since when. Nothing waits for the disk here, which can take
    seconds; should the power fail in the next half minute, the first start after it looks whether all came
    that far."""
    with open(os.path.join(folder, "files.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{size} {path}\n" for _, size, path in index)
        file.write("end\n")
    with open(os.path.join(folder, "fresh"), "w", encoding="utf-8") as file:
        file.write(f"{time.time()}\n")


def store(unpacked: Unpacked, folder: str) -> list[list[str]]:
    """An index of `mode size path` that ends with an empty line, then the files in its order. Returns it."""
    index = []
    while line := unpacked.line():
        index.append(line.split(" ", 2))
    for above in sorted({os.path.dirname(path) for _, _, path in index}):
        os.makedirs(os.path.join(folder, above), exist_ok=True)
    for mode, size, name in index:
        path = os.path.join(folder, name)
        with open(path, "wb", 0) as file:
            file.write(unpacked.take(int(size)))
        if mode != "600":
            os.chmod(path, int(mode, 8))
    return index


def remove_others(runtime: str, ours: str) -> None:
    """Versions that nobody runs, and what was begun and never finished."""
    for name in os.listdir(runtime):
        path = os.path.join(runtime, name)
        try:
            if name.startswith("new-") and is_name(name[4:20]):
                remove(path)
            elif is_name(name) and name != ours:
                remove(aside_unless_held(path))
        except OSError:
            continue  # it still runs: whichever version starts next removes it


def is_name(name: str) -> bool:
    """Whether a folder may be called so by us; others are none of our business."""
    return len(name) == 16 and not name.strip("0123456789abcdef")


def aside_unless_held(path: str) -> str:
    """Raises OSError if somebody runs it: where locks are not ours to ask, renaming fails for that."""
    if fcntl is None or not os.path.exists(os.path.join(path, "held")):
        return aside(path)
    with open(os.path.join(path, "held"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return aside(path)


def aside(path: str) -> str:
    """Takes the name away first: who starts now must not find half a folder."""
    away = os.path.join(os.path.dirname(path), f"new-{os.path.basename(path)}-away")
    if os.path.lexists(away):
        remove(away)
    os.rename(path, away)
    return away


def remove(path: str) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
        return
    for above, folders, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(above, name))
        for name in folders:
            child = os.path.join(above, name)
            os.unlink(child) if os.path.islink(child) else os.rmdir(child)
    os.rmdir(path)


if __name__ == "__main__":
    file, offset, size, folder, name = sys.argv[1:]
    main(file, int(offset), int(size), folder, name)
