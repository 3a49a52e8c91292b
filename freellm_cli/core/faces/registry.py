"""Face by name. Each module is imported when its first request comes."""

from __future__ import annotations

from freellm_cli.core.faces.base import Face

FACE_NAMES = ("openai", "completions", "responses", "anthropic", "gemini")


def face(name: str) -> Face:
    """One of FACE_NAMES. Raises KeyError for any other."""
    if name == "openai":
        from freellm_cli.core.faces import openai_chat

        return Face(name, openai_chat.parse, openai_chat.OpenAIChatWriter, openai_chat.error_body)
    raise KeyError(name)
