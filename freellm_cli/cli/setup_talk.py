"""How `freellm setup` talks: questions on stderr, keys unseen, pages in the browser."""

from __future__ import annotations

from freellm_cli.cli.face import BOLD, Face
from freellm_cli.cli.render import render_blocks
from freellm_cli.services.results import Block

_LIKE_A_KEY = 12
"""So long is no answer to a question of yes or no."""


class FaceTalk:
    """A person at a terminal. Every question raises EOFError at the end of input (Ctrl-D)."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def show(self, *blocks: Block) -> None:
        render_blocks(self._face, blocks)
        self._face.out.flush()

    def choose(self, question: str, count: int) -> int | str:
        while True:
            text = self.text(f"{question} [1] ") or "1"
            if not text.isdecimal():
                return text
            if 1 <= int(text) <= count:
                return int(text) - 1
            self._face.err.write(f"a number from 1 to {count}, please\n")

    def agrees(self, question: str) -> bool:
        while True:
            word = self.text(f"{question} [Y/n] ").lower()
            if word in ("", "y", "yes"):
                return True
            if word in ("n", "no"):
                return False
            if len(word) >= _LIKE_A_KEY:
                self._face.err.write(
                    "a key? It is asked for in a moment, where it is not shown; this one stands "
                    "on your screen now\n"
                )
                return False
            self._face.err.write("y or n, please\n")

    def secret(self, question: str) -> str:
        from getpass import getpass

        return getpass(question, stream=self._face.err)

    def text(self, question: str) -> str:
        self._face.err.write(self._face.styled(BOLD, question))
        self._face.err.flush()
        line = self._face.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def open_page(self, address: str) -> bool:
        import webbrowser

        try:
            return webbrowser.open(address)
        except webbrowser.Error:
            return False

    def say(self, piece: str) -> None:
        text = (
            piece
            if piece.isprintable()
            else "".join(c for c in piece if c.isprintable() or c == "\n")
        )
        self._face.out.write(text)
        self._face.out.flush()
