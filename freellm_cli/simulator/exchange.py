"""One request from its arrival to the last byte of its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from freellm_cli.core.clock import Clock
from freellm_cli.core.limits import CONCURRENT, TOKENS
from freellm_cli.simulator import google_dialect, openai_dialect
from freellm_cli.simulator.accounts import Identity, Registry
from freellm_cli.simulator.answer_faults import Scene
from freellm_cli.simulator.answers import Answer, Rendered, render
from freellm_cli.simulator.faults import REFUSAL_FAULTS, SAID_FAULTS, Place, Rule, RuleBook
from freellm_cli.simulator.hosts import HOSTS, Card, Host
from freellm_cli.simulator.journal import ABORTED, ANSWERED, CUT, REFUSED, Journal, Seen
from freellm_cli.simulator.limits import (
    Admission,
    Caller,
    LimitBook,
    LimitRule,
    Refusal,
    Standing,
)
from freellm_cli.simulator.listings import listing, router_account
from freellm_cli.simulator.rate_headers import rate_headers
from freellm_cli.simulator.refusals import LIMIT_KINDS, Facts, Rejected, refuse
from freellm_cli.simulator.replies import Call, Question, Reply, answer, scripted
from freellm_cli.simulator.routes import Route, key_of, route
from freellm_cli.simulator.wire import DONE, GONE, Connection, Pause, Request, Step
from freellm_cli.simulator.wire_faults import BYTE_FAULTS, WIRE_FAULTS


class Pace(NamedTuple):
    """Real time: `first_token_s` seconds of silence, then `tokens_per_s`; 0 means at once."""

    first_token_s: float = 0.0
    tokens_per_s: float = 0.0


class Books(NamedTuple):
    """Everything a simulator knows and remembers."""

    limits: LimitBook
    registry: Registry
    faults: RuleBook
    replies: RuleBook
    journal: Journal


class Exchange:
    """Answers requests from the books. Safe from many threads."""

    def __init__(self, books: Books, clock: Clock, pace: Pace, url: Callable[[], str]) -> None:
        self._books = books
        self._clock = clock
        self._pace = pace
        self._url = url

    def serve(self, connection: Connection, request: Request, address: str) -> bool:
        """Answers one request; False when the connection must not be used again."""
        seen = Seen(request.method, request.path, self._clock.now())
        seen.address = address
        seen.headers = _plain_headers(request.headers)
        seen.query = {name: value for name, value in request.query.items() if name != "key"}
        seen.raw = request.body
        turn = _Turn(self._books, seen, request, self._clock)
        turn.decide(self._url())
        self._books.journal.arrived(seen)
        if seen.refusal in LIMIT_KINDS and not seen.fault:
            self._books.journal.limited(seen)
        rendered = self._render(turn)
        ended = connection.play(_steps(rendered, turn.rule), turn.settle)
        if ended == GONE and seen.outcome != ABORTED:
            self._books.journal.left_after_all(seen)
        return ended == DONE and rendered.keep_alive

    def _render(self, turn: _Turn) -> Rendered:
        request, said = turn.request, turn.answer
        rendered = render(said, http10=request.http10, keep_alive=request.keep_alive)
        rendered.head_only = request.method == "HEAD"
        rendered.headers += [
            ("date", http_date(self._clock.now())),
            ("x-request-id", f"req_{turn.seen.number}"),
            *rate_headers(turn.headers_style, turn.standings),
        ]
        if said.output_tokens or said.streams:
            rate = self._pace.tokens_per_s
            rendered.first_pause = self._pace.first_token_s
            rendered.pause = 1.0 / rate if rate else 0.0
            if not said.streams and rate:
                rendered.first_pause += said.output_tokens / rate
        return rendered


class _Turn:
    """The making of one answer."""

    def __init__(self, books: Books, seen: Seen, request: Request, clock: Clock) -> None:
        self._books = books
        self._clock = clock
        self.seen = seen
        self.request = request
        self.answer = Answer()
        self.rule: Rule | None = None
        self.standings: tuple[Standing, ...] = ()
        self.headers_style = ""
        self._admission: Admission | None = None
        self._style = "openai"
        self._account = "simulated"

    def decide(self, url: str) -> None:
        try:
            where = route(self.request)
        except Rejected as rejected:
            self._refuse_unrouted(rejected)
            return
        self._style = where.host.style
        self.headers_style = where.host.headers
        self.seen.provider = where.host.id
        self.seen.operation = where.operation
        try:
            self._say(where, url)
        except Rejected as rejected:
            self._refuse(rejected.kind, rejected.facts)
        if where.compatible and self.answer.status >= 400 and self.answer.raw is not None:
            # The compatible path answers with the native error inside an array of one.
            self.answer.raw = b"[" + self.answer.raw + b"]"

    def settle(self, ended: str) -> None:
        """Gives back what was held, and writes down how it ended."""
        now = self._clock.now()
        status = self.answer.status
        if self._admission:
            failed = status >= 500 or (ended != DONE and self.rule is not None)
            self._admission.finish(
                input_tokens=self.answer.input_tokens,
                output_tokens=self.answer.output_tokens,
                failed=failed,
            )
        outcome = ABORTED if ended == GONE else CUT
        if ended == DONE:
            outcome = ANSWERED if status < 300 else REFUSED
        self._books.journal.ended(self.seen, outcome, now)

    def _say(self, where: Route, url: str) -> None:
        text = key_of(where.host, where.compatible, self.request)
        identity = self._books.registry.identify(text)
        self.seen.key, self.seen.fingerprint = identity.name, identity.fingerprint
        self._account = hashlib.sha256(identity.account.encode()).hexdigest()[:24]
        body, flaw = self._body(where)
        self._check_key(where, identity)
        if flaw:
            raise Rejected("bad_request", Facts(message=flaw))
        make = self._maker(where, body, identity)
        place = Place(where.host.id, self.seen.model, text, where.operation)
        self.rule = self._books.faults.pick(place)
        self._play_said(make, url)

    def _body(self, where: Route) -> tuple[dict[str, Any], str]:
        """The JSON object that was sent, and what is wrong with it. A key is judged before its body."""
        self.seen.model = where.model
        if self.request.method in ("GET", "HEAD"):
            return {}, ""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError as error:
            return {}, f"Invalid JSON payload received. {error}"
        if not isinstance(body, dict):
            return {}, "The body must be a JSON object."
        if where.compatible and str(body.get("model", "")).startswith("models/"):
            body["model"] = body["model"].removeprefix("models/")
        self.seen.body = body
        self.seen.model = where.model or str(body.get("model") or "")
        self.seen.stream = where.action == "streamGenerateContent" or body.get("stream") is True
        return body, ""

    def _check_key(self, where: Route, identity: Identity) -> None:
        host = where.host
        if where.operation == "models" and host.public_list:
            return
        if not identity.text and host.auth != "optional":
            raise Rejected("no_key", Facts())
        if identity.trouble:
            raise Rejected(identity.trouble, Facts(self.seen.model, key=identity.text))

    def _maker(
        self, where: Route, body: dict[str, Any], identity: Identity
    ) -> Callable[[bool], Answer]:
        """Checks and counts the request; gives what makes its answer, streamed or whole."""
        if where.operation == "models":
            said = listing(where.host, where.action, where.model, self.request)
            return lambda stream: said
        if where.operation == "other":
            # OpenRouter's account pages speak of what the free models share.
            free = self._caller(where, identity, 0, 0)._replace(model="any:free")
            standings = self._books.limits.standings(free)
            account = router_account(where.action, standings)
            return lambda stream: account
        card = self._check_model(where.host, identity)
        if where.operation == "embeddings":
            return self._embeddings(where, body, identity, card)
        if where.operation == "count":
            counted = google_dialect.count_answer(where.model, body)
            return lambda stream: counted
        return self._chat(where, body, identity, card)

    def _check_model(self, host: Host, identity: Identity) -> Card | None:
        name = self.seen.model
        about = self._books.registry.about(name, host.id)
        if about.trouble:
            raise Rejected(about.trouble, Facts(name))
        if name in identity.closed_models:
            raise Rejected("no_access", Facts(name))
        card = next((card for card in host.models if card.name == name), None)
        if about.context_tokens is not None:
            card = (card or Card(name))._replace(context=about.context_tokens)
        return card

    def _chat(
        self, where: Route, body: dict[str, Any], identity: Identity, card: Card | None
    ) -> Callable[[bool], Answer]:
        question = self._question(where, body)
        if card and question.input_tokens > card.context:
            facts = Facts(question.model, limit=card.context, requested=question.input_tokens)
            raise Rejected("too_long", facts)
        caller = self._caller(where, identity, question.input_tokens, question.max_tokens or 0)
        self._admit(caller)
        reply = self._reply(where, question, identity)

        def make(stream: bool) -> Answer:
            asked = question._replace(stream=stream)
            if where.operation == "completions":
                return openai_dialect.completion_answer(asked, reply)
            if where.host.dialect == "google" and not where.compatible:
                as_array = self.request.query.get("alt") != "sse"
                return google_dialect.generate_answer(asked, reply, as_array=as_array)
            return openai_dialect.chat_answer(body, asked, reply, where.host)

        return make

    def _question(self, where: Route, body: dict[str, Any]) -> Question:
        if where.operation == "completions":
            return openai_dialect.prompt_of(body)
        if where.host.dialect == "google" and not where.compatible:
            stream = where.action == "streamGenerateContent"
            return google_dialect.question_of(where.model, body, stream=stream)
        return openai_dialect.question_of(body, where.host)

    def _reply(self, where: Route, question: Question, identity: Identity) -> Reply:
        place = Place(where.host.id, question.model, identity.text, where.operation)
        rule = self._books.replies.pick(place)
        if rule is None:
            return answer(question)
        calls = tuple(Call(*call) for call in rule.options.get("calls", ()))
        options = {name: value for name, value in rule.options.items() if name != "calls"}
        return scripted(question, calls=calls, **options)

    def _embeddings(
        self, where: Route, body: dict[str, Any], identity: Identity, card: Card | None
    ) -> Callable[[bool], Answer]:
        if not where.host.embeds:
            raise Rejected("wrong_url", Facts(field=self.request.path))
        if where.host.dialect == "google" and not where.compatible:
            batch = where.action == "batchEmbedContents"
            tokens = google_dialect.body_tokens(body)
            made = google_dialect.embed_answer(where.model, body, card, batch=batch)
        else:
            tokens = openai_dialect.embedding_tokens(body)
            made = openai_dialect.embeddings_answer(body, card)
        self._admit(self._caller(where, identity, tokens, 0))
        return lambda stream: made

    def _caller(self, where: Route, identity: Identity, tokens: int, most: int) -> Caller:
        return Caller(
            provider=where.host.id,
            key=identity.text,
            account=identity.account,
            address=self.seen.address,
            model=self.seen.model,
            input_tokens=tokens,
            max_tokens=most,
        )

    def _admit(self, caller: Caller) -> None:
        decision = self._books.limits.admit(caller)
        if isinstance(decision, Admission):
            self._admission = decision
            self.standings = decision.standings
            return
        self.standings = decision.violated
        self.seen.foreseeable = decision.foreseeable
        raise Rejected(limit_kind(decision.rule), _limit_facts(decision, caller))

    def _play_said(self, make: Callable[[bool], Answer], url: str) -> None:
        self.answer = make(self.seen.stream)
        self.seen.status = self.answer.status
        rule = self.rule
        if rule is None:
            return
        self.seen.fault = rule.name
        if rule.name in REFUSAL_FAULTS:
            self._refuse(rule.name, _told_facts(self.seen.model, rule.options, self.seen.at))
        elif rule.name in SAID_FAULTS:
            SAID_FAULTS[rule.name](self.answer, Scene(make, url), rule.options)
        self.answer.headers += list(dict(rule.options.get("headers") or {}).items())
        self.seen.status = self.answer.status

    def _refuse_unrouted(self, rejected: Rejected) -> None:
        host = HOSTS.get(rejected.facts.key)
        self._style = host.style if host else "openai"
        self.seen.provider = rejected.facts.key
        self._refuse(rejected.kind, rejected.facts)

    def _refuse(self, kind: str, facts: Facts) -> None:
        refused = refuse(self._style, kind, facts._replace(account=self._account))
        self.answer = Answer(
            refused.status,
            raw=refused.body,
            content_type=refused.content_type,
            headers=list(refused.headers),
        )
        self.seen.refusal = kind
        self.seen.status = refused.status


def limit_kind(rule: LimitRule) -> str:
    """The kind of refusal that a limit gives."""
    if rule.unit == CONCURRENT:
        return "concurrent"
    long = rule.window.kind != "sliding" or rule.window.seconds >= 3600
    unit = "tokens" if rule.unit == TOKENS else "rate"
    return f"{unit}_{'day' if long else 'minute'}"


def _limit_facts(refusal: Refusal, caller: Caller) -> Facts:
    worst = refusal.violated[0]
    return Facts(
        caller.model,
        key=caller.key,
        limit=worst.rule.amount,
        used=worst.used,
        requested=refusal.requested,
        wait_s=refusal.retry_after_s,
        reset_at=refusal.reset_at,
        quotas=tuple((limit_kind(one.rule), one.rule.amount) for one in refusal.violated),
        each_model=worst.rule.each_model,
    )


def _told_facts(model: str, options: dict[str, Any], now: float) -> Facts:
    """Facts of a refusal that was scripted: `wait_s` (20), `limit` (10) and what else was given."""
    wait = options.get("wait_s", 20.0)
    facts = Facts(
        model, limit=10, used=10, wait_s=wait, reset_at=None if wait is None else now + wait
    )
    given = {name: value for name, value in options.items() if name in Facts._fields}
    return facts._replace(**given)


def _steps(rendered: Rendered, rule: Rule | None) -> list[Step]:
    if rule is None:
        return rendered.steps()
    if rule.name in BYTE_FAULTS:
        BYTE_FAULTS[rule.name](rendered, rule.options)
    if rule.name in WIRE_FAULTS:
        return WIRE_FAULTS[rule.name](rendered, rule.options)
    delay = rule.options.get("delay_s")
    return [Pause(delay), *rendered.steps()] if delay else rendered.steps()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(now: float) -> str:
    """A time as RFC 9110 writes it, whatever the locale."""
    at = datetime.fromtimestamp(now, UTC)
    month = _MONTHS[at.month - 1]
    return f"{_DAYS[at.weekday()]}, {at.day:02} {month} {at.year} {at:%H:%M:%S} GMT"


_CREDENTIALS = frozenset({"authorization", "x-goog-api-key", "api-key", "x-api-key", "cookie"})


def _plain_headers(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _CREDENTIALS}
