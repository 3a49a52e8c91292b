"""The order of messages and the tool-call ids that Mistral's API insists on.

Violations are answered 400 `invalid_request_message_order` (code 3230) and 400 on tool-call ids
that are not nine letters or digits: https://docs.mistral.ai/api/ and
https://github.com/mistralai/mistral-common (src/mistral_common/protocol/instruct/validator.py).
"""

from __future__ import annotations

from typing import Any

from freellm_cli.core.chat import Message
from freellm_cli.providers.message_quirks import Note, joined_content, merge_same_role, text_of

ID_LENGTH = 9
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def in_mistral_order(messages: list[Message], bridge: str, note: Note) -> list[Message]:
    """System first, no empty assistant, every call with its result, no user behind a tool, a user
    or tool at the end; an assistant there is marked as the beginning of the answer (`prefix`)."""
    ordered = _settled_calls(_late_system_as_user(messages, note), note)
    ordered = [m for m in ordered if not _empty_assistant(m)]
    bridged: list[Message] = []
    for message in merge_same_role(ordered):
        if bridged and message.get("role") == "user" and bridged[-1].get("role") == "tool":
            bridged.append({"role": "assistant", "content": bridge})
        bridged.append(message)
    if bridged and bridged[-1].get("role") == "assistant" and "tool_calls" not in bridged[-1]:
        bridged[-1] = {**bridged[-1], "prefix": True}
    return bridged


def _late_system_as_user(messages: list[Message], note: Note) -> list[Message]:
    out: list[Message] = []
    began = False
    for message in messages:
        if message.get("role") != "system":
            began = True
        elif began:
            note("messages", "a system message in mid-conversation sent as a user message")
            message = {**message, "role": "user"}
        out.append(message)
    return out


def _empty_assistant(message: Message) -> bool:
    if message.get("role") != "assistant" or message.get("tool_calls"):
        return False
    content = message.get("content")
    return not content or (isinstance(content, list) and not text_of(message).strip())


def _settled_calls(messages: list[Message], note: Note) -> list[Message]:
    """Each call directly followed by its result; results that answer no call become user text."""
    out: list[Message] = []
    used: set[int] = set()
    for index, message in enumerate(messages):
        if message.get("role") != "tool":
            out.append(message)
            calls = message.get("tool_calls") or ()
            out.extend(_result_of(str(c.get("id")), messages, index, used, note) for c in calls)
        elif index not in used:
            note("messages", "a tool result without its call sent as a user message")
            content = joined_content("Result of a tool:", message.get("content"))
            out.append({"role": "user", "content": content})
    return out


def _result_of(
    call_id: str, messages: list[Message], after: int, used: set[int], note: Note
) -> Message:
    """The first result behind the call that is not another call's: some clients reuse ids."""
    for index in range(after + 1, len(messages)):
        message = messages[index]
        if message.get("tool_call_id") == call_id and index not in used:
            used.add(index)
            return message
    note("messages", "a tool call without a result was given an empty one")
    return {"role": "tool", "tool_call_id": call_id, "content": "(no result)"}


def with_short_ids(messages: list[Message]) -> list[Message]:
    """Tool-call ids as nine letters or digits, the same for a call and its result, and the same
    again in the next turn: ids that fit already stay, others are derived from themselves."""
    taken: dict[str, str] = {}
    out: list[Message] = []
    for message in messages:
        if "tool_call_id" in message:
            message = {**message, "tool_call_id": _short(message["tool_call_id"], taken)}
        if message.get("tool_calls"):
            calls = [
                {**call, "id": _short(call.get("id"), taken)} for call in message["tool_calls"]
            ]
            message = {**message, "tool_calls": calls}
        out.append(message)
    return out


def _short(given: Any, taken: dict[str, str]) -> str:
    text = str(given)
    if text in taken:
        return taken[text]
    fits = len(text) == ID_LENGTH and text.isascii() and text.isalnum()
    short = text if fits else short_id(text)
    while short in taken.values():
        short = short_id(short + text)
    taken[text] = short
    return short


def short_id(text: str) -> str:
    """Nine letters and digits that depend on `text` alone."""
    import hashlib

    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)
