"""`freellm demo`: the whole story on this machine, with throw-away keys and a strict little provider.

Everything here is the product itself: a `Runtime` in a temporary folder whose providers point at the
simulator. Nothing of the person's own settings, keys or counts is read or changed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.secret import Secret
from freellm_cli.services.answer import Answer
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.explain import why
from freellm_cli.services.limits import show_limits
from freellm_cli.services.results import Block, Cell, Facts, Line, Result
from freellm_cli.services.runtime import Runtime
from freellm_cli.simulator.server import Simulator
from freellm_cli.storage.files import write_private

QUESTION = "Why is the sky blue?"
BUSY_QUESTIONS = 10
PER_MINUTE = 3
# The pace of answers and the pauses between scenes; `fast` has neither.
FIRST_TOKEN_S, TOKENS_PER_S, PAUSE_S = 0.15, 80.0, 0.3
KEYS = {"gemini": 3, "groq": 1, "mistral": 2, "nvidia_nim": 1, "huggingface": 1}

SETTINGS = """\
default_model = "smart"

[aliases]
smart = ["gemini/gemini-2.5-flash", "groq/openai/gpt-oss-20b"]
home = ["localai/llama3.2", "groq/openai/gpt-oss-20b"]

[providers.gemini]
base_url = "{gemini}"
catalog_limits = false
[[providers.gemini.limits]]
requests_per_minute = {per_minute}

[providers.groq]
base_url = "{groq}"

[providers.mistral]
base_url = "{mistral}"
rotation = "sequential"

[providers.nvidia_nim]
base_url = "{nvidia_nim}"

[providers.huggingface]
base_url = "{huggingface}"

