"""Google's thought signatures, kept for clients that drop them.

Gemini 3 signs its function calls and refuses a conversation whose calls come back unsigned
(https://ai.google.dev/gemini-api/docs/thought-signatures). Most OpenAI clients return calls without
fields they do not know, and some give them new ids. So a signature is sought in this order: what the
client kept, what is remembered by call id, what is remembered by name and arguments. Where all fail
the caller sends BYPASS, which Google documents for conversations that another model began.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

BYPASS = "skip_thought_signature_validator"
MAX_ENTRIES = 4096

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")

_Key = tuple[str, str, str] | tuple[str, int]


class ThoughtSignatures:
    """A bounded memory, safe for threads; the least recently used go first. Losing it costs quality,
    never an answer."""

    __slots__ = ("_entries", "_lock", "_max_entries")

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._entries: dict[_Key, tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._max_entries = max_entries

    def remember(
        self, *, call_id: str, name: str, arguments: str, signature: str, model: str
    ) -> None:
        """`arguments`: JSON text in any spelling. `model`: who signed; others may not take it."""
        keys: list[_Key] = [_call_key(name, arguments), ("made by", hash(signature))]
        if call_id:
            keys.append(("id", call_id, name))
        if signature:
            self._put(keys, signature, model)

    def remember_text(self, *, signature: str, model: str) -> None:
        """A turn of text: the client alone can bring its signature back; who made it is kept."""
        self._put([("made by", hash(signature))], signature, model)

    def _put(self, keys: list[_Key], signature: str, model: str) -> None:
        with self._lock:
            for key in keys:
                self._entries.pop(key, None)
                self._entries[key] = (signature, model)
            while len(self._entries) > self._max_entries:
                del self._entries[next(iter(self._entries))]

    def find(self, call: Mapping[str, Any], model: str) -> str:
        """The signature of a `tool_calls` entry for `model`; "" when there is none it would take."""
        given = client_signature(call)
        if given and self.accepted_by(model, given):
            return given
        function = call.get("function") or {}
        name = str(function.get("name") or "")
        keys: list[_Key] = []
        if call.get("id"):
            keys.append(("id", str(call["id"]), name))
        keys.append(_call_key(name, function.get("arguments")))
        for key in keys:
            signature, maker = self._get(key)
            if signature and maker == model:
                return signature
        return ""

    def accepted_by(self, model: str, signature: str) -> bool:
        """False when another model is known to have made `signature`."""
        known, maker = self._get(("made by", hash(signature)))
        return known != signature or maker == model

    def _get(self, key: _Key) -> tuple[str, str]:
        with self._lock:
            found = self._entries.pop(key, None)
            if found is None:
                return "", ""
            self._entries[key] = found
            return found

    def __len__(self) -> int:
        return len(self._entries)


def client_signature(call: Mapping[str, Any]) -> str:
    """The signature that a client handed back with a `tool_calls` entry or a message, in
    `extra_content.google.thought_signature` or `thought_signature`; "" when there is none or it cannot
    be one (the field takes base64)."""
    google = call.get("extra_content")
    for step in ("google", "thought_signature"):
        google = google.get(step) if isinstance(google, Mapping) else None
    for found in (google, call.get("thought_signature")):
        if isinstance(found, str) and found and _BASE64.issuperset(found):
            return found
    return ""


def _call_key(name: str, arguments: object) -> _Key:
    return ("call", name, _canonical(arguments))


def _canonical(arguments: object) -> str:
    """One spelling for equal arguments: clients parse and write them again."""
    try:
        tree = json.loads(arguments) if isinstance(arguments, str) and arguments else arguments
        text = json.dumps(tree or {}, sort_keys=True, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):
        text = str(arguments)
    return text if len(text) <= 256 else f"{text[:64]}{hash(text)}"
