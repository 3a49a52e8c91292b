"""A person who logs in: a folder of their own, settings that point at an emulator, a scripted browser."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from freellm_cli.core.logins import Login
from freellm_cli.core.secret import Secret
from freellm_cli.services.oauth_login import LoginOptions, login
from freellm_cli.services.results import Result
from freellm_cli.services.runtime import Runtime
from tests.support.google_emulator import CLIENT_ID, CLIENT_SECRET
from tests.support.household import Household

REFRESH = "1//0refresh-of-the-test-0123456789"
ACCESS = "ya29.a0access-of-the-test-0123456789"
OLD_ACCESS = "ya29.a0expired-access-of-the-test-01234"


class ScriptedTalk:
    """Opens login pages as `browse` does; `answers` are what the person types."""

    def __init__(
        self,
        browse: Callable[[str], None] | None = None,
        *,
        answers: tuple[str, ...] = (),
        interactive: bool = False,
    ) -> None:
        self.interactive = interactive
        self.said: list[str] = []
        self.opened: list[str] = []
        self.pages: list[tuple[int, str]] = []
        self._browse = browse
        self._answers: Iterator[str] = iter(answers)
        self._threads: list[threading.Thread] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def confirm(self, question: str) -> bool:
        return self.ask(question) == "y"

    def ask(self, question: str) -> str:
        self.said.append(question)
        return next(self._answers, "")

    def open_browser(self, url: str) -> bool:
        self.opened.append(url)
        browse = self._browse or (lambda address: self.pages.append(visit(address)))
        thread = threading.Thread(target=browse, args=(url,), daemon=True)
        thread.start()
        self._threads.append(thread)
        return True

    def wait(self) -> None:
        """Until the browser shows its last page."""
        for thread in self._threads:
            thread.join(20)


def visit(url: str) -> tuple[int, str]:
    """(status, page) after every redirect, as a browser that runs no script."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def log_in(
    runtime: Runtime,
    provider: str = "gemini-cli",
    talk: ScriptedTalk | None = None,
    **options: object,
) -> Result:
    talk = talk or ScriptedTalk()
    given = {"accept_risk": True, "timeout_s": 20.0, **options}
    try:
        return login(runtime, provider, LoginOptions(**given), talk)  # type: ignore[arg-type]
    finally:
        talk.wait()


def google_login(home: Household, *, expires_in: float = 3599, **fields: object) -> Login:
    """A stored login of Gemini CLI, as if it had been made a while ago."""
    now = home.runtime.clock.now()
    made = Login(
        "gemini_cli",
        access_token=Secret(ACCESS),
        refresh_token=Secret(REFRESH),
        expires_at=now + expires_in,
        issued_at=now - 3599 + min(expires_in, 3599),
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        email="person@example.com",
        project_id="server-project",
        tier="standard-tier",
    )._replace(**fields)  # type: ignore[arg-type]
    stored = home.runtime.logins.files.add(made)
    home.runtime.forget_credentials()
    return stored


def texts_of(folder: Path, *, but: tuple[str, ...] = ("oauth",)) -> str:
    """Everything in the files of a folder, those of logins left out."""
    kept = [p for p in folder.rglob("*") if p.is_file() and not set(but) & set(p.parts)]
    return "\n".join(path.read_bytes().decode("latin-1") for path in kept)
