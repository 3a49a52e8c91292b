"""What `/metrics` says: the counts of `server.metrics`, and how pool and server stand at this moment.

The only importer of prometheus_client, and not before somebody asks: it takes 50 ms and some MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli import __version__
from freellm_cli.core.errors import FreellmError
from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.services.pool_picture import PoolPicture, Row
from freellm_cli.services.serving_models import pool_names

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

    from freellm_cli.server.app import App
    from freellm_cli.server.metrics import Counts, Spread
    from freellm_cli.services.runtime import Runtime

STATES = ("good", "limited", "resting", "refused", "off")
MOST_LIMITS = 2_000
_ANSWERER = ("provider", "model")
_GAUGES = {
    "connections": "Connections that clients hold open.",
    "connections_served": "Connections whose request is being served.",
    "connections_queued": "Connections whose request waits for a thread.",
    "questions_running": "Questions to models that are being answered.",
    "threads": "Threads that serve requests.",
}


class Page(NamedTuple):
    """One answer to a scraper. `fields`: headers beside the content type."""

    body: bytes
    content_type: str
    fields: dict[str, str]


class Exposition:
    """`page` is called by one thread at a time; the others wait."""

    def __init__(self, app: App) -> None:
        """Raises HttpRefusal (501) where the library is not installed."""
        try:
            from prometheus_client import PlatformCollector, ProcessCollector
            from prometheus_client.registry import CollectorRegistry
        except ImportError as error:
            raise HttpRefusal(
                "metrics need the package prometheus-client, which is not installed",
                status=501,
                code="no_metrics",
                hint="pip install prometheus-client, in the environment of freellm; then ask again",
            ) from error
        self._lock = Lock()
        self._registry: CollectorRegistry = CollectorRegistry()
        self._registry.register(_Figures(app))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def page(self, headers: Mapping[str, str]) -> Page:
        """In the format that the scraper's Accept header asks for: Prometheus's own text or OpenMetrics."""
        import gzip

        from prometheus_client.exposition import choose_encoder, gzip_accepted

        try:
            encoder, content_type = choose_encoder(headers.get("accept", ""))
        except (TypeError, ValueError):  # the version that it names is none
            encoder, content_type = choose_encoder("")
        with self._lock:
            body = encoder(self._registry)
        fields = {"vary": "accept, accept-encoding"}
        if gzip_accepted(headers.get("accept-encoding", "")):
            body = gzip.compress(body, 1)
            fields["content-encoding"] = "gzip"
        return Page(body, content_type, fields)


def exposition_of(app: App) -> Exposition:
    """The one of this server. Raises HttpRefusal (501) where prometheus_client is not installed."""
    metrics = app.metrics
    if metrics.exposition is None:
        metrics.exposition = Exposition(app)
    return metrics.exposition


class _Figures:
    """A collector in prometheus_client's sense: makes its metrics anew for each scrape."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._pool = PoolPicture()
        self._limits: dict[tuple[str, ...], int] = {}
        """Amounts by labels. A limit that was shown once stays, so that its use falls to 0 and not away."""

    def describe(self) -> list[Any]:
        """Nothing: the names are our own, and registering must not read the ledger."""
        return []

    def collect(self) -> Iterator[Any]:
        names, standing = None, []
        try:
            runtime = self._app.household().runtime
            standing = [*self._credentials(runtime), *_line_and_rests(runtime)]
            names = pool_names(runtime)
        except FreellmError:  # settings or ledger unreadable: that is a figure, too
            standing = []
        yield _info("freellm_build", "This server.", {"version": __version__})
        healthy = _gauge("freellm_healthy", "1 when settings and ledger can be read, else 0.")
        healthy.add_metric([], int(names is not None))
        yield healthy
        yield from _counted(self._app.metrics.counts(names))
        yield from standing
        yield from self._server()

    def _server(self) -> Iterator[Any]:
        for name, value in self._app.gauges().items():
            figure = _gauge(f"freellm_server_{name}", _GAUGES[name])
            figure.add_metric([], value)
            yield figure

    def _credentials(self, runtime: Runtime) -> Iterator[Any]:
        state = _gauge(
            "freellm_credential_state",
            "1 for the state that a credential is in, else 0.",
            ("provider", "credential", "state"),
        )
        rows = self._pool.rows(runtime)
        for row in rows:
            for name in STATES:
                state.add_metric([row["provider"], row["id"], name], int(row["state"] == name))
        yield state
        yield from self._used_limits(rows, runtime.clock.now())

    def _used_limits(self, rows: list[Row], now: float) -> Iterator[Any]:
        labels = ("provider", "credential", "model", "unit", "window")
        used = _gauge("freellm_limit_used", "What is used of a limit now.", labels)
        amount = _gauge("freellm_limit_amount", "What a limit allows in its window.", labels)
        resets = _gauge(
            "freellm_limit_reset_seconds",
            "Until the window resets, or its first use leaves.",
            labels,
        )
        ids = {row["id"] for row in rows}
        unused = {key: most for key, most in self._limits.items() if key[1] in ids}
        self._limits = dict(unused)
        for key, limit in _limits_of(rows):
            if key not in self._limits and len(self._limits) >= MOST_LIMITS:
                continue
            self._limits[key] = limit["amount"]
            unused.pop(key, None)
            used.add_metric(key, limit["used"])
            amount.add_metric(key, limit["amount"])
            resets.add_metric(key, max(0.0, (limit["resets_at"] or now) - now))
        for key, most in unused.items():
            used.add_metric(key, 0)
            amount.add_metric(key, most)
            resets.add_metric(key, 0)
        yield from (used, amount, resets)


