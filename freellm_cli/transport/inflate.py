"""Undoes gzip and deflate for servers that send them although we ask for `identity`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

STEP = 262_144
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


class Undecodable(Exception):
    """The body is not what its Content-Encoding says."""


class Inflater:
    """`coding`: "gzip", "x-gzip" or "deflate" (with or without the zlib frame, as servers differ)."""

    def __init__(self, coding: str) -> None:
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._maybe_raw = coding == "deflate"
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the bytes hold, in pieces of at most `STEP`, so that a small body cannot fill the memory."""
        while data:
            piece, data = self._step(data)
            if piece:
                yield piece

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        if self._zlib.eof:
            # Another gzip member (RFC 1952 section 2.2), or padding, which ends the body.
            if not data.startswith(b"\x1f\x8b"):
                return b"", b""
            self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            piece = self._zlib.decompress(data, STEP)
        except zlib.error as exc:
            if not self._maybe_raw or self._begun:
                raise Undecodable from exc
            self._zlib = zlib.decompressobj(_RAW_DEFLATE)
            self._begun = True
            return self._step(data)
        self._begun = True
        return piece, self._zlib.unconsumed_tail or self._zlib.unused_data

    def is_complete(self) -> bool:
        return self._zlib.eof
