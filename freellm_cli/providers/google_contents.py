"""Messages in the OpenAI shape as Google's `contents` and `systemInstruction`.

What Google holds to (https://ai.google.dev/gemini-api/docs/function-calling, and the 400s that name
each rule): roles `user` and `model`; the first and the last turn are the user's; no turn without parts
and no empty part; a turn with calls is followed at once by one turn with as many results, in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from freellm_cli.core.chat import Message, Target
from freellm_cli.core.errors import RequestRefused
from freellm_cli.providers.google_names import ToolNames
from freellm_cli.providers.google_parts import Media, Part
from freellm_cli.providers.thought_signatures import (
    BYPASS,
    ThoughtSignatures,
    client_signature,
)

Content = dict[str, Any]

# Turns that Google demands and the conversation lacks.
OPENING = "Begin."
CONTINUE = "Continue."
NO_RESULT = "no result was given"


class Conversation(NamedTuple):
    system: list[Part]
    contents: list[Content]


def conversation(
    messages: list[Message],
    target: Target,
    quirks: Mapping[str, Any],
    *,
    media: Media,
    names: ToolNames,
    signatures: ThoughtSignatures,
) -> Conversation:
    """`quirks` as `google_request` lists them. Raises RequestRefused when nothing is left to say or a
    part cannot be sent to this target."""
    builder = _Builder(messages, target, quirks, media, names, signatures)
    builder.build()
    system = _system_parts(messages)
    contents = builder.contents
    if system and (not contents or quirks.get("system") == "fold"):
        contents, system = _fold(system, contents), []
    if not contents:
        raise RequestRefused("the conversation has no text")
    if contents[0]["role"] != "user":
        contents.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
    if contents[-1]["role"] != "user" and not quirks.get("prefill"):
        contents.append({"role": "user", "parts": [{"text": CONTINUE}]})
    return Conversation(system, contents)


def _system_parts(messages: list[Message]) -> list[Part]:
    parts: list[Part] = []
    for message in messages:
        if message.get("role") in ("system", "developer"):
            text = _text(message.get("content"))
            if text:
                parts.append({"text": text})
    return parts


def _fold(system: list[Part], contents: list[Content]) -> list[Content]:
    """The instruction as the beginning of the first user turn."""
    text = "\n\n".join(part["text"] for part in system)
    if not contents or contents[0]["role"] != "user":
        return [{"role": "user", "parts": [{"text": text}]}, *contents]
    first = {"role": "user", "parts": [{"text": text + "\n\n"}, *contents[0]["parts"]]}
    return [first, *contents[1:]]


class _Builder:
    def __init__(
        self,
        messages: list[Message],
        target: Target,
        quirks: Mapping[str, Any],
        media: Media,
        names: ToolNames,
        signatures: ThoughtSignatures,
    ) -> None:
        self.contents: list[Content] = []
        self._messages = [m for m in messages if m.get("role") not in ("system", "developer")]
        self._model_id = target.model_id
        self._media = media
        self._names = names
        self._signatures = signatures
        self._calls_as_text = quirks.get("tools") is False
        self._signed = _signing(quirks)
        self._nested_media = bool(quirks.get("nested_media", quirks.get("think") == "gemini_level"))
        self._called = {
            call.get("id")
            for message in self._messages
            for call in message.get("tool_calls") or ()
            if call.get("id")
        }
        self._used: set[int] = set()

    def build(self) -> None:
        at = 0
        while at < len(self._messages):
            role = self._messages[at].get("role")
            end = at + 1
            if role == "assistant":
                while end < len(self._messages) and self._messages[end].get("role") == "assistant":
                    end += 1
                self._model_turn(at, end)
            elif role == "tool":
                if at not in self._used:
                    self._add("user", self._result_as_text(self._messages[at]))
            else:
                self._add("user", self._media.parts(self._messages[at].get("content")))
            at = end

    def _add(self, role: str, parts: list[Part]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"].extend(parts)
        else:
            self.contents.append({"role": role, "parts": list(parts)})

    def _model_turn(self, start: int, end: int) -> None:
        parts: list[Part] = []
        calls: list[Mapping[str, Any]] = []
        for message in self._messages[start:end]:
            said = self._media.parts(message.get("content"))
            self._sign_text(message, said)
            parts.extend(said)
            for call in message.get("tool_calls") or ():
                if self._calls_as_text:
                    parts.append({"text": _call_as_text(call)})
                else:
                    parts.append(self._call_part(call, first=not calls))
                    calls.append(call)
        self._add("model", parts)
        if calls:
            self._add("user", self._results(calls, end))

    def _call_part(self, call: Mapping[str, Any], *, first: bool) -> Part:
        function = call.get("function") or {}
        called: dict[str, Any] = {
            "name": self._names.to_google(str(function.get("name") or "")),
            "args": as_object(function.get("arguments"), "arguments"),
        }
        if call.get("id"):
            called["id"] = str(call["id"])
        part: Part = {"functionCall": called}
        signature = ""
        if self._signed != "bypass":
            signature = self._signatures.find(call, self._model_id)
        if not signature and first and self._signed != "optional":
            signature = BYPASS
        if signature:
            part["thoughtSignature"] = signature
        return part

    def _sign_text(self, message: Message, parts: list[Part]) -> None:
        """A turn of text may be signed on its last part; the client may have kept it."""
        signature = client_signature(message)
        if not signature or self._signed != "required" or not parts or "text" not in parts[-1]:
            return
        if self._signatures.accepted_by(self._model_id, signature):
            parts[-1]["thoughtSignature"] = signature

    def _results(self, calls: list[Mapping[str, Any]], start: int) -> list[Part]:
        """As many results as calls, in their order, then pictures that came with them."""
        found = self._match(calls, start)
        parts: list[Part] = []
        beside: list[Part] = []
        for call, message in zip(calls, found, strict=True):
            name = str((call.get("function") or {}).get("name") or "")
            response: dict[str, Any] = {"name": self._names.to_google(name)}
            if call.get("id"):
                response["id"] = str(call["id"])
            if message is None:
                response["response"] = {"error": NO_RESULT}
            else:
                content = message.get("content")
                response["response"] = as_object(_text(content), "result")
                pictures = [p for p in self._content_parts(content) if "text" not in p]
                if pictures and self._nested_media:
                    response["parts"] = pictures
                else:
                    beside.extend(pictures)
            parts.append({"functionResponse": response})
        return parts + beside

    def _content_parts(self, content: object) -> list[Part]:
        return self._media.parts(content) if isinstance(content, list) else []

    def _match(self, calls: list[Mapping[str, Any]], start: int) -> list[Message | None]:
        """The result of each call: by id wherever it stands, then by name, then by position among
        those that follow at once and answer no other call."""
        found: list[Message | None] = [self._take_by_id(call.get("id"), start) for call in calls]
        loose = []
        at = start
        while at < len(self._messages) and self._messages[at].get("role") == "tool":
            if at not in self._used and self._messages[at].get("tool_call_id") not in self._called:
                loose.append(at)
            at += 1
        for by_name in (True, False):
            for number, call in enumerate(calls):
                if found[number] is not None or not loose:
                    continue
                name = (call.get("function") or {}).get("name")
                fits = [i for i in loose if not by_name or self._messages[i].get("name") == name]
                if fits:
                    loose.remove(fits[0])
                    found[number] = self._take(fits[0])
        return found

    def _take_by_id(self, call_id: object, start: int) -> Message | None:
        for at in range(start, len(self._messages)) if call_id else ():
            message = self._messages[at]
            if at in self._used or message.get("role") != "tool":
                continue
            if message.get("tool_call_id") == call_id:
                return self._take(at)
        return None

    def _take(self, at: int) -> Message:
        self._used.add(at)
        return self._messages[at]

    def _result_as_text(self, message: Message) -> list[Part]:
        """A result whose call is not in the conversation, or whose target knows no calls."""
        parts = self._media.parts(message.get("content"))
        if not parts:
            return []
        name = message.get("name") or message.get("tool_call_id") or "tool"
        return [{"text": f"[Result of {name}]"}, *parts]


def _signing(quirks: Mapping[str, Any]) -> str:
    """ "required", "optional" or "bypass"."""
    default = "required" if quirks.get("think") == "gemini_level" else "optional"
    return str(quirks.get("signatures") or default)


def _call_as_text(call: Mapping[str, Any]) -> str:
    function = call.get("function") or {}
    return f"[Call of {function.get('name')}: {function.get('arguments') or '{}'}]"


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "\n".join(texts)


def as_object(value: object, key: str) -> dict[str, Any]:
    """`value` as an object: JSON text of one, an object, or anything else under `key`.

    A reference inside is refused by Google (`$ref` is taken for a schema's); then the text goes whole.
    """
    text = value if isinstance(value, str) else ""
    if isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False)
    if not text.strip():
        return {} if key == "arguments" else {key: ""}
    if not text.lstrip().startswith("{"):
        return {key: text}
    try:
        tree = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return {key: text}
    if '"$ref"' in text and key != "arguments":
        return {key: text}
    return tree if isinstance(tree, dict) else {key: text}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
