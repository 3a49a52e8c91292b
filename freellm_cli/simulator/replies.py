"""What a simulated model says: always the same to the same question, and pleasant to read.

It names itself and quotes the question. It calls a tool when the caller demands one or the question names
one, fills a JSON schema when asked for JSON, thinks aloud when asked to think, and keeps `max_tokens` and
stop strings as a real model does.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, NamedTuple

_SAYINGS = (
    "A simulated model cannot know, but it can be quick and polite about it.",
    "Nothing was spent and nobody was asked: this answer was made on your own machine.",
    "Ask again and you will read the very same words, which is what makes it useful in a test.",
    "A real model would think longer here; this one only counts your requests very carefully.",
    "If this had been a real free tier, one request of its quota would be gone now.",
)
_QUOTE_LIMIT = 160


class Tool(NamedTuple):
    name: str
    schema: dict[str, Any]


class Call(NamedTuple):
    """`arguments` is the object itself; a dialect writes it as it needs."""

    name: str
    arguments: dict[str, Any]
    id: str = ""


class Question(NamedTuple):
    """A request in the words of no dialect. `wants_json`: True or the schema; `tool_choice`: "auto",
    "none", "required" or a tool's name; `results`: outputs of tools that the caller ran just now."""

    model: str
    text: str
    input_tokens: int
    stream: bool = False
    system: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    results: tuple[str, ...] = ()
    wants_json: bool | dict[str, Any] = False
    thinks: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1


class Reply(NamedTuple):
    """An answer in the words of no dialect. `finish`: "stop", "length", "tool_calls", "content_filter".

    `pieces` and `thoughts` are text and reasoning as a stream would carry them.
    """

    pieces: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    input_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(self.thoughts)

    @property
    def thought_tokens(self) -> int:
        return len(self.thoughts)

    @property
    def output_tokens(self) -> int:
        """Thoughts included; a call counts by its text."""
        calls = sum(count_tokens(call.name + json.dumps(call.arguments)) for call in self.calls)
        return len(self.pieces) + len(self.thoughts) + calls


def count_tokens(text: str) -> int:
    """How this simulator counts what it reads: four bytes of UTF-8 a token, rounded up."""
    return (len(text.encode("utf-8", "surrogatepass")) + 3) // 4


def split(text: str) -> tuple[str, ...]:
    """The tokens that it writes: words with the space before them."""
    return tuple(re.findall(r"\s*\S+|\s+$", text))


def answer(question: Question) -> Reply:
    """The reply to `question`."""
    thoughts: tuple[str, ...] = ()
    if question.thinks:
        thoughts = split(f"The question is about: {_quote(question.text, 60)}. I answer plainly.")
    calls = _calls(question)
    if calls:
        return _fit(Reply((), thoughts, calls, "tool_calls", question.input_tokens), question)
    return _fit(
        Reply(split(_text(question)), thoughts, (), "stop", question.input_tokens), question
    )


def scripted(
    question: Question,
    *,
    text: str | None = None,
    reasoning: str = "",
    calls: tuple[Call, ...] = (),
    finish: str | None = None,
    pieces: tuple[str, ...] | None = None,
) -> Reply:
    """A reply that somebody has written beforehand; `pieces` says how a stream cuts the text."""
    said = pieces if pieces is not None else split(text or "")
    numbered = tuple(_numbered(call, place) for place, call in enumerate(calls))
    end = finish or ("tool_calls" if calls else "stop")
    reply = Reply(tuple(said), split(reasoning), numbered, end, question.input_tokens)
    return _fit(reply, question) if finish is None else reply


def instance(schema: Any, hint: str = "example") -> Any:
    """A value that fulfils the usual part of a JSON schema."""
    if not isinstance(schema, dict):
        return {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return instance(schema[key][0], hint)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return _of_type(str(kind or ("object" if "properties" in schema else "string")), schema, hint)


def _of_type(kind: str, schema: dict[str, Any], hint: str) -> Any:
    kind = kind.lower()
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: instance(part, hint) for name, part in properties.items()}
    if kind == "array":
        return [instance(schema.get("items") or {"type": "string"}, hint)]
    plain = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
    if kind in plain:
        return schema.get("minimum", plain[kind]) if kind in ("integer", "number") else plain[kind]
    return hint


def _calls(question: Question) -> tuple[Call, ...]:
    tools = question.tools
    if not tools or question.tool_choice == "none" or question.results:
        return ()
    named = [tool for tool in tools if tool.name == question.tool_choice]
    if not named:
        named = [tool for tool in tools if _mentions(question.text, tool.name)]
    if not named and question.tool_choice == "required":
        named = [tools[0]]
    hint = _quote(question.text, 60)
    return tuple(
        _numbered(Call(tool.name, _object(instance(tool.schema, hint))), place, question.text)
        for place, tool in enumerate(named)
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbered(call: Call, place: int, salt: str = "") -> Call:
    if call.id:
        return call
    digest = hashlib.sha256(f"{place}/{call.name}/{salt}".encode("utf-8", "replace")).hexdigest()
    return call._replace(id=f"call_{digest[:16]}")


def _mentions(text: str, name: str) -> bool:
    plain = text.lower()
    return name.lower() in plain or name.lower().replace("_", " ") in plain


def _text(question: Question) -> str:
    if question.results:
        return f"The tool answered: {_quote(' · '.join(question.results))}"
    if question.wants_json:
        schema = question.wants_json
        if isinstance(schema, dict):
            return json.dumps(instance(schema, _quote(question.text, 60)), ensure_ascii=False)
        return json.dumps(
            {"model": question.model, "answer": _quote(question.text)}, ensure_ascii=False
        )
    asked = _quote(question.text)
    if not asked:
        return f"This is {question.model}, simulated. You sent no text, so there is little to say."
    place = hashlib.sha256(asked.encode("utf-8", "replace")).digest()[0] % len(_SAYINGS)
    return f"This is {question.model}, simulated. You asked: “{asked}” {_SAYINGS[place]}"


def _quote(text: str, limit: int = _QUOTE_LIMIT) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def _fit(reply: Reply, question: Question) -> Reply:
    for end in question.stop:
        before, found, _ = reply.text.partition(end)
        if end and found:
            reply = reply._replace(pieces=split(before))
    most = question.max_tokens
    if most is None or reply.calls or len(reply.thoughts) + len(reply.pieces) <= most:
        return reply
    thoughts = reply.thoughts[:most]
    return reply._replace(
        thoughts=thoughts, pieces=reply.pieces[: most - len(thoughts)], finish="length"
    )
