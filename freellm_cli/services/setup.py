"""`freellm setup`: from nothing to the first answer, one step at a time."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, NamedTuple, Protocol

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, PublishedLimit
from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import EXIT_DONE, CredentialRefused, FreellmError, UsageError
from freellm_cli.core.route_refusals import way_in
from freellm_cli.services.call_options import CallOptions
from freellm_cli.services.chat import ChatService
from freellm_cli.services.keys import add_keys
from freellm_cli.services.models import limits_text
from freellm_cli.services.results import Block, Cell, Facts, Line, Result, Table

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

QUESTION = "Say hello in one short sentence, and name yourself."
QUESTION_TIMEOUT_S = 45.0
OFFERED = 5
MANY_A_DAY = 10_000
TRIES = 3
_TRAINING = {
    "yes": "may train on your prompts",
    "opt-out": "may train on your prompts unless you opt out",
    "no": "does not train on prompts",
}


class Choice(NamedTuple):
    """A provider to begin with. `model`: the one that is asked first there."""

    provider: ProviderSpec
    model: ModelSpec
    why: str


class Talk(Protocol):
    """The person. Each question raises EOFError when there is no more answer."""

    def show(self, *blocks: Block) -> None: ...

    def choose(self, question: str, count: int) -> int | str:
        """A number from 0 to `count` - 1 (the first is what most take), or what was typed instead."""

    def agrees(self, question: str) -> bool: ...

    def secret(self, question: str) -> str:
        """What is typed is not seen."""

    def text(self, question: str) -> str: ...

    def open_page(self, address: str) -> bool:
        """Whether a browser took it."""

    def say(self, piece: str) -> None:
        """A piece of an answer as it comes."""


def choices(runtime: Runtime) -> tuple[Choice, ...]:
    """Where a newcomer's first key is worth most, best first: requests a day, how little is asked for a
    key, privacy, and how many good models it opens."""
    found = []
    for provider in runtime.catalog.providers():
        if provider.status != "active" or provider.local or provider.needs:
            continue
        good = [
            model
            for model in runtime.catalog.models(provider.id)
            if model.recommended and model.status == "active" and "chat" in model.capabilities
        ]
        if good and provider.key_url and provider.auth in ("bearer", "x-goog-api-key"):
            found.append((_worth(provider, good), Choice(provider, good[0], _why(provider, good))))
    found.sort(key=lambda item: -item[0])
    return tuple(choice for _, choice in found[:OFFERED])


def _worth(provider: ProviderSpec, good: list[ModelSpec]) -> float:
    """Points: a factor of ten in daily requests weighs as much as privacy, half as much as an account
    that wants neither a telephone nor a card."""
    steps = " ".join(provider.key_steps)
    easy = not any(word in steps for word in ("phone number", "payment method"))
    points = log10(max(1, daily_requests(good[0].limits or provider.limits)))
    points += 2.0 * easy + (provider.trains_on_prompts == "no")
    return points + 0.5 * min(4, len(good))


def daily_requests(limits: tuple[PublishedLimit, ...]) -> int:
    """Requests a day that published limits allow, at most MANY_A_DAY; 0 when nothing is published."""
    found = [MANY_A_DAY * bool(limits)]
    for limit in limits:
        if limit.unit == "requests":
            window = limit.window.split(":")[0]
            a_day = {"60s": 1440, "1s": 86_400, "day": 1, "24h": 1, "month": 1 / 30}.get(window, 1)
            found.append(int(limit.amount * a_day))
    return min(found)


def _why(provider: ProviderSpec, good: list[ModelSpec]) -> str:
    first = good[0]
    limits = limits_text(first.limits or provider.limits)
    such_as = first.title or first.name
    many = len(good) > 1
    parts = [f"{len(good)} good models, such as {such_as}" if many else f"a good model, {such_as}"]
    if limits:
        parts.append(f"{limits} each" if many else limits)
    parts.append(_TRAINING.get(provider.trains_on_prompts, "does not say whether it trains"))
    return "; ".join(parts)


def steps_without_terminal(runtime: Runtime) -> Result:
    """What to run when nobody is there to be asked."""
    first = choices(runtime)[0]
    name = first.provider.id
    lines = (
        Line("There is no terminal to ask questions on. The steps are:", "strong"),
        Line(f"  1. get a key at {first.provider.key_url}"),
        Line(f'  2. printf %s "$KEY" | freellm keys add {name} --stdin'),
        Line(f'  3. freellm chat -m {first.model.id} "Hello"'),
        Line(f"  {name}: {first.why}", "dim"),
    )
    data = {
        "provider": name,
        "key_url": first.provider.key_url,
        "commands": [
            f"freellm keys add {name} --stdin",
            f'freellm chat -m {first.model.id} "Hello"',
        ],
    }
    return Result(data, lines)


def set_up(runtime: Runtime, talk: Talk) -> Result:
    """Asks and acts. Raises what storing a key raises; EOFError ends it with what was done so far."""
    try:
        have = [item for item in runtime.credentials() if item.enabled and item.secret is not None]
        model = ""
        if have:
            names = ", ".join(item.id for item in have)
            keys = "a key" if len(have) == 1 else f"{len(have)} keys"
            talk.show(Line(f"You have {keys} already: {names}", "good"))
        if not have or talk.agrees("Add another key?"):
            choice = _chosen(runtime, talk)
            if not _key_stored(runtime, talk, choice) and not have:
                return _unfinished(choice.provider)
            model = "" if have else choice.model.id
        return _first_answer(runtime, talk, model)
    except EOFError:
        return Result({"answered": False}, (Line("stopped; go on with `freellm setup`", "warn"),))


def _chosen(runtime: Runtime, talk: Talk) -> Choice:
    offered = choices(runtime)
    rows = tuple(
        (Cell(f"{number}  {choice.provider.title}", "strong"), choice.why)
        for number, choice in enumerate(offered, 1)
    )
    talk.show(
        Line("Each of these gives free requests for a key, which takes a minute to get:"),
        Table(("   provider", "why"), rows),
    )
    while True:
        picked = talk.choose("Which one? (number or name)", len(offered))
        if isinstance(picked, int):
            return offered[picked]
        try:
            return _named(runtime, picked)
        except FreellmError as error:
            talk.show(Line(error.message, "bad"), Line(f"  {error.hint}"))


def _named(runtime: Runtime, typed: str) -> Choice:
    """Raises UnknownName for no provider, UsageError for one that wants no key."""
    alike = {name.replace("-", "_"): name for name in runtime.catalog.provider_ids()}
    provider = runtime.catalog.provider(alike.get(typed.lower().replace("-", "_"), typed))
    if provider.auth == "oauth" or provider.local:
        way = "a login" if provider.auth == "oauth" else "no key, only its address"
        raise UsageError(f"{provider.title} wants {way}", hint=way_in(provider))
    models = runtime.catalog_with_discovered().models(provider.id)
    if not models:
        told = f"no model of {provider.title} is known yet"
        raise UsageError(told, hint=f"`freellm models {provider.id}` asks it, then begin anew")
    served = [m for m in models if m.status != "closed" and "chat" in m.capabilities]
    if provider.status == "closed" or not served:
        raise UsageError(f"{provider.title} has closed", hint="choose another one")
    served.sort(key=lambda model: not model.recommended)
    return Choice(provider, served[0], "")


def _key_stored(runtime: Runtime, talk: Talk, choice: Choice) -> bool:
    provider = choice.provider
    talk.show(*(Line(f"  {number}. {step}") for number, step in _steps(provider)))
    if talk.agrees(f"Open {provider.key_url} now?") and not talk.open_page(provider.key_url):
        talk.show(Line(f"no browser could be opened: go to {provider.key_url}", "warn"))
    extra = {name: talk.text(f"{provider.title} {name}: ") for name in provider.needs}
    for _ in range(TRIES):
        text = talk.secret(f"{provider.title} key, not shown (empty to stop): ")
        if not text.strip():
            return False
        try:
            result = add_keys(runtime, provider.id, [text], extra=extra)
        except FreellmError as error:
            talk.show(
                Line(error.message, "bad"), *((Line(f"  {error.hint}"),) if error.hint else ())
            )
            continue
        talk.show(*(Line(notice, "warn") for notice in result.notices), *result.blocks)
        if result.exit_code == EXIT_DONE:
            return True
    return False


def _steps(provider: ProviderSpec) -> list[tuple[int, str]]:
    told = [step for step in provider.key_steps if not step.startswith("Run: ")]
    return list(enumerate(told, 1))


def _unfinished(provider: ProviderSpec) -> Result:
    line = Line(f"no key was stored; when you have one: freellm keys add {provider.id}", "warn")
    return Result({"answered": False}, (line,), exit_code=CredentialRefused.exit_code)


def _first_answer(runtime: Runtime, talk: Talk, model: str) -> Result:
    talk.show(Line(f'$ freellm chat "{QUESTION}"', "dim"))
    messages = [{"role": "user", "content": QUESTION}]
    try:
        answer = ChatService(runtime).ask(
            ChatRequest(model=model, messages=messages, params={}, think="off"),
            CallOptions(timeout_s=QUESTION_TIMEOUT_S),
        )
        try:
            for delta in answer.deltas():
                talk.say(delta.text)
        finally:
            answer.close()
    except FreellmError as error:
        hint = f"{error.message}; {error.hint}" if error.hint else error.message
        lines = (Line(hint, "bad"), Line("see `freellm doctor --online`"))
        return Result({"answered": False}, lines, exit_code=error.exit_code)
    talk.say("\n")
    who = answer.answerer
    data = {"answered": True, "model": who.model_id, "credential": who.credential}
    return Result(
        data, (Line(f"({who.model_id} with {who.credential})", "dim"), *_what_next(runtime))
    )


def _what_next(runtime: Runtime) -> tuple[Block, ...]:
    address = f"http://127.0.0.1:{runtime.settings.serve.port or 8000}/v1"
    shell = (
        ('  freellm chat "Why is the sky blue?"', "one question"),
        ("  freellm chat", "a conversation"),
        ('  git diff | freellm chat "write the commit message"', "a pipe"),
        ("  freellm completion install", "Tab completes models and keys"),
        ("  freellm keys add PROVIDER", "more keys, more requests"),
    )
    game = (
        ("  freellm serve --profile game", "leave it running"),
        (f"  {address}", "the address; key: anything; model: auto"),
        (f"  export OPENAI_BASE_URL={address} OPENAI_API_KEY=anything", "for programs"),
    )
    return (
        Line("It works. In the shell:", "strong"),
        Facts(tuple((Cell(command), Cell(what, "dim")) for command, what in shell)),
        Line("In a game, an editor, any OpenAI client:", "strong"),
        Facts(tuple((Cell(command), Cell(what, "dim")) for command, what in game)),
    )
