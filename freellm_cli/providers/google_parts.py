"""One piece of a message as a part of Google's: text, image, sound, file.

https://ai.google.dev/api/caching#Part
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freellm_cli.core.chat import Target
from freellm_cli.core.errors import RequestRefused

Part = dict[str, Any]

_MIME_FIXES = {"image/jpg": "image/jpeg", "audio/x-wav": "audio/wav", "audio/mpeg": "audio/mp3"}
# Addresses that Google's servers read themselves: the Files API and public videos.
_READ_BY_GOOGLE = (
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://youtu.be/",
    "gs://",
)


class Media:
    """Makes parts for one target.

    `capabilities`: what the target can take. `fetched`: data: URIs by the address they were read from
    (`target.options["fetch"]`): Google reads no foreign address.
    """

    __slots__ = ("_capabilities", "_fetched", "_model_id")

    def __init__(self, target: Target, capabilities: frozenset[str]) -> None:
        self._model_id = target.model_id
        self._capabilities = capabilities
        self._fetched: Mapping[str, str] = target.options.get("fetch") or {}

    def parts(self, content: object) -> list[Part]:
        """All parts of a message's content; empty texts are left out. Raises RequestRefused."""
        if isinstance(content, str):
            return [{"text": content}] if content else []
        made = (self._part(part) for part in content or ()) if isinstance(content, list) else ()
        return [part for part in made if part]

    def _part(self, part: object) -> Part | None:
        if not isinstance(part, dict):
            return {"text": part} if isinstance(part, str) and part else None
        kind = part.get("type")
        if kind == "text":
            text = part.get("text")
            return {"text": text} if isinstance(text, str) and text else None
        if kind == "image_url":
            return self._from_address(_inner(part, "image_url").get("url"), "image/jpeg")
        if kind == "video_url":
            return self._from_address(_inner(part, "video_url").get("url"), "video/mp4")
        if kind == "input_audio":
            audio = _inner(part, "input_audio")
            return self._inline(f"audio/{audio.get('format') or 'wav'}", audio.get("data"))
        if kind == "file":
            file = _inner(part, "file")
            address = file.get("file_data") or file.get("file_url") or file.get("file_id")
            return self._from_address(address, str(file.get("mime_type") or ""))
        raise RequestRefused(f"{self._model_id} cannot be sent content of type {kind!r}")

    def _from_address(self, address: object, mime: str) -> Part:
        if not isinstance(address, str) or not address:
            raise RequestRefused("a content part has no data and no address")
        address = self._fetched.get(address, address)
        if address.startswith("data:"):
            return self._from_data_uri(address)
        if address.startswith(_READ_BY_GOOGLE):
            data = {"fileUri": address}
            # Of a video on YouTube the type is known, and a wrong one is refused.
            if mime and "youtu" not in address:
                data["mimeType"] = mime
            return {"fileData": data}
        if "://" in address[:20]:
            raise RequestRefused(
                f"{self._model_id} does not read addresses: {_short(address)}",
                hint="send the picture or file itself, as a data: URI or with --attach",
                client_hint="send the picture or file itself, as a data: URI",
            )
        return self._inline(mime or "application/octet-stream", address)

    def _from_data_uri(self, uri: str) -> Part:
        head, comma, data = uri[5:].partition(",")
        if not comma:
            raise RequestRefused("a data: URI has no data")
        if not head.endswith(";base64"):
            data = _percent_to_base64(data)
        return self._inline(head.split(";", 1)[0] or "text/plain", data)

    def _inline(self, mime: str, data: object) -> Part:
        if not isinstance(data, str) or not data.strip():
            raise RequestRefused(f"an attachment of type {mime} is empty")
        mime = _MIME_FIXES.get(mime.lower(), mime.lower())
        self._refuse_unreadable(mime)
        if not data.isalnum() and any(space in data for space in "\n\r\t "):
            data = "".join(data.split())
        return {"inlineData": {"mimeType": mime, "data": data}}

    def _refuse_unreadable(self, mime: str) -> None:
        if mime == "application/pdf":
            need, word = "pdf", "PDF files"
        elif mime.startswith("audio/"):
            need, word = "audio", "sound"
        elif mime.startswith(("image/", "video/")):
            need, word = "vision", "pictures"
        else:
            return
        if need not in self._capabilities:
            raise RequestRefused(
                f"{self._model_id} takes no {word}",
                hint="freellm models --vision shows models that see" if need == "vision" else "",
            )


def _inner(part: dict[str, Any], key: str) -> dict[str, Any]:
    value = part.get(key)
    if isinstance(value, str):
        return {"url": value}
    return value if isinstance(value, dict) else {}


def _percent_to_base64(data: str) -> str:
    import base64
    import urllib.parse

    return base64.b64encode(urllib.parse.unquote_to_bytes(data)).decode("ascii")


def _short(address: str) -> str:
    """Without what may be secret in it, and not longer than a line."""
    bare = address.split("?", 1)[0].split("#", 1)[0]
    return bare if len(bare) <= 80 else bare[:79] + "…"