def _limits_of(rows: list[Row]) -> Iterator[tuple[tuple[str, ...], Row]]:
    """Each limit of the pool's picture with its labels."""
    for row in rows:
        for model in row["models"]:
            for limit in model["limits"]:
                where = (row["provider"], row["id"], model["model"])
                yield (*where, limit["unit"], limit["window"]), limit


def _line_and_rests(runtime: Runtime) -> Iterator[Any]:
    ledger = runtime.ledger
    waiting = _gauge(
        "freellm_waiting", "Requests that wait for a target, of all processes.", ("lane",)
    )
    for lane, count in ledger.waiting().items():
        waiting.add_metric([lane], count)
    yield waiting
    leases = _gauge(
        "freellm_leases", "Requests under way at providers, of all processes.", ("provider",)
    )
    open_ = dict.fromkeys((item.provider for item in runtime.credentials()), 0)
    for lease in ledger.open_leases():
        provider = lease.target.split("/")[1]
        open_[provider] = open_.get(provider, 0) + 1
    for provider, count in open_.items():
        leases.add_metric([provider], count)
    yield leases
    rests = _gauge(
        "freellm_rests", "What rests now, by how much it is and why.", ("scope", "verdict")
    )
    resting: dict[tuple[str, str], int] = {}
    for rest in ledger.rests():
        key = (rest.key.partition(":")[0], rest.kind)
        resting[key] = resting.get(key, 0) + 1
    for key, count in resting.items():
        rests.add_metric(key, count)
    yield rests


def _counted(counts: Counts) -> Iterator[Any]:
    http = _counter("freellm_http_requests", "Requests of any kind.", ("dialect", "status"))
    for (dialect, status), count in counts.http.items():
        http.add_metric([dialect or "openai", str(status)], count)
    yield http
    questions = _counter(
        "freellm_requests", "Questions to models, and how they ended.", (*_ANSWERER, "outcome")
    )
    for key, count in counts.questions.items():
        questions.add_metric(key, count)
    yield questions
    refusals = _counter(
        "freellm_refusals",
        "Attempts that a provider refused or failed, whatever came of the question.",
        (*_ANSWERER, "verdict"),
    )
    for key, count in counts.refusals.items():
        refusals.add_metric(key, count)
    yield refusals
    tokens = _counter("freellm_tokens", "Tokens of answered questions.", (*_ANSWERER, "kind"))
    first = _histogram("freellm_first_token_seconds", "From a question to its first content.")
    whole = _histogram("freellm_request_seconds", "From a question to the end of its answer.")
    for who, served in counts.answers.items():
        tokens.add_metric([*who, "prompt"], served.prompt_tokens)
        tokens.add_metric([*who, "completion"], served.completion_tokens)
        _add_spread(first, who, served.first_token_s)
        _add_spread(whole, who, served.request_s)
    yield from (tokens, first, whole)


def _add_spread(family: Any, labels: tuple[str, ...], spread: Spread) -> None:
    buckets, so_far = [], 0
    for bound, count in zip((*spread.bounds, float("inf")), spread.counts, strict=True):
        so_far += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), so_far))
    family.add_metric(labels, buckets, spread.sum)


def _gauge(name: str, about: str, labels: tuple[str, ...] = ()) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, about, labels=labels)


def _counter(name: str, about: str, labels: tuple[str, ...]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, about, labels=labels)


def _histogram(name: str, about: str) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    return HistogramMetricFamily(name, about, labels=_ANSWERER)


def _info(name: str, about: str, values: dict[str, str]) -> Any:
    from prometheus_client.core import InfoMetricFamily

    return InfoMetricFamily(name, about, value=values)
