"""Where `freellm demo` is seen: with colours on a terminal, plain in a pipe, nowhere under --json."""

from __future__ import annotations

from freellm_cli.cli.face import Face
from freellm_cli.cli.render import render_blocks
from freellm_cli.services.results import Block, Line


class FaceStage:
    """Everything goes to stdout: the demo is what was asked for."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._scenes = 0

    def scene(self, title: str) -> None:
        self._scenes += 1
        self._open(f"{self._scenes}. {title}")

    def end(self) -> None:
        self._open("Your turn")

    def _open(self, title: str) -> None:
        self.show(Line(""), Line(title, "strong"))

    def command(self, line: str) -> None:
        self.show(Line(f"$ {line}", "dim"))

    def say(self, piece: str) -> None:
        if not self._face.json:
            self._face.out.write(piece)
            self._face.out.flush()

    def show(self, *blocks: Block) -> None:
        if not self._face.json:
            render_blocks(self._face, blocks)
            self._face.out.flush()
