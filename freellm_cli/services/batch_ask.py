"""One row of a batch, asked: a chat or an embedding, its answer as a line of the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.chat import ChatRequest, Usage
from freellm_cli.core.faces.base import Ask
from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk
from freellm_cli.services.answer import Answerer
from freellm_cli.services.batch_answers import chat_line, embedding_line
from freellm_cli.services.batch_file import Row
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.embeddings import embed
from freellm_cli.transport.base import Cancel

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.services.wait_words import OnWait


class Asked(NamedTuple):
    """`line`: of the output. `waited_s`: for a limit."""

    line: bytes
    model: str
    prompt_tokens: int
    completion_tokens: int
    waited_s: float
    credential: str


class Asker:
    """Asks in the batch lane. Safe from any thread."""

    def __init__(self, runtime: Runtime, *, private: bool, reserve: float) -> None:
        """`reserve`: a share (0 to 1) of every limit that is left for others."""
        self._runtime = runtime
        self._chat = ChatService(runtime)
        self._private = private
        self._reserve = reserve

    def ask(
        self,
        row: Row,
        request: ChatRequest | EmbeddingAsk,
        cancel: Cancel,
        request_id: str,
        before_send: Callable[[], None],
        on_wait: OnWait,
    ) -> Asked:
        """Raises as `ChatService.ask`; `before_send` and `on_wait` as in `CallOptions`."""
        options = CallOptions(
            whole=True,
            private=self._private,
            lane="batch",
            face="batch",
            cancel=cancel,
            request_id=request_id,
            reserve=self._reserve,
            before_send=before_send,
            on_wait=on_wait,
        )
        if isinstance(request, EmbeddingAsk):
            made = embed(
                self._runtime,
                request.model,
                request.inputs,
                dimensions=request.dimensions,
                options=options,
            )
            line = embedding_line(row, request, made, request_id)
            return _asked(line, made.answerer, made.usage)
        answer = self._chat.ask(request, options)
        try:
            completion = answer.completion()
        finally:
            answer.close()
        line = chat_line(row, Ask(request), answer, completion, self._runtime.clock.now())
        return _asked(line, answer.answerer, completion.usage)


def _asked(line: bytes, who: Answerer, usage: Usage) -> Asked:
    return Asked(line, who.model_id, usage.prompt, usage.completion, who.waited_s, who.credential)
