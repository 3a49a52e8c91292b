"""A person's freellm in a temporary folder, its keys pointed at a simulator.

def test_it(home: Household, sim: Simulator)    # empty, and its upstream: fixtures of every test
home.keys("gemini", "k1", "k2")                 # stored, unchecked
home.config('default_model = "gemini/gemini-2.5-flash"')
home.ask("hello").completion().text
home.run("keys", "list")                        # a whole command line in this process: Outcome
"""

from __future__ import annotations

import io
import random
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freellm_cli.cli.face import Face
from freellm_cli.cli.front import dispatch, guarded
from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.clock import Clock
from freellm_cli.core.secret import Secret
from freellm_cli.services.answer import Answer
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.server import Simulator
from tests.support.terminal import Terminal
from tests.support.upstream import simulator

FLASH = "gemini/gemini-2.5-flash"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


_LIVING: weakref.WeakSet[Household] = weakref.WeakSet()


def leave_all_households() -> None:
    """Closes the files and connections of every household that a test has left behind."""
    for household in tuple(_LIVING):
        household.forget()


class Household:
    def __init__(
        self, folder: Path, sim: Simulator, *, clock: Clock | None = None, seed: int = 7
    ) -> None:
        self.folder = folder
        self.sim = sim
        self.notices: list[str] = []
        self.env = {
            "FREELLM_CONFIG_DIR": str(folder / "config"),
            "FREELLM_STATE_DIR": str(folder / "state"),
            "FREELLM_CACHE_DIR": str(folder / "cache"),
        }
        self._clock = clock
        self._rng = random.Random(seed)
        self._extra = ""
        self._providers: dict[str, str] = {}
        self._runtime: Runtime | None = None
        _LIVING.add(self)

    @property
    def runtime(self) -> Runtime:
        if self._runtime is None:
            self._runtime = Runtime(
                env=self.env, clock=self._clock, rng=self._rng, notice=self.notices.append
            )
        return self._runtime

    def provider(self, name: str, base_url: str | None = None) -> Household:
        """Points a provider at the simulator (or at `base_url`)."""
        self._providers[name] = base_url or self.sim.base_url(name)
        self._write()
        return self

    def keys(self, provider: str, *texts: str, account: str = "") -> Household:
        if provider not in self._providers:
            self.provider(provider)
        for text in texts:
            self.runtime.vault.add(provider, Secret(text), account=account)
        self.forget()
        return self

    def config(self, text: str) -> Household:
        """Adds to config.toml, before the tables of the providers."""
        self._extra = text
        self._write()
        return self

    def limits(self, provider: str, **amounts: int) -> Household:
        """The user's own limits, in place of the catalog's."""
        rows = "\n".join(f"{name} = {amount}" for name, amount in amounts.items())
        text = f"[[providers.{provider}.limits]]\n{rows}\n"
        self._extra += f"\n[providers.{provider}]\ncatalog_limits = false\n" if not rows else ""
        self._tables = getattr(self, "_tables", "") + text
        self._write()
        return self

    def _write(self) -> None:
        folder = Path(self.env["FREELLM_CONFIG_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        tables = "\n".join(
            f'[providers.{name}]\nbase_url = "{url}"' for name, url in self._providers.items()
        )
        text = f"{self._extra}\n{tables}\n{getattr(self, '_tables', '')}"
        (folder / "config.toml").write_text(text, encoding="utf-8")
        self.forget()

    def forget(self) -> None:
        """The next use starts as a new process would."""
        if self._runtime is not None:
            self._runtime.close()
        self._runtime = None

    def ask(self, text: str = "hello", model: str = "", **more: Any) -> Answer:
        options = {name: more.pop(name) for name in list(more) if name in CallOptions._fields}
        request = ChatRequest(
            model=model or FLASH,
            messages=more.pop("messages", [{"role": "user", "content": text}]),
            params=more.pop("params", {}),
            think=more.pop("think", None),
        )
        return ChatService(self.runtime).ask(request, CallOptions(**options))

    def run(
        self,
        *argv: str,
        stdin: str | bytes = "",
        env: dict[str, str] | None = None,
        terminal: bool = False,
    ) -> Outcome:
        """A command line, run in this process; `terminal`: what it writes goes to one."""
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        stream = Terminal if terminal else io.StringIO
        out, err = stream(), stream()
        source = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
        face = Face({**self.env, **(env or {})}, source, out, err)
        code = guarded(lambda: dispatch(list(argv), face), face)
        if face._runtime is not None:  # as the end of the process would
            face._runtime.close()
        return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Generous and at once; a file whose upstream is another one makes its own."""
    with simulator() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, sim: Simulator) -> Iterator[Household]:
    """Nothing is in it yet; a file furnishes it with a fixture `home` that takes this one."""
    household = Household(tmp_path, sim)
    yield household
    household.forget()


def targets(answer: Answer) -> Sequence[tuple[str, str]]:
    """(credential, outcome) of every attempt."""
    return [(attempt.target.split("/")[0], attempt.outcome) for attempt in answer.attempts]
