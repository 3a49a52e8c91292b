"""Server-sent events as bytes: an incremental decoder, an encoder, and cheap looks into raw
streams.

The decoder follows the event stream grammar of the HTML standard
(https://html.spec.whatwg.org/multipage/server-sent-events.html) and is lenient where LLM hosts
are not exact: the last event may lack its blank line, and JSON or HTML that arrives without a
field name is handed on as a `bare` event instead of being ignored, because that is how gateways
report failures.
"""

from typing import Any, NamedTuple

DONE = b"data: [DONE]\n\n"
"""The line with which an OpenAI stream ends."""

_BOM = b"\xef\xbb\xbf"
_BARE_STARTS = b'{[<}]" \t'


class SseEvent(NamedTuple):
    """One event. `data`: the data lines joined by a newline; `name`: of the `event:` field, or "".

    `bare`: True when `data` came without a field name in front.
    """

    data: bytes
    name: str = ""
    bare: bool = False


class SseOverflow(Exception):
    """A single event grew beyond the decoder's limit."""


class SseDecoder:
    """Turns the pieces of a body into events; the pieces may be cut anywhere.

    `limit`: bytes that one unfinished event may hold. `comments`: comment lines seen so far
    (hosts send them to say that they are alive).
    """

    __slots__ = (
        "_bare",
        "_data",
        "_first",
        "_held",
        "_limit",
        "_name",
        "_skip_lf",
        "_tail",
        "_tail_size",
        "comments",
    )

    def __init__(self, *, limit: int = 16 << 20) -> None:
        self.comments = 0
        self._limit = limit
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._held = 0
        self._skip_lf = False
        self._first = True
        self._name = ""
        self._data: list[bytes] = []
        self._bare: list[bytes] = []

    def plain(self, chunk: bytes) -> list[bytes] | None:
        """The data of the events of a piece of whole ones that are one `data: ` line each, as almost all
        are; None for any other piece: `feed` it."""
        is_fresh = not (self._tail or self._data or self._bare or self._name or self._skip_lf)
        if not (is_fresh and chunk.startswith(b"data: ") and chunk.endswith(b"\n\n")):
            return None
        found = chunk[6:-2].split(b"\n\ndata: ")
        if b"\r" in chunk or chunk.count(b"\n") != 2 * len(found):
            return None
        self._first = False
        return found

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes, in order. Raises SseOverflow."""
        plain = self.plain(chunk)
        if plain is not None:
            return [SseEvent(data) for data in plain]
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[0] == 10:
                chunk = chunk[1:]
        has_cr = b"\r" in chunk
        if not has_cr and b"\n" not in chunk:
            self._keep(chunk)
            return []
        if self._tail:
            self._tail.append(chunk)
            chunk = b"".join(self._tail)
            self._tail, self._tail_size = [], 0
        if has_cr:
            self._skip_lf = chunk.endswith(b"\r")
            lines = chunk.splitlines()
            rest = b"" if chunk[-1] in b"\r\n" else lines.pop()
        else:
            lines = chunk.split(b"\n")
            rest = lines.pop()
        events: list[SseEvent] = []
        for line in lines:
            self._line(line, events)
        self._keep(rest)
        return events

    def close(self) -> list[SseEvent]:
        """The events still held at the end of the body, whether or not their blank line came."""
        events: list[SseEvent] = []
        if self._tail:
            line = b"".join(self._tail)
            self._tail, self._tail_size = [], 0
            self._line(line, events)
        self._dispatch(events)
        return events

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
        if self._tail_size + self._held > self._limit:
            raise SseOverflow(f"one event is larger than {self._limit} bytes")

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
        elif line.startswith(b"data:"):
            if self._bare:
                self._dispatch(events)
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            self._held += len(line)
        elif line[0] == 58:
            self.comments += 1
        elif line.startswith(b"event:"):
            if self._bare:
                self._dispatch(events)
            self._name = line[6:].decode("utf-8", "replace").strip()
        elif line[0] in _BARE_STARTS:
            # Directly behind a data line it is the rest of a pretty-printed object.
            (self._data or self._bare).append(line)
            self._held += len(line)
        # id:, retry: and unknown fields say nothing to us.

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(SseEvent(data, self._name))
            self._data = []
        elif self._bare:
            events.append(SseEvent(b"\n".join(self._bare), self._name, True))
            self._bare = []
        self._name = ""
        self._held = 0


def encode_event(data: str | bytes, name: str = "") -> bytes:
    """One event as bytes. `data` should be a single line (some clients read line by line)."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    head = b"event: " + name.encode("utf-8") + b"\n" if name else b""
    if b"\n" in raw or b"\r" in raw:
        return head + b"".join(b"data: " + line + b"\n" for line in raw.splitlines()) + b"\n"
    return b"%bdata: %b\n\n" % (head, raw)


