"""An answer as a sequence of blocks that never overlap: thoughts, text, tool calls.

OpenAI's stream mixes fragments of parallel calls; Anthropic's and the Responses stream open one block,
fill it and close it before the next begins.
"""

from __future__ import annotations

import json

from freellm_cli.core.chat import Completion, Delta, ToolCallDelta
from freellm_cli.core.faces.base import CallIds, shown_images

THOUGHT = "thought"
TEXT = "text"
CALL = "call"


class Block:
    """One block. `place`: its position among the blocks shown, set when it opens."""

    __slots__ = ("call_id", "kind", "name", "pieces", "place")

    def __init__(self, kind: str, call_id: str = "", name: str = "") -> None:
        self.kind = kind
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []
        self.place = 0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class BlockWriter:
    """Puts deltas in order. A dialect says what opening, filling and closing a block looks like.

    A call stays open until its arguments are whole; what comes meanwhile waits.
    """

    def __init__(self, call_prefix: str) -> None:
        self._open: Block | None = None
        self._waiting: list[Block] = []
        self._calls: dict[int, Block] = {}
        self._opened = 0
        self._ids = CallIds(call_prefix)
        self._reason: str | None = None

    def _opening(self, block: Block) -> bytes:
        raise NotImplementedError

    def _filling(self, block: Block, text: str) -> bytes:
        raise NotImplementedError

    def _closing(self, block: Block) -> bytes:
        raise NotImplementedError

    def delta(self, delta: Delta) -> bytes:
        if delta.finish:
            self._reason = delta.finish
        frames = self._say(THOUGHT, delta.reasoning) if delta.reasoning else b""
        if delta.text:
            frames += self._say(TEXT, delta.text)
        if delta.images:
            frames += self._say(TEXT, shown_images(delta.images))
        for call in delta.tool_calls:
            frames += self._call(call)
        return frames

    def close_blocks(self) -> bytes:
        """Everything that is still open or waiting."""
        frames = self._close()
        while self._waiting:
            block = self._waiting.pop(0)
            frames += self._show(block) + self._close()
        return frames

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    def _say(self, kind: str, text: str) -> bytes:
        block = self._open
        if block is None or block.kind != kind:
            if self._is_busy():
                self._wait(kind, text)
                return b""
            block = Block(kind)
            frames = self._close() + self._show(block)
        else:
            frames = b""
        block.pieces.append(text)
        return frames + self._filling(block, text)

    def _call(self, call: ToolCallDelta) -> bytes:
        block = self._calls.get(call.index)
        frames = b""
        if block is None:
            block = Block(CALL, self._ids.take(call.id), call.name)
            self._calls[call.index] = block
            if self._is_busy():
                self._waiting.append(block)
            else:
                frames = self._close() + self._show(block)
        if not call.arguments:
            return frames
        block.pieces.append(call.arguments)
        return frames + self._filling(block, call.arguments) if block is self._open else frames

    def _is_busy(self) -> bool:
        """True while the open call may still grow, or others wait behind it."""
        block = self._open
        if block is None or block.kind != CALL:
            return False
        return bool(self._waiting) or not _is_whole(block.text)

    def _wait(self, kind: str, text: str) -> None:
        if not self._waiting or self._waiting[-1].kind != kind:
            self._waiting.append(Block(kind))
        self._waiting[-1].pieces.append(text)

    def _show(self, block: Block) -> bytes:
        block.place = self._opened
        self._opened += 1
        self._open = block
        frames = self._opening(block)
        return frames + self._filling(block, block.text) if block.pieces else frames

    def _close(self) -> bytes:
        block, self._open = self._open, None
        return self._closing(block) if block else b""


def blocks_of(completion: Completion, ids: CallIds) -> list[Block]:
    """A whole answer's blocks: thoughts, text, calls."""
    text = completion.text
    if completion.images:
        text = f"{text}\n{shown_images(completion.images)}".strip("\n")
    blocks = []
    for kind, said in ((THOUGHT, completion.reasoning), (TEXT, text)):
        if said:
            block = Block(kind)
            block.pieces.append(said)
            blocks.append(block)
    for call in completion.tool_calls:
        block = Block(CALL, ids.take(call.id), call.name)
        block.pieces.append(call.arguments)
        blocks.append(block)
    for place, block in enumerate(blocks):
        block.place = place
    return blocks


def arguments_object(arguments: str) -> dict[str, object] | None:
    """A call's arguments as an object: {} for none at all; None when they are no JSON object."""
    if not arguments.strip():
        return {}
    try:
        tree = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else {} if tree is None else None


def _is_whole(arguments: str) -> bool:
    return arguments.rstrip().endswith("}") and arguments_object(arguments) is not None
