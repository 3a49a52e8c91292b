"""Thinking that leaked into the answer's text as `<think>…</think>`, sent where it belongs.

Chat templates of open models write their thoughts between tags, and hosts that do not parse them
hand them on as text: https://docs.vllm.ai/en/latest/features/reasoning_outputs.html.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_TAGS = ("think", "thinking", "thought")

_LEAKING = (
    "deepseek-r1",
    "deepseek-reasoner",
    "qwq",
    "qwen3",
    "glm-z1",
    "glm-4.",
    "glm-5",
    "minimax-m",
    "nemotron",
    "phi-4-reasoning",
    "phi-4-mini-reasoning",
    "hunyuan",
    "exaone",
    "smollm3",
    "cogito",
    "r1-distill",
    "r1t",
    "thinking",
    "reasoner",
)


class ThinkTags:
    """Splits text that comes in pieces into what is said and what is thought.

    `anywhere`: tags count wherever they stand; otherwise only at the very beginning of the
    answer, so that an answer about the tag stays whole. `inside`: the text begins as thought
    (templates whose opening tag is part of the prompt). White space behind a tag is dropped.
    """

    __slots__ = ("_anywhere", "_closing", "_held", "_pairs", "_trim", "idle", "inside")

    def __init__(
        self, tags: tuple[str, ...] = _TAGS, *, anywhere: bool = False, inside: bool = False
    ) -> None:
        self._pairs = {f"<{tag}>": f"</{tag}>" for tag in tags}
        self._closing = tuple(self._pairs.values())
        self._anywhere = anywhere
        self._held = ""
        self._trim = inside
        self.inside = inside
        self.idle = False
        """True once nothing can follow that this would change: the caller may stop asking."""

    def feed(self, text: str) -> tuple[str, str]:
        """(said, thought) that `text` settles; a tag that may be unfinished is held back."""
        if self.idle:
            return text, ""
        self._held += text
        said: list[str] = []
        thought: list[str] = []
        while self._held and self._step(said, thought):
            pass
        return "".join(said), "".join(thought)

    def close(self) -> tuple[str, str]:
        """(said, thought) still held when the answer ends."""
        held, self._held = self._held, ""
        return ("", held) if self.inside else (held, "")

    def _step(self, said: list[str], thought: list[str]) -> bool:
        """Settles what it can; True when the rest may settle more."""
        if self._trim:
            self._held = self._held.lstrip()
            self._trim = not self._held
            return bool(self._held)
        if self.inside:
            return self._think(thought)
        return self._say(said) if self._anywhere else self._begin(said)

    def _begin(self, said: list[str]) -> bool:
        head = self._held.lstrip()
        for tag in self._pairs:
            if head.startswith(tag):
                self._enter(tag, head[len(tag) :])
                return True
        if head and not any(tag.startswith(head) for tag in self._pairs):
            self.idle = True
            said.append(self._held)
            self._held = ""
        return False

    def _say(self, said: list[str]) -> bool:
        at, tag = _first(self._held, tuple(self._pairs))
        if tag:
            said.append(self._held[:at])
            self._enter(tag, self._held[at + len(tag) :])
            return True
        return self._settle(said, tuple(self._pairs))

    def _think(self, thought: list[str]) -> bool:
        at, tag = _first(self._held, self._closing)
        if not tag:
            return self._settle(thought, self._closing)
        thought.append(self._held[:at])
        self._held = self._held[at + len(tag) :]
        self.inside = False
        self._trim = True
        return True

    def _enter(self, tag: str, rest: str) -> None:
        self._held = rest
        self._closing = (self._pairs[tag],)
        self.inside = True
        self._trim = True

    def _settle(self, into: list[str], tags: tuple[str, ...]) -> bool:
        cut = len(self._held) - _partial(self._held, tags)
        into.append(self._held[:cut])
        self._held = self._held[cut:]
        return False


def tags_for(name: str, quirk: Any) -> ThinkTags | None:
    """The filter for a model, or None.

    `quirk` is the catalog's `think_tags`: True or a list of tag names (tags count anywhere), "open"
    (the answer begins inside a thought), False (never); None: by the model's name.
    """
    if quirk is False:
        return None
    if quirk == "open":
        return ThinkTags(anywhere=True, inside=True)
    if isinstance(quirk, list | tuple):
        return ThinkTags(tuple(str(tag) for tag in quirk), anywhere=True)
    if quirk:
        return ThinkTags(anywhere=True)
    return ThinkTags() if _may_leak(name) else None


@lru_cache(maxsize=256)
def _may_leak(name: str) -> bool:
    low = name.lower()
    return any(part in low for part in _LEAKING)


def _first(text: str, tags: tuple[str, ...]) -> tuple[int, str]:
    """Where the first of `tags` stands in `text`, and which; (-1, "") when none does."""
    best, which = -1, ""
    for tag in tags:
        at = text.find(tag)
        if at >= 0 and (best < 0 or at < best):
            best, which = at, tag
    return best, which


def _partial(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end of `text` may be the beginning of a tag."""
    at = text.rfind("<", max(0, len(text) - max(map(len, tags)) + 1))
    if at < 0:
        return 0
    end = text[at:]
    return len(end) if any(tag.startswith(end) for tag in tags) else 0
