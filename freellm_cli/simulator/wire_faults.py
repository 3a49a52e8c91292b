"""Faults in how an answer's bytes come: damaged bytes, cut and silent connections, broken HTTP."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from freellm_cli.simulator.answers import Rendered
from freellm_cli.simulator.wire import Cut, Pause, Send, Stall, Step

Options = dict[str, Any]
ByteFault = Callable[[Rendered, Options], None]
WireFault = Callable[[Rendered, Options], list[Step]]


# --- the bytes of the body ---------------------------------------------------------------------------


def _truncated_json(answer: Rendered, options: Options) -> None:
    """The body ends in the middle of its JSON, and HTTP says that this is all."""
    if answer.frames is None:
        answer.body = answer.body[: len(answer.body) // 2]
    else:
        keep = _middle(answer, options)
        answer.frames = [
            *answer.frames[:keep],
            answer.frames[keep][: len(answer.frames[keep]) // 2],
        ]


def _gzip(answer: Rendered, options: Options) -> None:
    """The body is compressed although nobody asked."""
    answer.set_header("content-encoding", "gzip")
    if answer.frames is None:
        answer.body = gzip.compress(answer.body)
    else:
        packed = gzip.compress(b"".join(answer.frames))
        answer.frames = [packed[: len(packed) // 2], packed[len(packed) // 2 :]]


def _gzip_damaged(answer: Rendered, options: Options) -> None:
    """The body claims to be compressed and is not."""
    answer.set_header("content-encoding", "gzip")


def _oversized(answer: Rendered, options: Options) -> None:
    """`size` bytes (40 MiB) of white space follow the JSON, or one event is that long."""
    filler = b" " * options.get("size", 40 * 1024 * 1024)
    if answer.frames is None:
        answer.body += filler
    else:
        answer.frames.insert(1, b": " + filler + b"\n\n")


def _big_headers(answer: Rendered, options: Options) -> None:
    """`count` (200) headers of 1 KiB each."""
    for number in range(options.get("count", 200)):
        answer.headers.append((f"x-filler-{number}", "x" * 1024))


def _one_byte(answer: Rendered, options: Options) -> None:
    """Every byte of a stream is a chunk of its own."""
    if answer.frames is not None:
        answer.frames = [bytes([byte]) for byte in b"".join(answer.frames)]


def _one_chunk(answer: Rendered, options: Options) -> None:
    """All events of a stream come in one chunk."""
    if answer.frames is not None:
        answer.frames = [b"".join(answer.frames)]


def _split_utf8(answer: Rendered, options: Options) -> None:
    """Chunks end inside characters of several bytes."""
    if answer.frames is not None:
        answer.frames = [part for frame in answer.frames for part in _split_inside(frame)]


def _split_inside(data: bytes) -> list[bytes]:
    inside = [place for place, byte in enumerate(data) if 0x80 <= byte < 0xC0]
    edges = [0, *inside, len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def _wrong_content_type(answer: Rendered, options: Options) -> None:
    """A good answer that calls itself text/plain (or `content_type`)."""
    answer.set_header("content-type", options.get("content_type", "text/plain"))


def _http_10(answer: Rendered, options: Options) -> None:
    """An HTTP/1.0 answer that ends with its connection."""
    answer.http10, answer.keep_alive = True, False


def _connection_close(answer: Rendered, options: Options) -> None:
    """A good answer with `connection: close`."""
    answer.keep_alive = False


BYTE_FAULTS: dict[str, ByteFault] = {
    "truncated_json": _truncated_json,
    "gzip": _gzip,
    "gzip_damaged": _gzip_damaged,
    "oversized": _oversized,
    "big_headers": _big_headers,
    "one_byte": _one_byte,
    "one_chunk": _one_chunk,
    "split_utf8": _split_utf8,
    "wrong_content_type": _wrong_content_type,
    "http_10": _http_10,
    "connection_close": _connection_close,
}


# --- the connection ----------------------------------------------------------------------------------


def _middle(answer: Rendered, options: Options) -> int:
    """The frame before which a stream is broken: after `after` tokens (2)."""
    frames = answer.frames or []
    return max(0, min(1 + int(options.get("after", 2)), len(frames) - 1))


def _begun(answer: Rendered, options: Options) -> list[Step]:
    """The head and the first half of the body, or the first tokens of the stream."""
    if answer.frames is None:
        return [Send(answer.head() + answer.body[: len(answer.body) // 2])]
    frames = answer.frames[: _middle(answer, options)]
    return [Send(answer.head()), *answer.frame_steps(frames)]


def _cut_before_headers(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes without a byte."""
    return [Cut()]


