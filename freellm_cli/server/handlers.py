"""What each route does beside asking a model; `HANDLERS` names them all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from freellm_cli import __version__
from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.errors import ConfigError, UnknownName
from freellm_cli.core.faces import models_list
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server import status
from freellm_cli.server.chat_handler import answer_chat, note_asked, parse_json
from freellm_cli.server.page import handlers as page_handlers
from freellm_cli.server.router import Place
from freellm_cli.services.serving_models import model_row, model_rows

if TYPE_CHECKING:
    from freellm_cli.core.faces.openai_embeddings import EmbeddingAsk
    from freellm_cli.server.app import App
    from freellm_cli.server.exchange import Exchange
    from freellm_cli.services.embeddings import Embedded

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

    body = parse_json(exchange.body)
    counted = count(body)
    _refuse_unknown(app, str(body.get("model") or ""))
    exchange.answer_json(counted)


def _refuse_unknown(app: App, model: str) -> None:
    """Raises UnknownName for a name that a question would be refused for, as the real services do."""
    household = app.household()
    if not app.profile_for(household).any_model:
        with suppress(ConfigError):  # nobody can be asked now, but counting needs nobody
            household.chat.plan(ChatRequest(model.strip().removeprefix("models/"), [], {}))


def gemini_call(app: App, exchange: Exchange, place: Place) -> None:
    """`models/{id}:generateContent`, `:streamGenerateContent`, `:countTokens`, `:embedContent`,
    `:batchEmbedContents`."""
    model, colon, action = place.rest.rpartition(":")
    exchange.dialect = "gemini"
    if colon and action == "countTokens":
        from freellm_cli.core.faces.gemini import count_tokens as count

        counted = count(parse_json(exchange.body), model)
        _refuse_unknown(app, model)
        exchange.answer_json(counted)
    elif colon and action in ("generateContent", "streamGenerateContent"):
        answer_chat(
            app, exchange, "gemini", path_model=model, stream=action == "streamGenerateContent"
        )
    elif colon and action in ("embedContent", "batchEmbedContents"):
        _gemini_embeddings(app, exchange, model, action)
    else:
        raise HttpRefusal(
            "of a model's methods, generateContent, streamGenerateContent, countTokens, embedContent "
            "and batchEmbedContents are served",
            status=404,
            code="unknown_url",
        )


def _gemini_embeddings(app: App, exchange: Exchange, model: str, method: str) -> None:
    from freellm_cli.core.faces.gemini_embeddings import embeddings_reply, parse_embeddings

    ask = parse_embeddings(_embedding_body(exchange, model), model, method)
    made = _embedded(app, exchange, ask)
    exchange.answer(200, embeddings_reply(method, made.vectors, prompt_tokens=made.usage.prompt))


def embeddings(app: App, exchange: Exchange, place: Place) -> None:
    from freellm_cli.core.faces.openai_embeddings import embeddings_reply, parse_embeddings

    ask = parse_embeddings(_embedding_body(exchange, place.model))
    made = _embedded(app, exchange, ask._replace(model=ask.model or place.model))
    body = embeddings_reply(
        ask,
        made.vectors,
        model=ask.model or made.answerer.model_id,
        prompt_tokens=made.usage.prompt,
    )
    exchange.answer(200, body)


def _embedding_body(exchange: Exchange, path_model: str) -> Any:
    if exchange.entry is not None:
        exchange.entry.face = "embeddings"
    body = parse_json(exchange.body)
    note_asked(exchange, body, path_model)
    return body


def _embedded(app: App, exchange: Exchange, ask: EmbeddingAsk) -> Embedded:
    from freellm_cli.services.call_options import CallOptions
    from freellm_cli.services.embeddings import embed
    from freellm_cli.services.serve_profile import LANE_HEADER

    entry = exchange.entry
    if entry is not None:
        entry.asked = ask.model
    household = app.household()
    runtime = household.runtime
    lane = app.profile_for(household).lane_for(exchange.head.headers.get(LANE_HEADER, ""))
    exchange.after_hang_up = runtime.ledger.wake_waiters
    app.watcher.watch(exchange)
    made = embed(
        runtime,
        ask.model,
        ask.inputs,
        dimensions=ask.dimensions,
        options=CallOptions(
            lane=lane,
            face="embeddings",
            cancel=exchange.cancel,
            request_id=exchange.request_id,
            on_wait=entry.on_wait if entry is not None else None,
        ),
    )
    exchange.tell_who(made.answerer)
    if entry is not None:
        entry.answered_by(made.answerer, made.usage)
    return made


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
    query = parse_qs(exchange.head.query)
    data = models_list.gemini_list(
        model_rows(app.household().runtime),
        page_size=query.get("pageSize", [""])[0],
        page_token=query.get("pageToken", [""])[0],
    )
    exchange.answer_json(data)


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
