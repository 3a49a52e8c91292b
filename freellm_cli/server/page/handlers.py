"""What `/` and the paths under `/page/` answer."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from freellm_cli import __version__
from freellm_cli.core.errors import UsageError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.server import status
from freellm_cli.server.chat_handler import answer_chat, parse_json
from freellm_cli.server.page.gate import FIELDS
from freellm_cli.server.page.live import MOST_PAGES

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.exchange import Exchange
    from freellm_cli.server.router import Place

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGE = "page.html"
_TEXTS = "texts."
_LONGEST_KEY = 8192


def front_page(app: App, exchange: Exchange, place: Place) -> None:
    """The page; the few lines of text that it once was for whoever asks for text and not for a page."""
    accept = exchange.head.headers.get("accept", "").lower()
    if "text/plain" in accept and "text/html" not in accept:
        status.plain_front(app, exchange)
        return
    from html import escape

    language, texts = _texts_for(exchange)
    filled = {
        "language": language,
        "title": texts["title"],
        "no_script": texts["no_script"],
        "version": __version__,
        "pass": app.page.gate.page_pass,
        "locked": "yes" if app.has_token else "no",
    }
    text = _read(_PAGE).decode()
    for name, value in filled.items():
        text = text.replace(f"{{{{{name}}}}}", escape(value))
    exchange.answer(
        200,
        text.encode(),
        content_type="text/html; charset=utf-8",
        fields={**FIELDS, "cache-control": "no-store"},
    )


def file(app: App, exchange: Exchange, place: Place) -> None:
    """What the page is made of. `texts.json` is the best of the languages that there are."""
    fields = {**FIELDS, "cache-control": "no-cache"}
    if place.rest == "texts.json":
        language, texts = _texts_for(exchange)
        data = {"language": language, **texts}
        exchange.answer_json(data, fields={**fields, "vary": "accept-language"})
        return
    kind = _TYPES.get(place.rest.rpartition(".")[2])
    if kind is None or place.rest not in _names():
        raise HttpRefusal("the page has no such file", status=404, code="unknown_url")
    exchange.answer(200, _read(place.rest), content_type=kind, fields=fields)


@cache
def _names() -> frozenset[str]:
    from importlib.resources import files

    return frozenset(item.name for item in files(__package__).joinpath("files").iterdir())


@cache
def _read(name: str) -> bytes:
    from importlib.resources import files

    return files(__package__).joinpath("files", name).read_bytes()


def _texts_for(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    languages = [name[len(_TEXTS) : -5] for name in _names() if name.startswith(_TEXTS)]
    language = preferred(exchange.head.headers.get("accept-language", ""), languages)
    texts: dict[str, Any] = json.loads(_read("texts.en.json"))
    if language != "en":
        texts |= json.loads(_read(f"{_TEXTS}{language}.json"))
    return language, texts


def preferred(accepted: str, languages: list[str]) -> str:
    """The first of `languages` that an Accept-Language header names (browsers write them in order), by its
    whole tag or by its language alone; "en" for none."""
    for entry in accepted.lower().split(","):
        tag = entry.partition(";")[0].strip()
        for known in (tag, tag.partition("-")[0]):
            if known in languages:
                return known
    return "en"


def events(app: App, exchange: Exchange, place: Place) -> None:
    """The pool and the last requests, now and whenever they change (server-sent events)."""
    page = app.page
    page.gate.check_pass(exchange.head.headers)
    if app.is_draining or page.live.pages >= MOST_PAGES:
        raise HttpRefusal(
            "the server has as many pages open as it can take", status=503, code="overloaded"
        )
    exchange.hand_over(page.take, content_type="text/event-stream", fields=FIELDS)


def ask(app: App, exchange: Exchange, place: Place) -> None:
    """The play box: a question in OpenAI's dialect, for the page alone."""
    app.page.gate.check_pass(exchange.head.headers)
    answer_chat(app, exchange, "openai")


def add_key(app: App, exchange: Exchange, place: Place) -> None:
    """{"provider", "key", "label", "account", "settings": {name: value}} → {"id", "check", "message",
    "notices": [text]}; `id` is null for a key that its provider refuses. The key comes back in no form."""
    app.page.gate.check_pass(exchange.head.headers)
    from freellm_cli.core.key_text import clean_key
    from freellm_cli.core.redaction import Redactor
    from freellm_cli.core.secret import Secret
    from freellm_cli.services.keys import add_keys

    given = _object(exchange.body)
    key = _text(given, "key", _LONGEST_KEY)
    if not key.strip():
        raise UsageError("no key was given")
    settings = given.get("settings") or {}
    if not isinstance(settings, dict):
        raise UsageError("settings must be an object of texts")
    runtime = app.household().runtime.renewed()
    result = add_keys(
        runtime,
        _text(given, "provider"),
        [key],
        label=_text(given, "label"),
        account=_text(given, "account"),
        extra={str(name): _text(settings, name) for name in settings},
    )
    added = result.data["added"][0]
    new = Redactor((Secret(clean_key(key).text),))
    told = {
        "id": added["id"],
        "check": added["check"],
        "message": runtime.redactor.clean(new.clean(added["message"])),
        "notices": [runtime.redactor.clean(new.clean(text)) for text in result.notices],
        "trains_on_prompts": result.data["trains_on_prompts"],
    }
    exchange.answer_json(told, fields={**FIELDS, "cache-control": "no-store"})


def check_key(app: App, exchange: Exchange, place: Place) -> None:
    """{"id"} → {"id", "check", "message"}."""
    app.page.gate.check_pass(exchange.head.headers)
    from freellm_cli.services.keys import check_keys

    runtime = app.household().runtime
    result = check_keys(runtime, [_text(_object(exchange.body), "id")])
    told = {**result.data["keys"][0]}
    told["message"] = runtime.redactor.clean(told["message"])
    exchange.answer_json(told, fields={**FIELDS, "cache-control": "no-store"})


def _object(body: bytes) -> dict[str, Any]:
    data = parse_json(body)
    if not isinstance(data, dict):
        raise UsageError("the request's body must be a JSON object")
    return data


def _text(data: dict[str, Any], name: str, most: int = 300) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > most:
        raise UsageError(f"{name} must be a text of at most {most} characters")
    return value


HANDLERS = {
    "front_page": front_page,
    "page_file": file,
    "page_events": events,
    "page_ask": ask,
    "page_add_key": add_key,
    "page_check_key": check_key,
}
