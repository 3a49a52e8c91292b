"""OpenAI's old completions, for autocompletion and story tools
(https://platform.openai.com/docs/api-reference/completions).

No free host serves raw completion any more: the prompt becomes one user message.
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Completion, Delta, Usage
from freellm_cli.core.errors import BadField, FreellmError
from freellm_cli.core.faces.base import Ask, ReplyHead, spare_thoughts
from freellm_cli.core.faces.errors import openai_error
from freellm_cli.core.faces.frames import COMMENT, DONE, EVENT_STREAM, dump, text_json
from freellm_cli.core.faces.openai_chat import memory_of, plain, usage_json, whole_text
from freellm_cli.core.messages import normalise_body

DEFAULT_MAX_TOKENS = 16
"""As OpenAI documents it."""

_FILL_IN = (
    "You fill in text. Between the two parts that you are given stands <FILL>. Answer with exactly what "
    "belongs in its place, keeping spaces and line ends, and with nothing else: no explanation, no code "
    "fence, none of the given text."
)
_OURS = ("prompt", "suffix", "echo", "logprobs", "messages", "tools", "functions")

error_body = openai_error


def parse(body: Any, path_model: str, stream: bool | None) -> Ask:
    """A completions body as an Ask. Raises BadField, naming the field."""
    if not isinstance(body, dict):
        raise BadField("body", "a JSON object")
    prompt = _prompt(body.get("prompt"))
    suffix = body.get("suffix")
    messages = [{"role": "user", "content": prompt}]
    if isinstance(suffix, str) and suffix:
        asked = f"{prompt}<FILL>{suffix}"
        messages = [{"role": "system", "content": _FILL_IN}, {"role": "user", "content": asked}]
    rest = {key: value for key, value in body.items() if key not in _OURS}
    limited = body.get("max_tokens") is not None or body.get("max_completion_tokens") is not None
    request = plain(normalise_body({**rest, "messages": messages}))
    if not limited:
        request.params["max_tokens"] = DEFAULT_MAX_TOKENS
    if path_model and not request.model:
        request = request._replace(model=path_model)
    memory = memory_of(body)
    memory["echo"] = prompt if body.get("echo") is True else ""
    return Ask(spare_thoughts(request), memory)


def _prompt(given: object) -> str:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, str):
        return given
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        raise BadField("prompt", "one text: send a request for each")
    if given is None:
        raise BadField("prompt", "a string")
    raise BadField("prompt", "a string, not token ids: these belong to one model's vocabulary")


class CompletionsWriter:
    """Chunks of text, finish once, usage if asked, [DONE]."""

    content_type = EVENT_STREAM

    def __init__(self, ask: Ask, head: ReplyHead) -> None:
        self._head = head
        self._include_usage = bool(ask.memory.get("include_usage"))
        self._echo = str(ask.memory.get("echo") or "")
        self._finish: str | None = None
        self._frame = (
            b'data: {"id":%b,"object":"text_completion","created":%d,"model":%b,"choices":'
            % (text_json("cmpl-" + head.stem), head.created, text_json(head.model))
        )
        usage = b',"usage":null' if self._include_usage else b""
        self._before = self._frame + b'[{"text":'
        self._after = b',"index":0,"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"

    def start(self) -> bytes:
        return self._before + text_json(self._echo) + self._after

    def delta(self, delta: Delta) -> bytes:
        if delta.finish:
            self._finish = delta.finish
        if not delta.text:
            return b""
        return self._before + text_json(delta.text) + self._after

    def finish(self, usage: Usage) -> bytes:
        counts = dump(usage_json(usage))
        end = b'"","index":0,"logprobs":null,"finish_reason":' + text_json(_reason(self._finish))
        shown = b"null" if self._include_usage else counts
        frames = self._before + end + b'}],"usage":' + shown + b"}\n\n"
        if self._include_usage:
            frames += self._frame + b'[],"usage":' + counts + b"}\n\n"
        return frames + DONE

    def error(self, error: FreellmError) -> bytes:
        return b"data: %b\n\n" % dump(error_body(error, self._head.request_id)) + DONE

    def keep_alive(self) -> bytes:
        return COMMENT

    def whole(self, completion: Completion) -> bytes:
        choice = {
            "text": self._echo + whole_text(completion),
            "index": 0,
            "logprobs": None,
            "finish_reason": _reason(completion.finish),
        }
        return dump(
            {
                "id": "cmpl-" + self._head.stem,
                "object": "text_completion",
                "created": self._head.created,
                "model": self._head.model,
                "choices": [choice],
                "usage": usage_json(completion.usage),
            }
        )


def _reason(finish: str | None) -> str:
    return finish if finish in ("length", "content_filter") else "stop"
