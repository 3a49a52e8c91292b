"""Which handler answers which path. Paths are forgiving: clients put base URLs together in many ways.

With and without `/v1` (or twice), any case, doubled and trailing slashes, a base URL that already ends in
`/chat/completions`, model ids with slashes, percent-encoded or not. Nothing is redirected: clients lose the
body or the key on the way.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from freellm_cli.server.wire import NotAllowed


class Route(NamedTuple):
    """`path`: segments in lower case; `*` at the end takes the rest of the path (a model id).

    `handler`: a name in `server.handlers.HANDLERS`; `is_open`: needs no token.
    """

    method: str
    path: str
    handler: str
    dialect: str = "openai"
    is_open: bool = False

    @property
    def is_for_the_page(self) -> bool:
        """No other site may use it, also none that may ask models."""
        return self.path.startswith("page/") or not self.path


# A row here, a function in `handlers`, a test in tests/server.
ROUTES: tuple[Route, ...] = (
    Route("POST", "chat/completions", "chat"),
    Route("POST", "completions", "completions"),
    Route("POST", "embeddings", "embeddings"),
    Route("POST", "responses", "responses"),
    Route("POST", "messages", "messages", "anthropic"),
    Route("POST", "messages/count_tokens", "count_tokens", "anthropic"),
    Route("GET", "models", "models"),
    Route("GET", "models/*", "model"),
    Route("GET", "engines", "models"),
    Route("GET", "limits", "limits"),
    Route("GET", "", "front_page", is_open=True),
    Route("GET", "page/events", "page_events"),
    Route("POST", "page/ask", "page_ask"),
    Route("POST", "page/keys", "page_add_key"),
    Route("POST", "page/keys/check", "page_check_key"),
    Route("GET", "page/*", "page_file", is_open=True),
    Route("GET", "health", "healthz", is_open=True),
    Route("GET", "healthz", "healthz", is_open=True),
    Route("GET", "readyz", "readyz", is_open=True),
    Route("GET", "metrics", "metrics"),
    Route("GET", "v1beta/models", "gemini_models", "gemini"),
    Route("GET", "v1beta/models/*", "gemini_model", "gemini"),
    Route("POST", "v1beta/models/*", "gemini_call", "gemini"),
    Route("POST", "models/*", "gemini_call", "gemini"),
    Route("GET", "api/version", "ollama_version", "ollama_chat"),
    Route("GET", "api/tags", "ollama_tags", "ollama_chat"),
    Route("POST", "api/chat", "ollama_chat", "ollama_chat"),
    Route("POST", "api/generate", "ollama_generate", "ollama_generate"),
)
# Ends of base URLs that clients put their own path behind.
_TAILS = (("chat", "completions"), ("messages",), ("responses",), ("completions",), ("embeddings",))
_VERSIONS = ("v1", "openai")

_EXACT: dict[tuple[str, ...], dict[str, Route]] = {}
_PREFIX: dict[tuple[str, ...], dict[str, Route]] = {}


def _build() -> None:
    for route in ROUTES:
        segments = tuple(part for part in route.path.split("/") if part)
        table = _EXACT
        if segments and segments[-1] == "*":
            table, segments = _PREFIX, segments[:-1]
        table.setdefault(segments, {})[route.method] = route


_build()


class Place(NamedTuple):
    """Where a path leads. `rest`: what `*` stood for; `methods`: those that the path knows."""

    methods: dict[str, Route]
    rest: str = ""
    model: str = ""
    """The model that the path names (Azure's deployments)."""

    @property
    def is_for_the_page(self) -> bool:
        return any(route.is_for_the_page for route in self.methods.values())


def find(path: str) -> Place | None:
    """The place of a percent-encoded path; None when there is none."""
    place = _KNOWN.get(path)
    if place is None:
        place = _find([part for part in unquote(path).split("/") if part])
        if place is not None and not place.rest and not place.model and len(_KNOWN) < 256:
            _KNOWN[path] = place
    return place


_KNOWN: dict[str, Place] = {}


def _find(parts: list[str]) -> Place | None:
    model = ""
    lower = [part.lower() for part in parts]
    if lower[:2] == ["openai", "deployments"] and len(parts) > 3:
        model = parts[2]
        parts, lower = parts[3:], lower[3:]
    while True:
        found = _match(parts, lower, model)
        if found is not None:
            return found
        cut = _cut(lower)
        if not cut:
            return None
        parts, lower = parts[cut:], lower[cut:]


def _match(parts: list[str], lower: list[str], model: str) -> Place | None:
    methods = _EXACT.get(tuple(lower))
    if methods is not None:
        return Place(methods, "", model)
    for size in (1, 2):
        methods = _PREFIX.get(tuple(lower[:size]))
        if methods is not None and len(parts) > size:
            return Place(methods, "/".join(parts[size:]))
    return None


def _cut(lower: list[str]) -> int:
    """How many leading segments say nothing."""
    if lower[:1] and lower[0] in _VERSIONS:
        return 1
    if lower[:2] in (["v1beta", "openai"], ["v1beta", "v1beta"]):
        return 1
    for tail in _TAILS:
        if tuple(lower[: len(tail)]) == tail and len(lower) > len(tail):
            return len(tail)
    return 0


def choose(place: Place | None, method: str, path: str, dialect: str = "openai") -> Route:
    """Raises HttpRefusal: 404, or 405 with what is allowed. `dialect`: the client's."""
    if place is None:
        from freellm_cli.server.nowhere import refusal

        raise refusal(path, dialect)
    route = place.methods.get("GET" if method == "HEAD" else method)
    if route is None:
        allowed = allow(place)
        first = next(iter(place.methods))
        raise NotAllowed(f"this path takes {first} requests, not {method}", allow=allowed)
    return route


def allow(place: Place) -> str:
    methods = list(place.methods)
    if "GET" in methods:
        methods.append("HEAD")
    return ", ".join([*methods, "OPTIONS"])
