"""The chunked transfer coding undone, as many chunks at once as have come (RFC 9112 section 7.1)."""

from __future__ import annotations

MAX_LINE = 32_768
MAX_TRAILER = 131_072
_HEX = b"0123456789abcdefABCDEF"
_LONGEST_SIZE = 16
_OFTEN = 0xFFF
_MUCH = 1000
"""So much that came at once is likely to be many chunks."""
_END = b"0\r\n\r\n"
_SIZES: dict[bytes, int] = {}
"""Chunk sizes by how they were written: those of a stream are few, and come again and again."""


class BadChunk(Exception):
    """The bytes are no chunked coding."""


class ChunkDecoder:
    """Feed what came; what is data comes back. `ended` after the last chunk and its trailer.

    `rest`: bytes behind the end. Lines may end in LF alone: some servers write them so.
    """

    __slots__ = ("_held", "_in_trailer", "_left", "_trailer", "ended", "rest")

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._held = b""
        self._left = 0
        """Bytes of the present chunk that are missing; -1: the line end behind it."""
        self._in_trailer = False
        self._trailer = 0

    @property
    def is_between(self) -> bool:
        """Whether nothing of a chunk has come that is not whole."""
        return not self._held and self._left == 0 and not self.ended

    def feed(self, raw: bytes) -> bytes:
        """Raises BadChunk."""
        if not (self._held or self._left or self._in_trailer):
            line_end = raw.find(b"\r\n", 0, 8)
            length = _SIZES.get(raw[:line_end], 0)
            if length and len(raw) == line_end + length + 4 and raw.endswith(b"\r\n"):
                return raw[line_end + 2 : -2]
        return self._feed(raw)

    def _feed(self, raw: bytes) -> bytes:
        data = self._held + raw if self._held else raw
        self._held = b""
        at, size = 0, len(data)
        parts: list[bytes] = []
        if not (self._left or self._in_trailer):
            at = _whole_chunks(data, parts)
            if data[at:] == _END:
                self.ended = True
                at = size
        while at < size and not self.ended:
            if self._left > 0:
                end = at + self._left
                parts.append(data[at:end])
                if end > size:
                    self._left = end - size
                    at = size
                    break
                at, self._left = end, -1
                continue
            line_end = data.find(b"\n", at)
            if line_end < 0:
                if size - at > MAX_LINE:
                    raise BadChunk
                break
            self._line(data[at:line_end])
            at = line_end + 1
        if self.ended:
            self.rest = data[at:]
        elif at < size:
            self._held = data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _line(self, line: bytes) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if self._left < 0:
            if line:
                raise BadChunk
            self._left = 0
        elif self._in_trailer:
            self._trailer += len(line)
            if self._trailer > MAX_TRAILER:
                raise BadChunk
            self.ended = not line
        else:
            text = line.partition(b";")[0].strip(b" \t")
            if not text or text.translate(None, _HEX) or len(text) > _LONGEST_SIZE:
                raise BadChunk
            self._left = int(text, 16)
            self._in_trailer = self._left == 0


def _plain_chunks(data: bytes, parts: list[bytes]) -> int:
    """Takes all whole chunks of `data` at once when they are of sizes that are known, and hold no line ends
    of the kind that parts chunks; else none. Returns where they end."""
    lines = data.split(b"\r\n")
    count = (len(lines) - 1) // 2
    if count and lines[2 * count - 2] == b"0":
        count -= 1
    sizes, found = lines[0 : 2 * count : 2], lines[1 : 2 * count : 2]
    lengths = list(map(len, found))
    if lengths != list(map(_SIZES.get, sizes)):
        return 0
    parts += found
    return sum(lengths) + sum(map(len, sizes)) + 4 * count


def _whole_chunks(data: bytes, parts: list[bytes]) -> int:
    """Takes the chunks at the start of `data` that are whole and plainly written; returns where they end."""
    at = _plain_chunks(data, parts) if len(data) > _MUCH else 0
    while True:
        line_end = data.find(b"\r\n", at, at + 8)
        if line_end <= at:
            return at
        text = data[at:line_end]
        length = _SIZES.get(text, 0)
        if not length:
            if text.translate(None, _HEX):
                return at
            length = int(text, 16)
            if 0 < length <= _OFTEN:
                _SIZES[text] = length
        start = line_end + 2
        end = start + length
        if not length or data[end : end + 2] != b"\r\n":
            return at
        parts.append(data[start:end])
        at = end + 2
