"""The objects of a JSON body as they complete: one object, or an array of them, cut anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_QUOTE, _OPEN, _BACKSLASH = 0x22, 0x7B, 0x5C
_MARK = re.compile(rb'["{}]')


class JsonOverflow(ValueError):
    """One object grew beyond the limit."""


class JsonObjects:
    """Feed bytes, get the outermost objects of a body `{…}` or `[{…}, {…}]`.

    What stands between objects (brackets, commas, white space) is skipped. `limit`: bytes that one
    unfinished object may hold. `unfinished`: True while an object has begun and not ended.
    """

    __slots__ = ("_at", "_buffer", "_depth", "_in_string", "_limit", "stray")

    def __init__(self, *, limit: int = 64 << 20) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._in_string = False
        self._limit = limit
        self.stray = False
        """True when something stood outside an object that is no array of objects."""

    @property
    def unfinished(self) -> bool:
        return self._depth > 0

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """The objects that `chunk` completes; take them all before the next piece. Raises ValueError
        when an object is not JSON, JsonOverflow (a ValueError) when it is too large."""
        self._buffer += chunk
        found: list[dict[str, Any]] = []
        while self._step(found):
            yield from found
            found.clear()
        if len(self._buffer) > self._limit:
            raise JsonOverflow(f"one object is larger than {self._limit} bytes")

    def _step(self, found: list[dict[str, Any]]) -> bool:
        """Goes to the next byte that matters; False when more bytes are needed."""
        if self._in_string:
            return self._skip_string()
        if self._depth == 0:
            return self._skip_to_object()
        mark = _MARK.search(self._buffer, self._at)
        if mark is None:
            self._at = len(self._buffer)
            return False
        byte = self._buffer[mark.start()]
        self._at = mark.end()
        if byte == _QUOTE:
            self._in_string = True
        elif byte == _OPEN:
            self._depth += 1
        else:
            self._depth -= 1
            if self._depth == 0:
                # A match object holds the buffer: it cannot shrink before that is gone.
                mark = None
                found.append(json.loads(bytes(self._buffer[: self._at])))
                del self._buffer[: self._at]
                self._at = 0
        return True

    def _skip_to_object(self) -> bool:
        at = self._buffer.find(_OPEN)
        between = self._buffer[: at if at >= 0 else len(self._buffer)]
        if between.strip(b" \t\r\n[],\xef\xbb\xbf"):
            self.stray = True
        if at < 0:
            self._buffer.clear()
            return False
        del self._buffer[:at]
        self._depth, self._at = 1, 1
        return True

    def _skip_string(self) -> bool:
        at = self._buffer.find(_QUOTE, self._at)
        if at < 0:
            self._at = len(self._buffer)
            return False
        before = at - 1
        while self._buffer[before] == _BACKSLASH:
            before -= 1
        self._at = at + 1
        self._in_string = (at - before) % 2 == 0
        return True