def _reset_before_headers(answer: Rendered, options: Options) -> list[Step]:
    """The connection is reset without a byte."""
    return [Cut(reset=True)]


def _cut_in_headers(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes in the middle of the headers."""
    head = answer.head()
    return [Send(head[: len(head) // 2]), Cut()]


def _cut_after_headers(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes after the headers."""
    return [Send(answer.head()), Cut()]


def _cut_midstream(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes after `after` tokens (2), or in the middle of a whole body."""
    return [*_begun(answer, options), Cut()]


def _reset_midstream(answer: Rendered, options: Options) -> list[Step]:
    """The connection is reset after `after` tokens (2), or in the middle of a whole body."""
    # The pause lets the client read what was sent: a reset throws away what it has not read yet.
    return [*_begun(answer, options), Pause(options.get("delay_s", 0.05)), Cut(reset=True)]


def _cut_mid_json(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes inside the JSON of an event."""
    return _cut_inside(answer, options, lambda frame: len(frame) // 2)


def _cut_mid_utf8(answer: Rendered, options: Options) -> list[Step]:
    """The connection closes inside a character of several bytes."""

    def place(frame: bytes) -> int:
        inside = [number for number, byte in enumerate(frame) if 0x80 <= byte < 0xC0]
        return inside[0] if inside else len(frame) // 2

    return _cut_inside(answer, options, place)


def _cut_inside(answer: Rendered, options: Options, place: Callable[[bytes], int]) -> list[Step]:
    if answer.frames is None:
        return [Send(answer.head() + answer.body[: place(answer.body)]), Cut()]
    at = _middle(answer, options)
    marked = [n for n, frame in enumerate(answer.frames) if any(byte >= 0x80 for byte in frame)]
    if place(answer.frames[at]) == len(answer.frames[at]) // 2 and marked:
        at = marked[0]
    frame = answer.frames[at]
    # A chunk of its own for the half that comes: only the end of the stream is missing then.
    return [
        Send(answer.head()),
        *answer.frame_steps(answer.frames[:at]),
        Send(answer.frame(frame[: place(frame)])),
        Cut(),
    ]


def _stall_before_headers(answer: Rendered, options: Options) -> list[Step]:
    """Silence before the first byte, until released; then the answer."""
    return [Stall(), *answer.steps()]


def _stall_before_first_token(answer: Rendered, options: Options) -> list[Step]:
    """Headers, then silence until released; then the body."""
    if answer.frames is None:
        return [Send(answer.head()), Stall(), Send(answer.body)]
    return [
        Send(answer.head()),
        Stall(),
        *answer.frame_steps(answer.frames),
        Send(answer.end),
    ]


def _stall_midstream(answer: Rendered, options: Options) -> list[Step]:
    """Silence after `after` tokens (2) or half a body, until released; then the rest."""
    if answer.frames is None:
        return [*_begun(answer, options), Stall(), Send(answer.body[len(answer.body) // 2 :])]
    rest = answer.frames[_middle(answer, options) :]
    return [*_begun(answer, options), Stall(), *answer.frame_steps(rest), Send(answer.end)]


def _delay(answer: Rendered, options: Options) -> list[Step]:
    """A good answer, `delay_s` seconds (1) late."""
    return [Pause(options.get("delay_s", 1.0)), *answer.steps()]


def _slow_headers(answer: Rendered, options: Options) -> list[Step]:
    """The head comes `size` bytes (1) every `delay_s` seconds (0.005)."""
    head = answer.head()
    steps = _drip(head, options, 1)
    if answer.frames is None:
        return [*steps, Send(answer.body)]
    return [*steps, *answer.frame_steps(answer.frames), Send(answer.end)]


def _slow_body(answer: Rendered, options: Options) -> list[Step]:
    """The body comes `size` bytes (64) every `delay_s` seconds (0.005)."""
    parts = [answer.body] if answer.frames is None else [answer.frame(one) for one in answer.frames]
    return [Send(answer.head()), *_drip(b"".join(parts) + answer.end, options, 64)]


def _drip(data: bytes, options: Options, size: int) -> list[Step]:
    pause = Pause(options.get("delay_s", 0.005))
    size = options.get("size", size)
    parts = [data[place : place + size] for place in range(0, len(data), size)]
    return [step for part in parts for step in (Send(part), pause)]


def _garbage(answer: Rendered, options: Options) -> list[Step]:
    """Bytes that are no HTTP at all."""
    return [Send(bytes(range(256)) * 4 + b"\r\n\r\n"), Cut()]


def _bad_status_line(answer: Rendered, options: Options) -> list[Step]:
    """A status line without a status."""
    return [Send(b"HTTP/1.1 OK fine\r\ncontent-length: 2\r\n\r\n{}"), Cut()]


def _bad_header(answer: Rendered, options: Options) -> list[Step]:
    """A header line without a colon, before the good ones."""
    first, _, rest = answer.head().partition(b"\r\n")
    return [Send(first + b"\r\nthis is no header\r\n" + rest), *_body_steps(answer)]


def _body_steps(answer: Rendered) -> list[Step]:
    if answer.frames is None:
        return [Send(answer.body)]
    return [*answer.frame_steps(answer.frames), Send(answer.end)]


def _bad_chunk(answer: Rendered, options: Options) -> list[Step]:
    """After `after` tokens (2) a chunk whose size is no number; a whole answer is sent so too."""
    data = answer.frames or [answer.body]
    answer.frames = data
    kept = data[: _middle(answer, options)]
    return [Send(answer.head()), *answer.frame_steps(kept), Send(b"zz\r\nbad\r\n"), Cut()]


def _unended_chunks(answer: Rendered, options: Options) -> list[Step]:
    """All chunks come, the last one (of size 0) never does: the connection closes."""
    return [step for step in answer.steps() if step != Send(answer.end)] + [Cut()]


def _length_too_long(answer: Rendered, options: Options) -> list[Step]:
    """Content-length promises more than comes before the connection closes."""
    answer.body, answer.frames = _flat(answer), None
    return [Send(answer.head(len(answer.body) + 100) + answer.body), Cut()]


def _length_too_short(answer: Rendered, options: Options) -> list[Step]:
    """Content-length promises 20 bytes less than come; the connection closes after them."""
    answer.body, answer.frames = _flat(answer), None
    answer.keep_alive = False
    return [Send(answer.head(max(0, len(answer.body) - 20)) + answer.body), Cut()]


def _flat(answer: Rendered) -> bytes:
    return answer.body if answer.frames is None else b"".join(answer.frames)


def _stale_keepalive(answer: Rendered, options: Options) -> list[Step]:
    """A good answer that promises to keep the connection, which is closed at once."""
    return [*answer.steps(), Cut(complete=True)]


def _early_hints(answer: Rendered, options: Options) -> list[Step]:
    """Interim answers 100 and 103 come before the true one."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    return [Send(hints), *answer.steps()]


WIRE_FAULTS: dict[str, WireFault] = {
    "cut_before_headers": _cut_before_headers,
    "reset_before_headers": _reset_before_headers,
    "cut_in_headers": _cut_in_headers,
    "cut_after_headers": _cut_after_headers,
    "cut_midstream": _cut_midstream,
    "reset_midstream": _reset_midstream,
    "cut_mid_json": _cut_mid_json,
    "cut_mid_utf8": _cut_mid_utf8,
    "stall_before_headers": _stall_before_headers,
    "stall_before_first_token": _stall_before_first_token,
    "stall_midstream": _stall_midstream,
    "delay": _delay,
    "slow_headers": _slow_headers,
    "slow_body": _slow_body,
    "garbage": _garbage,
    "bad_status_line": _bad_status_line,
    "bad_header": _bad_header,
    "bad_chunk": _bad_chunk,
    "unended_chunks": _unended_chunks,
    "length_too_long": _length_too_long,
    "length_too_short": _length_too_short,
    "stale_keepalive": _stale_keepalive,
    "early_hints": _early_hints,
}
