"""How the server is: for probes, for dashboards, for a person with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freellm_cli import __version__
from freellm_cli.core.errors import FreellmError
from freellm_cli.server.router import Place

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.exchange import Exchange

PLAIN = "text/plain; charset=utf-8"
_FRONT = """\
freellm {version}: one model endpoint out of the free tiers you have.

Base URL for OpenAI clients      {base}/v1     (any API key{token})
         for Anthropic clients   {base}
         for Gemini clients      {base}

Models    {base}/v1/models
Limits    {base}/v1/limits
Ready     {base}/readyz
"""


def plain_front(app: App, exchange: Exchange) -> None:
    """What `/` says where there is no browser."""
    token = " that is serve.token" if app.has_token else ", or none"
    base = f"http://{exchange.head.headers.get('host') or '127.0.0.1'}"
    text = _FRONT.format(version=__version__, base=base, token=token)
    exchange.answer(200, text.encode(), content_type=PLAIN)


def healthz(app: App, exchange: Exchange, place: Place) -> None:
    """200 as long as the server answers at all."""
    exchange.answer_json({"status": "ok", "version": __version__})


def readyz(app: App, exchange: Exchange, place: Place) -> None:
    """200 when a request for the default model could be sent now, else 503; why not is told to those who
    may ask for more: it names keys and models."""
    ready, why = (False, "the server is stopping") if app.is_draining else _is_ready(app)
    data: dict[str, Any] = {"ready": ready}
    if why and app.guard.may_ask(exchange.head.headers):
        data["why"] = why
    exchange.answer_json(data, status=200 if ready else 503)


def _is_ready(app: App) -> tuple[bool, str]:
    from freellm_cli.services.readiness import readiness

    try:
        return readiness(app.household().runtime)
    except FreellmError as error:
        return False, error.message


def limits(app: App, exchange: Exchange, place: Place) -> None:
    """The data of `freellm limits --json`."""
    from freellm_cli.services.limits import show_limits

    exchange.answer_json(show_limits(app.household().runtime).data)


def metrics(app: App, exchange: Exchange, place: Place) -> None:
    """Figures for Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    from freellm_cli.server.exposition import exposition_of

    page = exposition_of(app).page(exchange.head.headers)
    exchange.answer(200, page.body, content_type=page.content_type, fields=page.fields)