def encode_comment(text: str = "keep-alive") -> bytes:
    """A comment: clients ignore it, connections stay open."""
    return b": " + text.replace("\n", " ").encode("utf-8", "replace") + b"\n\n"


# Looks into the raw bytes of an OpenAI stream, for answers that are handed on unread. A quote
# inside a JSON string is escaped, so `"usage"` can only be a key (or a value nobody puts a colon
# behind).


def find_usage(raw: bytes) -> dict[str, Any] | None:
    """The last complete, non-empty `usage` object in `raw`, or None."""
    end = len(raw)
    while (end := raw.rfind(b'"usage"', 0, end)) >= 0:
        start = _value_at(raw, end + 7)
        if raw[start : start + 1] == b"{":
            found = _object_at(raw, start)
            if found:
                return found
    return None


def find_finish(raw: bytes) -> str | None:
    """The last `finish_reason` in `raw` that is not null or empty, as the provider wrote it."""
    end = len(raw)
    while (end := raw.rfind(b'"finish_reason"', 0, end)) >= 0:
        start = _value_at(raw, end + 15)
        if raw[start : start + 1] == b'"':
            stop = raw.find(b'"', start + 1)
            if stop > start + 1:
                return raw[start + 1 : stop].decode("utf-8", "replace")
    return None


def find_error(raw: bytes) -> bool:
    """True when `raw` holds an `error` member with something in it, or an `event: error` line."""
    at = -1
    while (at := raw.find(b'"error"', at + 1)) >= 0:
        start = _value_at(raw, at + 7)
        if _filled(raw, start, b'{"['):
            return True
    return raw.startswith((b"event: error", b"event:error")) or (
        b"\nevent: error" in raw or b"\nevent:error" in raw
    )


def has_content(raw: bytes) -> bool:
    """True when `raw` holds text, reasoning or a tool call that a caller would see."""
    for key in (b'"content"', b'"reasoning_content"', b'"reasoning"', b'"thinking"'):
        at = -1
        while (at := raw.find(key, at + 1)) >= 0:
            start = _value_at(raw, at + len(key))
            if _filled(raw, start, b'"['):
                return True
    at = raw.find(b'"tool_calls"')
    return at >= 0 and raw[_value_at(raw, at + 12) :].startswith((b"[{", b"[ {"))


def ends_with_done(raw: bytes) -> bool:
    """True when the last event line of `raw` is `[DONE]`."""
    line = raw.rstrip().rsplit(b"\n", 1)[-1].rsplit(b"\r", 1)[-1]
    return line.replace(b" ", b"") == b"data:[DONE]"


def _value_at(raw: bytes, at: int) -> int:
    """Where the value of the key that ends at `at` begins; 0 when no colon follows."""
    size = len(raw)
    while at < size and raw[at] in b" \t":
        at += 1
    if at >= size or raw[at] != 58:
        return 0
    at += 1
    while at < size and raw[at] in b" \t\r\n":
        at += 1
    return at if at + 1 < size else 0


_ENDS = {ord("{"): ord("}"), ord("["): ord("]"), ord('"'): ord('"')}


def _filled(raw: bytes, start: int, kinds: bytes) -> bool:
    """True when an object, list or string (those of `kinds`) begins at `start` and holds something."""
    return bool(start) and raw[start] in kinds and raw[start + 1] != _ENDS[raw[start]]


def _object_at(raw: bytes, start: int) -> dict[str, Any] | None:
    import json

    text = raw[start : start + 8192].decode("utf-8", "replace")
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
