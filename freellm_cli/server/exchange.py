"""One request and its answer: what came, what goes out, and who may write to the client when."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces import registry
from freellm_cli.core.faces.base import FaceWriter
from freellm_cli.core.faces.errors import error_reply
from freellm_cli.core.faces.frames import JSON
from freellm_cli.server import reply
from freellm_cli.server.connection import ClientGone, Connection
from freellm_cli.server.watcher import has_left
from freellm_cli.server.wire import NotAllowed, RequestHead
from freellm_cli.services.serving import Cancel

if TYPE_CHECKING:
    from freellm_cli.server.access_log import Entry
    from freellm_cli.services.answer import Answerer

_STREAM_FIELDS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))


class Exchange:
    """Made by a worker for each request. The watcher may call `look`, `stay_alive` and `hang_up`, the one who
    stops the server `cut_off`."""

    is_cut = False
    """The server itself ends it, before its answer is whole."""

    def __init__(
        self,
        connection: Connection,
        head: RequestHead,
        request_id: str,
        began: float,
        sign_of_life_s: float = 10.0,
    ) -> None:
        self.connection = connection
        self.head = head
        self.body = b""
        self.body_was_read = False
        self.request_id = request_id
        self.began = began
        self.dialect = "openai"
        """Whose words errors are written in."""
        self.fields: list[tuple[str, str]] = []
        """Headers that every answer to this request carries."""
        self.cancel = Cancel()
        self.after_hang_up: Callable[[], None] | None = None
        """Ends waits that `cancel` does not reach."""
        self.keeps_alive = head.keeps_alive
        self.status = 0
        self.bytes_out = 0
        self.entry: Entry | None = None
        self._lock = threading.Lock()
        self._writer: FaceWriter | None = None
        self._begun = False
        self._ended = False
        self._is_chunked = False
        self._sign_of_life_s = sign_of_life_s
        self._last_write = began
        """-1 for just now: a worker does not look at the clock for each piece, the watcher does."""
        self._pending = b""

    def tell_who(self, who: Answerer) -> None:
        """Every answer to this request names `who` gave it."""
        self.fields += [
            ("x-freellm-model", reply.one_line(who.model_id)),
            ("x-freellm-credential", reply.one_line(who.credential)),
            ("x-freellm-attempts", str(who.attempts)),
        ]

    # Whole answers

    def answer(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = JSON,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """One whole answer in one write. Raises ClientGone."""
        with self._lock:
            self._check_open()
            self._ended = self._begun = True
            self._send(self._whole(status, body, content_type, fields))

    def _whole(
        self, status: int, body: bytes, content_type: str, fields: Mapping[str, str] | None
    ) -> bytes:
        self.status = status
        lines = [("content-type", content_type)] if status != 204 else []
        lines += (fields or {}).items()
        if status != 204:
            lines.append(("content-length", str(len(body))))
        lines += self._closing_fields()
        data = reply.head(status, lines)
        return data + body if self.head.method != "HEAD" else data

    def answer_json(
        self, data: Any, *, status: int = 200, fields: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )
        self.answer(status, body, fields=fields)

    def hand_over(
        self,
        owner: Callable[[Connection], None],
        *,
        content_type: str,
        fields: Mapping[str, str],
    ) -> None:
        """Begins an answer that `owner` goes on with when this request is over here, until either side
        closes. Raises ClientGone."""
        with self._lock:
            self._check_open()
            self._ended = self._begun = True
            self.status = 200
            self.keeps_alive = False
            lines = [("content-type", content_type), *_STREAM_FIELDS, *fields.items()]
            self._send(reply.head(200, [*lines, *self._closing_fields()]))
            if self.head.method != "HEAD":
                self.connection.new_owner = owner

    def fail(self, error: FreellmError) -> None:
        """`error` in the client's dialect: as a status, or in the stream that has begun; not at all behind a
        whole answer."""
        writer = self._writer
        if self._begun and writer is not None and not self._ended:
            self.end_stream(writer.error(error))
            return
        if self._ended and self.bytes_out:
            # A second answer would be taken for that to the next request.
            self.keeps_alive = False
            return
        made = error_reply(error, self.request_id, registry.face(self.dialect))
        fields = dict(made.headers)
        if self.status_closes(made.status):
            self.keeps_alive = False
        if isinstance(error, NotAllowed):
            fields["allow"] = error.allow
        self.answer(made.status, made.body, fields=fields)

    def break_off(self, error: FreellmError) -> None:
        """`error` as the last words of an answer that is cut off, as far as the client takes them without a
        wait. The connection ends with them."""
        self.keeps_alive = False
        with self._lock, suppress(ClientGone):
            if self._ended:
                return
            writer = self._writer
            if self._begun and writer is not None:
                data = self._last_frames(writer.error(error))
            else:
                made = error_reply(error, self.request_id, registry.face(self.dialect))
                data = self._whole(made.status, made.body, JSON, made.headers)
            self._ended = self._begun = True
            self.bytes_out += self.connection.send_at_once(self._pending + data)

    @staticmethod
    def status_closes(status: int) -> bool:
        """After these the client's next bytes may not be a request."""
        return status in (408, 413, 417, 431, 501, 505)

    def _closing_fields(self) -> list[tuple[str, str]]:
        lines = [("x-request-id", self.request_id), *self.fields]
        if not self.keeps_alive:
            lines.append(("connection", "close"))
        elif self.head.is_http_10:
            lines.append(("connection", "keep-alive"))
        return lines

    # Streams

    def expect_stream(self, writer: FaceWriter) -> None:
        """From now on silence is filled with signs of life, in the frames of `writer`."""
        with self._lock:
            self._writer = writer

    @property
    def has_ended(self) -> bool:
        """Whether its last bytes have been written, or are about to be."""
        return self._ended

    @property
    def writer(self) -> FaceWriter | None:
        return self._writer

    def stream(self, data: bytes) -> None:
        """Sends `data` now, behind the head if it is the first. Raises ClientGone."""
        if not data:
            return
        with self._lock:
            self._check_open()
            self._send(self._framed(data))

    def end_stream(self, data: bytes) -> None:
        with self._lock:
            self._check_open()
            last = self._last_frames(data)
            self._ended = True
            self._send(last)

    def _last_frames(self, data: bytes) -> bytes:
        framed = self._framed(data)
        return framed + b"0\r\n\r\n" if self._is_chunked else framed

    def _framed(self, data: bytes) -> bytes:
        before = b""
        if not self._begun:
            self._begun = True
            before = self._stream_head()
        if self._is_chunked and data:
            return b"%b%x\r\n%b\r\n" % (before, len(data), data)
        return before + data

    def _stream_head(self) -> bytes:
        assert self._writer is not None
        self.status = 200
        self._is_chunked = not self.head.is_http_10
        lines = [("content-type", self._writer.content_type), *_STREAM_FIELDS]
        if self._is_chunked:
            lines.append(("transfer-encoding", "chunked"))
        else:
            self.keeps_alive = False
        return reply.head(200, [*lines, *self._closing_fields()])

    def _check_open(self) -> None:
        if self.cancel.cancelled:
            raise ClientGone

    def _send(self, data: bytes) -> None:
        if self._pending:
            data, self._pending = self._pending + data, b""
        self.bytes_out += len(data)
        self.connection.send(data)
        self._last_write = -1.0

    # What the watcher does

    def look(self) -> None:
        """Something is to be read: more of the client's, or its end."""
        if not self._ended and has_left(self.connection.sock):
            self.hang_up()

    def hang_up(self) -> None:
        if self.cancel.cancelled:
            return
        self.cancel.cancel()
        if self.after_hang_up is not None:
            self.after_hang_up()

    def cut_off(self) -> None:
        """The server waits for it no longer; who serves it says the last words (`break_off`)."""
        if not self.cancel.cancelled:
            self.is_cut = True
            self.hang_up()

    def stay_alive(self, now: float) -> None:
        """A frame that says nothing, when a stream has been silent for long. Never waits."""
        writer = self._writer
        if writer is None or self._ended:
            return
        if self._last_write < 0:
            self._last_write = now
        silent_s = now - self._last_write
        if silent_s < self._sign_of_life_s or not self._lock.acquire(blocking=False):
            return
        try:
            if self._ended or self._pending or self.cancel.cancelled:
                return
            frame = writer.keep_alive()
            if not frame:
                return
            self._last_write = now
            data = self._framed(frame)
            self._pending = data[self.connection.send_at_once(data) :]
        except ClientGone:
            self.hang_up()
        finally:
            self._lock.release()
