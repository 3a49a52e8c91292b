"""A question in any dialect: parse, ask, write. One piece of code for all of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from freellm_cli.core.chat import ChatRequest, Completion
from freellm_cli.core.errors import (
    BadField,
    FreellmError,
    NoCredential,
    ProviderClosed,
    UnknownName,
    UpstreamError,
)
from freellm_cli.core.faces import registry
from freellm_cli.core.faces.base import Ask, FaceWriter, ReplyHead
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.core.json_reading import read_body
from freellm_cli.core.messages import flat_text
from freellm_cli.core.tokens import estimate_request
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.serve_profile import LANE_HEADER

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.exchange import Exchange
    from freellm_cli.services.answer import Answer

_UTF8_BOM = b"\xef\xbb\xbf"


def parse_json(body: bytes) -> Any:
    """A client's JSON, whatever its Content-Type says; text that is no UTF-8 is taken as well as it can be.

    Raises HttpRefusal (400).
    """
    try:
        return read_body(body.removeprefix(_UTF8_BOM).decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        what = "is empty" if not body.strip() else f"is no JSON{where}"
        raise HttpRefusal(f"the request's body {what}", status=400, code="invalid_json") from error


def answer_chat(
    app: App,
    exchange: Exchange,
    face_name: str,
    *,
    path_model: str = "",
    stream: bool | None = None,
) -> None:
    """Answers one question. Raises FreellmError, which the app writes in the dialect, or ClientGone."""
    if exchange.entry is not None:
        exchange.entry.face = face_name
    ask = _parsed(app, exchange, face_name, path_model, stream)
    turns = app.household().runtime.turns
    if not ask.request.stream:  # the pieces of a stream come when they come, and wait for nobody
        turns.take()
    try:
        Conversation(app, exchange, ask, face_name).run()
    finally:
        turns.leave()


def _parsed(
    app: App, exchange: Exchange, face_name: str, path_model: str, stream: bool | None
) -> Ask:
    face = registry.face(face_name)
    body = parse_json(exchange.body)
    try:
        ask = face.parse(body, path_model, stream)
    except FreellmError as fault:
        note_asked(exchange, body, path_model)
        if not isinstance(fault, BadField):
            raise
        profile = app.profile_for(app.household())
        ask = profile.forgiven(fault, body, lambda less: face.parse(less, path_model, stream))
    if face_name == "gemini" and stream and "alt=sse" not in exchange.head.query:
        from freellm_cli.core.faces.gemini import as_array

        ask = as_array(ask)
    return ask


def note_asked(exchange: Exchange, body: Any, path_model: str) -> None:
    """For the log: which model a body names that is not understood otherwise."""
    named = body.get("model") if isinstance(body, dict) else None
    if exchange.entry is not None:
        exchange.entry.asked = named if isinstance(named, str) else path_model


class Conversation:
    """One question and its answer, from the parsed body to the last byte."""

    def __init__(self, app: App, exchange: Exchange, ask: Ask, face_name: str) -> None:
        self._app = app
        self._exchange = exchange
        self._ask = ask
        self._face_name = face_name
        self._house = app.household()
        self._profile = app.profile_for(self._house)
        self._writer: FaceWriter | None = None

    def run(self) -> None:
        request = self._profile.shaped(self._ask.request)
        exchange = self._exchange
        if exchange.entry is not None:
            exchange.entry.asked = request.model
            exchange.entry.stream = request.stream
        if request.stream:
            # Until somebody answers, the client is told the name that it gave.
            exchange.expect_stream(self._writer_for(request, request.model or "auto"))
        exchange.after_hang_up = self._house.runtime.ledger.wake_waiters
        self._app.watcher.watch(exchange)
        answer = self._answer(request)
        try:
            self._exchange.tell_who(answer.answerer)
            if request.stream:
                self._stream(answer)
            else:
                self._whole(request, answer)
        finally:
            answer.close()
            self._log(request, answer)

    def _answer(self, request: ChatRequest) -> Answer:
        options = CallOptions(
            timeout_s=self._profile.deadline_s,
            whole=not request.stream,
            private=self._house.runtime.settings.private,
            conversation=self._conversation(request),
            lane=self._profile.lane_for(self._exchange.head.headers.get(LANE_HEADER, "")),
            face=self._face_name,
            cancel=self._exchange.cancel,
            request_id=self._exchange.request_id,
            on_wait=self._exchange.entry.on_wait if self._exchange.entry is not None else None,
        )
        try:
            return self._house.chat.ask(request, options)
        except (UnknownName, NoCredential, ProviderClosed):
            instead = self._profile.instead_of(request.model)
            if not instead:
                raise
        return self._house.chat.ask(request._replace(model=instead), options)

    def _conversation(self, request: ChatRequest) -> str:
        """What stays the same through a conversation: the client's own name for it, or how it began. Only
        a hash of it is kept."""
        if not self._house.runtime.settings.sticky:
            return ""
        named = self._ask.memory.get("conversation")
        if named is None and len(request.messages) < 3:
            return ""
        from hashlib import blake2b

        text = str(named) if named is not None else _beginning(request)
        return blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()

    def _writer_for(self, request: ChatRequest, model: str) -> FaceWriter:
        estimate = estimate_request(request) if self._face_name == "anthropic" else 0
        head = ReplyHead(self._exchange.request_id, int(time.time()), model, estimate)
        return registry.face(self._face_name).writer(self._ask, head, self._profile.style)

    def _stream(self, answer: Answer) -> None:
        exchange = self._exchange
        writer = exchange.writer
        assert writer is not None
        waiting = writer.start()
        for deltas in answer.batches():
            frames = b"".join(map(writer.delta, deltas))
            if frames:
                exchange.stream(waiting + frames)
                waiting = b""
        exchange.end_stream(waiting + writer.finish(answer.usage))

    def _whole(self, request: ChatRequest, answer: Answer) -> None:
        completion = answer.completion()
        if self._profile.needs_words and not _says_something(completion):
            raise UpstreamError(
                f"{answer.answerer.model_id} gave no words ({completion.finish})",
                hint="a larger max_tokens helps when it thinks first",
            )
        writer = self._writer_for(request, request.model or answer.answerer.model_id)
        body = writer.whole(completion)
        self._house.runtime.turns.leave()
        self._exchange.answer(200, body)

    def _log(self, request: ChatRequest, answer: Answer) -> None:
        entry = self._exchange.entry
        if entry is None:
            return
        entry.answered_by(answer.answerer, answer.usage)
        entry.first_ms = answer.answerer.first_token_s * 1000
        if self._house.runtime.settings.serve.log_content:
            said = answer.text_so_far()
            entry.content = (flat_text(request.messages[-1].get("content")), said)


def _says_something(completion: Completion) -> bool:
    return bool(completion.text.strip() or completion.tool_calls or completion.images)


def _beginning(request: ChatRequest) -> str:
    """The first system and user texts of a conversation."""
    texts = [
        f"{message['role']}:{flat_text(message.get('content'))[:4000]}"
        for message in request.messages[:2]
    ]
    return "\n".join([request.model, *texts])


def error_name(error: FreellmError) -> str:
    return error.code
