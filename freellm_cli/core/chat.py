"""The one vocabulary between every client dialect and every provider dialect.

A request is the OpenAI chat-completions shape made regular (`messages` are dicts in that shape, so that
same-dialect traffic is not rewritten), an answer is a stream of `Delta`. A translator turns a client's
dialect into `ChatRequest`, or `ChatRequest` into a provider's; none knows another translator.

Message dicts, after `normalise_messages`:
    {"role": "system"|"user"|"assistant"|"tool", "content": str | list[part] | None, ...}
    part: {"type": "text", "text": str}
        | {"type": "image_url", "image_url": {"url": "data:…" | "https://…", "detail"?: str}}
        | {"type": "input_audio", "input_audio": {"data": base64, "format": "wav"|"mp3"|…}}
        | {"type": "file", "file": {"file_data": "data:…", "filename"?: str}}
    assistant: "tool_calls"?: [{"id": str, "type": "function",
                                "function": {"name": str, "arguments": json-text}, "extra_content"?: {...}}],
               "reasoning_content"?: str
    tool: "tool_call_id": str, "content": str | list[part], "name"?: str
"""

from typing import Any, NamedTuple

Message = dict[str, Any]

THINK_LEVELS = ("off", "minimal", "low", "medium", "high", "auto")
FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")


class Usage(NamedTuple):
    """Tokens of one answer. `prompt` includes `cached`; `completion` includes `reasoning`."""

    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.completion


class ToolCallDelta(NamedTuple):
    """A fragment of a tool call. `id` and `name` come with the first fragment of an `index`."""

    index: int  # type: ignore[assignment]  # OpenAI's name for it, over a method of tuple
    id: str = ""
    name: str = ""
    arguments: str = ""
    signature: str = ""
    """Google's thoughtSignature for this call; empty when there is none."""


class Delta(NamedTuple):
    """One step of an answer. Any field may be empty; `finish` and `usage` come at most once each."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish: str | None = None
    """One of FINISH_REASONS."""
    usage: Usage | None = None
    model: str = ""
    """What the provider says answered, when it says so."""
    response_id: str = ""
    images: tuple[str, ...] = ()
    """data: URIs that a model drew."""
    extra: dict[str, Any] | None = None
    """Provider fields worth handing on (reasoning_details, annotations…)."""

    @property
    def has_content(self) -> bool:
        """True when a caller would see something: the moment after which no other target may answer."""
        return bool(self.text or self.reasoning or self.tool_calls or self.images)


TEXT_ALONE = Delta()[1:]
"""What is behind the text of a delta that says nothing else, as most do."""


class ToolCall(NamedTuple):
    id: str
    name: str
    arguments: str
    """JSON text of an object."""
    signature: str = ""


class Completion(NamedTuple):
    """A whole answer, put together from its deltas."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    usage: Usage = Usage()
    model: str = ""
    response_id: str = ""
    images: tuple[str, ...] = ()
    extra: dict[str, Any] | None = None


class ChatRequest(NamedTuple):
    """What a caller wants.

    `model`: as asked (`-m`), not yet routed. `params`: OpenAI names (`temperature`, `top_p`, `max_tokens`,
    `stop` as a list, `seed`, `tools`, `tool_choice`, `response_format`, `n`, …) and anything else the
    caller gave; None values are dropped. `think`: one of THINK_LEVELS or None for "not said".
    """

    model: str
    messages: list[Message]
    params: dict[str, Any]
    think: str | None = None
    stream: bool = True


class Target(NamedTuple):
    """What a translator needs to know of where a request goes. The pool builds it."""

    provider: str
    model_id: str
    """`provider/name`."""
    name: str
    """The model's name on the wire."""
    base_url: str
    """No trailing slash."""
    quirks: dict[str, Any]
    """Switches of the dialect, provider's merged with model's (catalog data and config.toml)."""
    capabilities: frozenset[str]
    max_output: int | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 - read-only by contract
    """Account id, OpenRouter attribution, session id… whatever the dialect documents."""
