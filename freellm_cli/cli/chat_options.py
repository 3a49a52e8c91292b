"""What `freellm chat` was asked for, whoever parsed it."""

from typing import NamedTuple


class ChatOptions(NamedTuple):
    """The options of `freellm chat`, as both parsers give them."""

    prompt: tuple[str, ...] = ()
    model: str | None = None
    system: str | None = None
    option: tuple[str, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    think: str | None = None
    stream: bool = True
    extract: bool = False
    usage: bool = False
    timeout: float | None = None
    private: bool = False
    attach: tuple[str, ...] = ()
    json_schema: str | None = None
    template: str | None = None
    param: tuple[str, ...] = ()
    continue_: bool = False
    conversation: str | None = None
    no_log: bool = False
    save: str | None = None
