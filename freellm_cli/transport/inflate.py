"""Undoes gzip and deflate for servers that send them although we ask for `identity`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

STEP = 262_144
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MEMBER = b"\x1f\x8b"
_RAW_DEFLATE = -zlib.MAX_WBITS


class Undecodable(Exception):
    """The body is not what its Content-Encoding says."""


class Inflater:
    """`coding`: "gzip", "x-gzip" or "deflate" (with or without the zlib frame, as servers differ)."""

    def __init__(self, coding: str) -> None:
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._maybe_raw = coding == "deflate"
        self._seen = b""
        self._waiting = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the bytes hold, in pieces of at most `STEP`, so that a small body cannot fill the memory.

        Pieces that are not fetched are kept for the next call.
        """
        self._waiting += data
        while self._waiting:
            piece = self._step()
            if piece:
                yield piece

    def _step(self) -> bytes:
        data, self._waiting = self._waiting, b""
        if self._zlib.eof:
            # Another gzip member (RFC 1952 section 2.2), or padding, which ends the body.
            data, self._seen = self._seen + data, b""
            if data == _MEMBER[:1]:
                self._seen = data
            if not data.startswith(_MEMBER):
                return b""
            self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            piece = self._zlib.decompress(data, STEP)
        except zlib.error as exc:
            if not self._maybe_raw:
                raise Undecodable from exc
            self._zlib = zlib.decompressobj(_RAW_DEFLATE)
            self._maybe_raw = False
            self._waiting = self._seen + data
            self._seen = b""
            return b""
        if self._maybe_raw:
            # The zlib frame shows in two bytes; they may come one by one.
            self._seen += data
            if len(self._seen) >= 2:
                self._maybe_raw = False
                self._seen = b""
        self._waiting = self._zlib.unconsumed_tail or self._zlib.unused_data
        return piece

    def is_complete(self) -> bool:
        return self._zlib.eof
