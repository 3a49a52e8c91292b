"""Face by name. Each module is imported when its first request comes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from freellm_cli.core.faces.base import Ask, Face, FaceWriter, ReplyHead, ReplyStyle

_FACES = {
    "openai": ("openai_chat", "parse", "OpenAIChatWriter"),
    "completions": ("openai_legacy", "parse", "CompletionsWriter"),
    "responses": ("openai_responses", "parse", "ResponsesWriter"),
    "anthropic": ("anthropic_messages", "parse", "AnthropicWriter"),
    "gemini": ("gemini", "parse", "GeminiFaceWriter"),
    "ollama_chat": ("ollama", "parse_chat", "OllamaChatWriter"),
    "ollama_generate": ("ollama", "parse_generate", "OllamaGenerateWriter"),
}
FACE_NAMES = tuple(_FACES)

_PLAIN = ReplyStyle()
_loaded: dict[str, Face] = {}


def face(name: str) -> Face:
    """One of FACE_NAMES. Raises KeyError for any other."""
    made = _loaded.get(name)
    if made is None:
        module_name, parse, writer = _FACES[name]
        module = import_module(f"freellm_cli.core.faces.{module_name}")
        make = _dressed(getattr(module, writer))
        made = _loaded[name] = Face(name, getattr(module, parse), make, module.error_body)
    return made


def _dressed(
    make: Callable[[Ask, ReplyHead], FaceWriter],
) -> Callable[[Ask, ReplyHead, ReplyStyle], FaceWriter]:
    def writer(ask: Ask, head: ReplyHead, style: ReplyStyle) -> FaceWriter:
        made = make(ask, head)
        if style == _PLAIN:
            return made
        from freellm_cli.core.faces.tidy import DressedWriter

        return DressedWriter(made, style)

    return writer
