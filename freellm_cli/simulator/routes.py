"""From a request's path to what is asked of whom, and by which key."""

from __future__ import annotations

import re
from typing import NamedTuple

from freellm_cli.simulator.hosts import HOSTS, Host, host_of
from freellm_cli.simulator.refusals import Facts, Rejected
from freellm_cli.simulator.wire import Request


class Route(NamedTuple):
    """`operation`: one of faults.OPERATIONS; `action`: the exact thing ("streamGenerateContent", "key"…);
    `model`: when the path names it; `compatible`: Google's OpenAI-compatible path."""

    host: Host
    operation: str
    action: str
    model: str = ""
    compatible: bool = False


_OPENAI_ROUTES = {
    ("POST", "chat/completions"): "chat",
    ("POST", "completions"): "completions",
    ("POST", "embeddings"): "embeddings",
    ("GET", "models"): "models",
}
# Lists that do not stand below the base of their chat.
_OTHER_LISTS = {
    "cohere": re.compile(r"/cohere/v1/models\Z"),
    "cloudflare": re.compile(r"/cloudflare/client/v4/accounts/[^/]+/ai/models/search\Z"),
}
_GOOGLE_METHODS = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "count",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
_GOOGLE_PATH = re.compile(r"models/(?P<model>[^:]+):(?P<method>\w+)\Z")


def _pattern(host: Host) -> re.Pattern[str]:
    """Everything below the host's base. Google serves each of its API versions side by side."""
    base = re.escape(host.path).replace(r"\{\}", "[^/]+").replace("v1beta", "v1(?:beta|alpha)?")
    return re.compile(base + r"/(?P<rest>.+)\Z")


_PATTERNS = [(_pattern(host), host) for host in HOSTS.values()]


def route(request: Request) -> Route:
    """Raises Rejected ("wrong_url", "method") with the host's name in `facts.key`."""
    host, rest = _host(request.path)
    method = "GET" if request.method == "HEAD" else request.method
    compatible = host.dialect == "google" and rest.startswith("openai/")
    if compatible:
        rest = rest.removeprefix("openai/")
    if host.dialect == "google" and not compatible:
        return _google_route(host, method, rest, request)
    special = _special(host, method, rest)
    if special:
        return special
    operation = _OPENAI_ROUTES.get((method, rest))
    if operation:
        return Route(host, operation, operation, compatible=compatible)
    if method == "GET" and rest.startswith("models/"):
        model = rest.removeprefix("models/").removeprefix("models/")
        return Route(host, "models", "model", model, compatible)
    known = any(rest == path for _, path in _OPENAI_ROUTES)
    raise Rejected(
        "method" if known else "wrong_url",
        Facts(field=f"{request.method} {request.path}", key=host.id),
    )


def _host(path: str) -> tuple[Host, str]:
    for name, listing in _OTHER_LISTS.items():
        if listing.match(path):
            return HOSTS[name], "models"
    for pattern, host in _PATTERNS:
        found = pattern.match(path)
        if found:
            return host, found["rest"]
    parts = path.strip("/").split("/", 2)
    if len(parts) == 3 and parts[1] == "v1" and parts[0] not in HOSTS:
        return host_of(parts[0]), parts[2]
    raise Rejected("wrong_url", Facts(field=path, key=parts[0]))


def _special(host: Host, method: str, rest: str) -> Route | None:
    if method != "GET":
        return None
    if host.id == "openrouter" and rest in ("key", "auth/key", "credits"):
        return Route(host, "other", rest)
    return None


def _google_route(host: Host, method: str, rest: str, request: Request) -> Route:
    if method == "GET" and rest == "models":
        return Route(host, "models", "models")
    if method == "GET" and rest.startswith("models/") and ":" not in rest:
        return Route(host, "models", "model", rest.removeprefix("models/"))
    found = _GOOGLE_PATH.match(rest)
    operation = _GOOGLE_METHODS.get(found["method"]) if found else None
    if found is None or operation is None or method != "POST":
        raise Rejected("wrong_url", Facts(field=request.path, key=host.id))
    return Route(host, operation, found["method"], found["model"])


def key_of(host: Host, compatible: bool, request: Request) -> str:
    """The one key that the request carries, "" when it carries none. Raises Rejected."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    if host.auth != "google":
        return bearer
    given = [request.headers.get("x-goog-api-key", ""), request.query.get("key", "")]
    google = [key for key in given if key]
    if compatible:
        if not bearer:
            text = "Missing or invalid Authorization header."
            raise Rejected("bad_request", Facts(message=text))
        return bearer
    if len(google) + bool(bearer) > 1:
        text = "Multiple authentication credentials received. Please pass only one."
        raise Rejected("bad_request", Facts(message=text))
    if bearer:
        raise Rejected("wrong_token_type", Facts())
    return google[0] if google else ""