[providers.localai]
base_url = "{localai}"
first_token = {patience}
"""


class Stage(Protocol):
    """Where the demo is seen. `scene` opens one, `command` shows what a person would type, `say` a piece
    of an answer as it comes, `show` what belongs under it."""

    def scene(self, title: str) -> None: ...
    def command(self, line: str) -> None: ...
    def say(self, piece: str) -> None: ...
    def show(self, *blocks: Block) -> None: ...


def run_demo(stage: Stage, *, fast: bool = False) -> Result:
    """Plays every scene on `stage`; about 6 s, 1 s when `fast`. Needs no key and no network.

    The result's data: {"scenes": [{"scene", "asked", "answered", "by": {model id: answers}}],
    "upstream": {"requests", "refused_for_limits"}}; its blocks say what to do next.
    """
    pace = (0.0, 0.0) if fast else (FIRST_TOKEN_S, TOKENS_PER_S)
    with (
        tempfile.TemporaryDirectory(prefix="freellm-demo-", ignore_cleanup_errors=True) as folder,
        Simulator("generous", first_token_s=pace[0], tokens_per_s=pace[1]) as simulator,
    ):
        runtime = _household(folder, simulator, patience=0.3 if fast else 1.0)
        try:
            demo = _Demo(runtime, simulator, stage, PAUSE_S * (not fast))
            scenes = [scene() for scene in demo.scenes()]
        finally:
            runtime.close()
            simulator.release()
        counts = simulator.counts
    data = {
        "scenes": scenes,
        "upstream": {"requests": counts.requests, "refused_for_limits": counts.refused},
    }
    return Result(data, _what_next(counts.refused))


def _household(folder: str, simulator: Simulator, *, patience: float) -> Runtime:
    """Settings and throw-away keys in `folder`, every provider played by `simulator`."""
    names = (*KEYS, "localai")
    settings = SETTINGS.format(
        per_minute=PER_MINUTE,
        patience=patience,
        **{name: simulator.base_url(name) for name in names},
    )
    write_private(f"{folder}/config/config.toml", settings.encode())
    runtime = Runtime(
        env={"HOME": folder, "USERPROFILE": folder},
        config_dir=f"{folder}/config",
        state_dir=f"{folder}/state",
    )
    for provider, count in KEYS.items():
        for number in range(1, count + 1):
            runtime.vault.add(provider, Secret(_key(provider, number)))
    for number in range(1, KEYS["gemini"] + 1):
        simulator.key(_key("gemini", number)).rpm(PER_MINUTE, model="*")
    simulator.fail("stall_before_headers", provider="localai", times=None)
    return runtime


def _key(provider: str, number: int) -> str:
    """A key that no provider has given to anybody."""
    return f"demo-{provider}-{number}-throw-away-0123456789"


class _Demo:
    def __init__(
        self, runtime: Runtime, simulator: Simulator, stage: Stage, pause_s: float
    ) -> None:
        self._runtime = runtime
        self._simulator = simulator
        self._stage = stage
        self._pause_s = pause_s
        self._chat = ChatService(runtime)

    def scenes(self) -> tuple[Callable[[], dict[str, Any]], ...]:
        return (
            self._a_chat,
            self._rotation,
            self._a_bad_key,
            self._a_closed_service,
            self._silence,
        )

    def _open(self, title: str, command: str) -> None:
        self._runtime.clock.sleep(self._pause_s)
        self._stage.scene(title)
        self._stage.command(command)

    def _ask(self, model: str) -> Answer:
        request = ChatRequest(
            model=model, messages=[{"role": "user", "content": QUESTION}], params={}, stream=True
        )
        return self._chat.ask(request, CallOptions(timeout_s=30, face="demo"))

    def _answer_aloud(self, model: str) -> dict[str, int]:
        """One question, its answer as it comes, and who gave it."""
        answer = self._ask(model)
        try:
            for notice in answer.notices:
                self._stage.show(Line(notice, "warn"))
            for delta in answer.deltas():
                if delta.text:
                    self._stage.say(delta.text)
        finally:
            answer.close()
        who = answer.answerer
        tried = f", attempt {who.attempts}" if who.attempts > 1 else ""
        self._stage.say("\n")
        self._stage.show(Line(f"({who.model_id} with {who.credential}{tried})", "dim"))
        return {who.model_id: 1}

    def _a_chat(self) -> dict[str, Any]:
        self._open("A question", f'freellm chat -m kimi-k3 "{QUESTION}"')
        by = self._answer_aloud("kimi-k3")
        return _report("chat", 1, by)

    def _rotation(self) -> dict[str, Any]:
        self._open(
            f"{BUSY_QUESTIONS} questions at once, three keys of {PER_MINUTE} requests a minute",
            f'seq {BUSY_QUESTIONS} | xargs -P 4 -I% freellm chat -m smart "Question %"',
        )
        with ThreadPoolExecutor(4) as workers:
            answerers = list(workers.map(lambda _: self._quiet_answer(), range(BUSY_QUESTIONS)))
        by = Counter(model for model, _ in answerers)
        keys = Counter(key for _, key in answerers)
        refused = self._simulator.counts.refused
        shares = ", ".join(f"{count} by {key}" for key, count in sorted(keys.items()))
        self._stage.show(
            Line(f"{len(answerers)} answers: {shares}; refused by a provider: {refused}", "good")
        )
        self._stage.command("freellm limits gemini")
        self._stage.show(*show_limits(self._runtime, "gemini").blocks)
        return _report("rotation", BUSY_QUESTIONS, dict(by))

    def _quiet_answer(self) -> tuple[str, str]:
        answer = self._ask("smart")
        answer.completion()
        return answer.answerer.model_id, answer.answerer.credential

    def _a_bad_key(self) -> dict[str, Any]:
        self._simulator.key(_key("mistral", 1)).bad()
        self._open(
            "A key that was revoked this morning: nobody notices",
            f'freellm chat -m mistral/mistral-small-latest "{QUESTION}"',
        )
        by = self._answer_aloud("mistral/mistral-small-latest")
        self._stage.command("freellm why")
        self._stage.show(*why(self._runtime).blocks)
        return _report("bad_key", 1, by)

    def _a_closed_service(self) -> dict[str, Any]:
        self._open(
            "A service that has closed: the same family answers elsewhere, and says so",
            f'freellm chat -m iflow/kimi-k2 "{QUESTION}"',
        )
        by = self._answer_aloud("iflow/kimi-k2")
        return _report("closed_service", 1, by)

    def _silence(self) -> dict[str, Any]:
        self._open(
            "A local host that takes the request and stays silent: the next in the alias answers",
            f'freellm chat -m home "{QUESTION}"',
        )
        by = self._answer_aloud("home")
        return _report("silent_host", 1, by)


def _report(scene: str, asked: int, by: dict[str, int]) -> dict[str, Any]:
    return {"scene": scene, "asked": asked, "answered": sum(by.values()), "by": by}


def _what_next(refused: int) -> tuple[Block, ...]:
    commands = (
        (Cell("  freellm setup"), "a first key, and a first real answer"),
        (Cell("  freellm models --recommended"), "where a free key is worth having"),
        (Cell('  freellm chat "…"'), "your questions, from then on"),
    )
    return (
        Line(f"That was all on this machine; requests refused for a limit: {refused}.", "strong"),
        Facts(commands),
        *_where_it_is(),
    )


def _where_it_is() -> tuple[Block, ...]:
    """For whoever was brought here by a script: the command may not be found yet."""
    import shlex
    import shutil

    from freellm_cli.services.own_command import own_command

    if shutil.which("freellm"):
        return ()
    told = f"`freellm` is not on your PATH yet: here it is {shlex.join(own_command())}"
    return (Line(told, "warn"),)
