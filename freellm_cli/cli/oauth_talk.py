"""What a login says and asks: on stderr, with answers from the terminal or a pipe."""

from __future__ import annotations

from freellm_cli.cli.face import Face

# Where one of these is set, a browser would open on a machine at which nobody sits.
_REMOTE = ("SSH_CONNECTION", "SSH_TTY", "CI")
_TEXT_BROWSERS = ("www-browser", "lynx", "links", "w3m", "elinks")


class TerminalTalk:
    """See `services.oauth_login.Talk`."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self.interactive = face.is_terminal(face.stdin) and face.is_terminal(face.err)

    def say(self, text: str) -> None:
        """Said even with --quiet: nobody logs in without the address."""
        self._face.err.write(self._face.shown(text) + "\n")
        self._face.err.flush()

    def confirm(self, question: str) -> bool:
        return self.ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        if self.interactive:
            self._face.err.write(question)
            self._face.err.flush()
        return self._face.stdin.readline()

    def open_browser(self, url: str) -> bool:
        """False when there is none that a person here could see."""
        env = self._face.env
        remote = any(env.get(name) for name in _REMOTE)
        if remote or env.get("BROWSER", "") in _TEXT_BROWSERS or not self._has_display():
            return False
        import threading
        import webbrowser

        # A browser that runs in the foreground would keep the login from going on until it is closed.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        return True

    def _has_display(self) -> bool:
        import sys

        if sys.platform in ("win32", "darwin"):
            return True
        env = self._face.env
        return any(
            env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "MIR_SOCKET", "BROWSER")
        )
