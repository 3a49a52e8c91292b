"""Joins the launcher and a folder into one file.

    launcher | first files as they are | the others, packed | index of the first files | trailer

The trailer (64 bytes): "freellm" and 1, the content's name in 16 letters, then offset and size of the index,
offset and size of the packed files, each in 8 bytes, little-endian, then zeros. `launcher.c` reads it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

MAGIC = b"freellm\1"
TRAILER = "<8s16sQQQQ8x"


class Packed(NamedTuple):
    """One file of the folder; `path` has forward slashes, `first` marks what unpacks the others."""

    path: str
    mode: int
    content: bytes
    first: bool


def join(launcher: bytes, tree: Path, first: set[str]) -> bytes:
    """The one file. The same tree gives the same bytes, whenever and wherever it is joined."""
    files = [
        Packed(name, _mode(path), path.read_bytes(), name in first)
        for name, path in sorted((p.relative_to(tree).as_posix(), p) for p in tree.rglob("*"))
        if path.is_file()
    ]
    missing = first - {file.path for file in files}
    if missing:
        raise FileNotFoundError(f"not in the folder: {sorted(missing)}")
    parts, index, at = [launcher], "", len(launcher)
    for file in files:
        if file.first:
            index += f"{file.mode:o} {at} {len(file.content)} {file.path}\n"
            parts.append(file.content)
            at += len(file.content)
    packed = _pack([file for file in files if not file.first])
    encoded = index.encode()
    trailer = struct.pack(
        TRAILER, MAGIC, content_name(files), at + len(packed), len(encoded), at, len(packed)
    )
    return b"".join([*parts, packed, encoded, trailer])


def content_name(files: list[Packed]) -> bytes:
    """16 letters that change with any byte of any file."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.mode:o} {len(file.content)} {file.path}\n".encode())
        digest.update(file.content)
    return digest.hexdigest()[:16].encode()


def _pack(files: list[Packed]) -> bytes:
    """As `unpack.store` reads it."""
    packer = zlib.compressobj(9)
    index = "".join(f"{file.mode:o} {len(file.content)} {file.path}\n" for file in files) + "\n"
    parts = [packer.compress(index.encode()), *(packer.compress(file.content) for file in files)]
    return b"".join([*parts, packer.flush()])


def _mode(path: Path) -> int:
    return 0o700 if path.stat().st_mode & 0o100 else 0o600
