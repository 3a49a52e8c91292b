"""What each route does beside asking a model; `HANDLERS` names them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from freellm_cli import __version__
from freellm_cli.core.errors import UnknownName
from freellm_cli.core.faces import models_list
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server import status
from freellm_cli.server.chat_handler import answer_chat, note_asked, parse_json
from freellm_cli.server.page import handlers as page_handlers
from freellm_cli.server.reply import one_line
from freellm_cli.server.router import Place
from freellm_cli.services.serving_models import model_row, model_rows

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.exchange import Exchange

Handler = Callable[["App", "Exchange", Place], None]

_LONGEST_NUMBER = 10


def chat(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "openai", path_model=place.model)


def completions(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "completions", path_model=place.model)


def responses(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "responses")


def messages(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "anthropic")


def ollama_chat(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "ollama_chat")


def ollama_generate(app: App, exchange: Exchange, place: Place) -> None:
    answer_chat(app, exchange, "ollama_generate")


def count_tokens(app: App, exchange: Exchange, place: Place) -> None:
    from freellm_cli.core.faces.anthropic_messages import count_tokens as count

    exchange.answer_json(count(parse_json(exchange.body)))


def gemini_call(app: App, exchange: Exchange, place: Place) -> None:
    """`models/{id}:generateContent`, `:streamGenerateContent`, `:countTokens`."""
    model, colon, action = place.rest.rpartition(":")
    exchange.dialect = "gemini"
    if colon and action == "countTokens":
        from freellm_cli.core.faces.gemini import count_tokens as count

        exchange.answer_json(count(parse_json(exchange.body), model))
    elif colon and action in ("generateContent", "streamGenerateContent"):
        answer_chat(
            app, exchange, "gemini", path_model=model, stream=action == "streamGenerateContent"
        )
    else:
        raise HttpRefusal(
            "of a model's methods, generateContent, streamGenerateContent and countTokens are served",
            status=404,
            code="unknown_url",
        )


def embeddings(app: App, exchange: Exchange, place: Place) -> None:
    from freellm_cli.core.faces.openai_embeddings import embeddings_reply, parse_embeddings
    from freellm_cli.services.embeddings import Urgency, embed
    from freellm_cli.services.serve_profile import LANE_HEADER

    entry = exchange.entry
    if entry is not None:
        entry.face = "embeddings"
    body = parse_json(exchange.body)
    note_asked(exchange, body, place.model)
    ask = parse_embeddings(body)
    household = app.household()
    runtime = household.runtime
    lane = app.profile_for(household).lane_for(exchange.head.headers.get(LANE_HEADER, ""))
    exchange.after_hang_up = runtime.ledger.wake_waiters
    app.watcher.watch(exchange)
    made = embed(
        runtime,
        ask.model or place.model,
        ask.inputs,
        dimensions=ask.dimensions,
        cancel=exchange.cancel,
        request_id=exchange.request_id,
        urgency=Urgency(lane=lane, waited=entry.has_waited if entry is not None else None),
    )
    exchange.fields += [
        ("x-freellm-model", one_line(made.model_id)),
        ("x-freellm-credential", one_line(made.credential)),
        ("x-freellm-attempts", str(made.attempts)),
    ]
    if entry is not None:
        entry.asked, entry.answered = ask.model or place.model, made.model_id
        entry.credential, entry.attempts = made.credential, made.attempts
        entry.prompt_tokens = made.prompt_tokens
    reply = embeddings_reply(
        ask, made.vectors, model=ask.model or made.model_id, prompt_tokens=made.prompt_tokens
    )
    exchange.answer(200, reply)


def models(app: App, exchange: Exchange, place: Place) -> None:
    rows = model_rows(app.household().runtime)
    if "anthropic-version" in exchange.head.headers:
        query = parse_qs(exchange.head.query)
        limit = query.get("limit", ["0"])[0]
        data = models_list.anthropic_list(
            rows,
            limit=int(limit) if limit.isdecimal() and len(limit) < _LONGEST_NUMBER else 0,
            after_id=query.get("after_id", [""])[0],
            before_id=query.get("before_id", [""])[0],
        )
    else:
        data = models_list.openai_list(rows)
    exchange.answer_json(data)


def model(app: App, exchange: Exchange, place: Place) -> None:
    name, spec = _row(app, place.rest)
    make = models_list.openai_model
    if "anthropic-version" in exchange.head.headers:
        exchange.dialect = "anthropic"
        make = models_list.anthropic_model
    exchange.answer_json(make(name, spec))


def _row(app: App, name: str) -> models_list.Row:
    row = model_row(app.household().runtime, name)
    if row is None:
        raise UnknownName(f"no model is called {name!r}", hint="see /v1/models")
    return row


def gemini_models(app: App, exchange: Exchange, place: Place) -> None:
    exchange.answer_json(models_list.gemini_list(model_rows(app.household().runtime)))


def gemini_model(app: App, exchange: Exchange, place: Place) -> None:
    from freellm_cli.core.gemini_face import gemini_model as entry

    exchange.answer_json(entry(*_row(app, place.rest)))


def ollama_version(app: App, exchange: Exchange, place: Place) -> None:
    exchange.answer_json({"version": __version__})


def ollama_tags(app: App, exchange: Exchange, place: Place) -> None:
    exchange.answer_json(models_list.ollama_tags(model_rows(app.household().runtime)))


HANDLERS: dict[str, Handler] = {
    "chat": chat,
    "completions": completions,
    "embeddings": embeddings,
    "responses": responses,
    "messages": messages,
    "count_tokens": count_tokens,
    "models": models,
    "model": model,
    "gemini_call": gemini_call,
    "gemini_models": gemini_models,
    "gemini_model": gemini_model,
    "ollama_chat": ollama_chat,
    "ollama_generate": ollama_generate,
    "ollama_version": ollama_version,
    "ollama_tags": ollama_tags,
    **page_handlers.HANDLERS,
    "healthz": status.healthz,
    "readyz": status.readyz,
    "limits": status.limits,
    "metrics": status.metrics,
}
