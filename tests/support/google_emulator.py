"""Google's OAuth and Code Assist endpoints on loopback, as strict as their clients' sources and users tell.

    with GoogleEmulator() as google:
        google.grant("1//refresh")               # a login that exists already
        google.account.tier = "standard-tier"    # what loadCodeAssist says
        google.refuse_next("streamGenerateContent", 401, UNAUTHENTICATED)
        config(google.config())                  # config.toml lines that point freellm here

Everything it was asked stands in `google.seen`. It refuses what Google refuses: a redirect that differs by
a byte, a verifier that does not fit, a code spent twice, a project that is null or empty, bodies that
`tests.support.google_rules` finds wrong.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.google_rules import problems

CLIENT_ID = "1234-emulator.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-emulator-secret-0123456789"
SCOPES = {
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
}
TYPE = "type.googleapis.com/google.rpc."
PROD = "cloudcode-pa.googleapis.com"


def error(
    code: int,
    status: str,
    message: str,
    reason: str = "",
    metadata: dict[str, str] | None = None,
    *more: dict[str, Any],
    domain: str = PROD,
) -> dict[str, Any]:
    details = list(more)
    if reason:
        info = {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": domain}
        details.insert(0, {**info, "metadata": metadata or {}})
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    return {"error": {**body, "details": details} if details else body}


UNAUTHENTICATED = error(
    401,
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
    "other valid authentication credential.",
)
UNSUPPORTED = {
    "reasonCode": "UNSUPPORTED_CLIENT",
    "tierId": "free-tier",
    "tierName": "Gemini Code Assist for individuals",
    "reasonMessage": "This client is no longer supported for Gemini Code Assist for individuals. To "
    "continue using Gemini, please migrate to the Antigravity suite of products: "
    "https://antigravity.google",
}


class Seen(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    """A parsed JSON body, the fields of a form, or None."""

    @property
    def name(self) -> str:
        return self.path.rpartition(":")[2] if "v1internal:" in self.path else self.path


class Account:
    """Whose login it is, and what Code Assist says of it."""

    def __init__(self) -> None:
        self.email = "person@example.com"
        self.tier: str | None = "standard-tier"
        self.paid_tier: str | None = None
        self.project: Any = "server-project"
        self.allowed: list[dict[str, Any]] = [
            {"id": "free-tier", "isDefault": True},
            {"id": "standard-tier", "userDefinedCloudaicompanionProject": True},
        ]
        self.ineligible: list[dict[str, Any]] = []
        self.polls = 0
        """How many polls answer "not done" before onboarding is."""
        self.buckets: list[dict[str, Any]] = []


class GoogleEmulator:
    def __init__(self, *, now: Callable[[], float] | None = None) -> None:
        self.account = Account()
        self.seen: list[Seen] = []
        self.lifetime: int | None = 3599
        self.rotate = False
        self.date: str | None = None
        self.consent = "auto"
        """"auto" redirects at once, "page" shows a page that a browser must act on, "deny" says no."""
        self.forge_state = False
        self.refresh_token_on_exchange = True
        self.refresh_delay_s = 0.0
        self.answer: Callable[[dict[str, Any]], bytes] = plain_answer
        self.tally: Counter[str] = Counter()
        self._codes: dict[str, dict[str, str]] = {}
        self._spent: set[str] = set()
        self._given: set[str] = set()
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self._refusals: dict[str, list[tuple[int, Any, dict[str, str]]]] = {}
        self._operations: dict[str, int] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> GoogleEmulator:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    # What a test says

    def config(self, *, client: bool = True) -> str:
        lines = [
            "[providers.gemini_cli]",
            f'base_url = "{self.url}"',
            f'auth_url = "{self.url}/o/oauth2/v2/auth"',
            f'token_url = "{self.url}/token"',
            f'userinfo_url = "{self.url}/oauth2/v2/userinfo"',
        ]
        if client:
            lines += [f'client_id = "{CLIENT_ID}"', f'client_secret = "{CLIENT_SECRET}"']
        return "\n".join(lines) + "\n"

    def grant(self, refresh: str, access: str = "") -> None:
        """Tokens that are good from now on."""
        self._refresh.add(refresh)
        if access:
            self._access.add(access)

    def expire_access(self) -> None:
        self._access.clear()

    def revoke_all(self) -> None:
        self._refresh.clear()
        self._access.clear()

    def refuse_next(
        self, name: str, status: int, body: Any, *, times: int = 1, **headers: str
    ) -> None:
        """The next `times` calls of a method or path are refused so."""
        heads = {key.replace("_", "-"): value for key, value in headers.items()}
        self._refusals.setdefault(name, []).extend([(status, body, heads)] * times)

    def asked(self, name: str) -> list[Seen]:
        return [item for item in self.seen if item.name == name]

    def wait_for_refreshes(self, count: int, timeout_s: float = 20.0) -> bool:
        """Whether there were so many within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.tally["refreshed"] >= count, timeout_s)

    def secrets(self) -> set[str]:
        """Every token and code that was ever given out or taken."""
        return {CLIENT_SECRET, *self._codes, *self._spent, *self._given}

    # What it answers

    def respond(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.seen.append(seen)
            self.tally[seen.name] += 1
            refusals = self._refusals.get(seen.name)
            if refusals:
                status, body, headers = refusals.pop(0)
                return status, headers, body if isinstance(body, bytes) else _json(body)
        if seen.path == "/token" and seen.body.get("grant_type") == "refresh_token":
            return self._refreshed(seen.body)
        with self._lock:
            return self._route(seen)

    def _route(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if seen.path == "/o/oauth2/v2/auth":
            return self._authorize(seen.query)
        if seen.path == "/token":
            return self._exchanged(seen.body)
        if seen.path == "/revoke":
            known = seen.body.get("token") in self._refresh | self._access
            self._refresh.discard(seen.body.get("token"))
            return (200, {}, b"{}") if known else (400, {}, _json({"error": "invalid_token"}))
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._access:
            return 401, {}, _json(UNAUTHENTICATED)
        if seen.path == "/oauth2/v2/userinfo":
            return 200, {}, _json({"id": "1", "email": self.account.email, "verified_email": True})
        return self._code_assist(seen)

    def _authorize(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        wrong = _wrong_authorization(query)
        if wrong:
            return 400, {}, f"<html><title>Error 400: {wrong}</title></html>".encode()
        state = "another" if self.forge_state else query["state"]
        if self.consent == "deny":
            fields = {"error": "access_denied", "state": state}
        else:
            code = self._token("4/0code")
            self._codes[code] = query
            fields = {"code": code, "state": state, "scope": query["scope"]}
        target = f"{query['redirect_uri']}?{urlencode(fields)}"
        if self.consent == "page":
            page = f'<html><body><a id="allow" href="{target}">Allow</a><script>'
            page += "document.getElementById('allow').click()</script></body></html>"
            return 200, {"Content-Type": "text/html"}, page.encode()
        return 302, {"Location": target}, b""

    def _exchanged(self, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {}, _json({"error": "invalid_client", "error_description": "Unauthorized"})
        code = form.get("code", "")
        asked = self._codes.pop(code, None)
        if asked is None:
            why = "Malformed auth code." if code not in self._spent else "Bad Request"
            return 400, {}, _json({"error": "invalid_grant", "error_description": why})
        self._spent.add(code)
        if form.get("redirect_uri") != asked["redirect_uri"]:
            return (
                400,
                {},
                _json({"error": "redirect_uri_mismatch", "error_description": "Bad Request"}),
            )
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            why = "Invalid code verifier."
            return 400, {}, _json({"error": "invalid_grant", "error_description": why})
        tokens = self._fresh_tokens()
        if self.refresh_token_on_exchange:
            tokens["refresh_token"] = self._token("1//0refresh")
            self._refresh.add(tokens["refresh_token"])
        return 200, self._dated(), _json({**tokens, "id_token": "eyJhbGciOi.eyJzdWIi.c2ln"})

    def _refreshed(self, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self.refresh_delay_s:
            threading.Event().wait(self.refresh_delay_s)
        with self._lock:
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return (
                    401,
                    {},
                    _json({"error": "invalid_client", "error_description": "Unauthorized"}),
                )
            old = form.get("refresh_token", "")
            if old not in self._refresh:
                why = "Token has been expired or revoked."
                return 400, {}, _json({"error": "invalid_grant", "error_description": why})
            self.tally["refreshed"] += 1
            self._changed.notify_all()
            tokens = self._fresh_tokens()
            if self.rotate:
                self._refresh.discard(old)
                tokens["refresh_token"] = self._token("1//0refresh")
                self._refresh.add(tokens["refresh_token"])
            return 200, self._dated(), _json(tokens)

    def _dated(self) -> dict[str, str]:
        return {"Date": self.date} if self.date else {}

    def _fresh_tokens(self) -> dict[str, Any]:
        access = self._token("ya29.a0emulator")
        self._access.add(access)
        tokens: dict[str, Any] = {"access_token": access, "token_type": "Bearer"}
        if self.lifetime is not None:
            tokens["expires_in"] = self.lifetime
        return {**tokens, "scope": " ".join(sorted(SCOPES)) + " openid"}

    def _token(self, head: str) -> str:
        self._number += 1
        token = f"{head}-{self._number:04d}-{hashlib.sha256(str(self._number).encode()).hexdigest()[:20]}"
        self._given.add(token)
        return token

    def _code_assist(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        if "/v1internal/operations/" in seen.path:
            return self._operation(seen.path.partition("/v1internal/")[2])
        if seen.name == "loadCodeAssist":
            return self._load(seen.body)
        if seen.name == "onboardUser":
            return self._onboard(seen.body)
        if seen.name == "retrieveUserQuota":
            return 200, {}, _json({"buckets": self.account.buckets})
        if seen.name in ("listExperiments", "fetchAdminControls", "recordCodeAssistMetrics"):
            return 200, {}, b"{}"
        if seen.name == "countTokens":
            request = seen.body.get("request", {})
            if set(seen.body) != {"request"} or not str(request.get("model")).startswith("models/"):
                return _invalid("Request contains an invalid argument.")
            return 200, {}, _json({"totalTokens": 11})
        if seen.name in ("streamGenerateContent", "generateContent"):
            return self._generate(seen)
        return 404, {}, _json(error(404, "NOT_FOUND", "Requested entity was not found."))

    def _load(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if not isinstance(body.get("metadata"), dict) or body.get("cloudaicompanionProject") == "":
            return _invalid("Request contains an invalid argument.")
        account = self.account
        tree: dict[str, Any] = {}
        if account.tier:
            tree["currentTier"] = {"id": account.tier, "name": account.tier}
            if account.project:
                tree["cloudaicompanionProject"] = account.project
        if account.allowed:
            tree["allowedTiers"] = account.allowed
        if account.paid_tier:
            tree["paidTier"] = {"id": account.paid_tier}
        if account.ineligible:
            tree["ineligibleTiers"] = account.ineligible
        return 200, {}, _json(tree)

    def _onboard(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        project = body.get("cloudaicompanionProject")
        if body.get("tierId") == "free-tier" and "cloudaicompanionProject" in body:
            return 412, {}, _json(error(412, "FAILED_PRECONDITION", "Precondition Failed"))
        self.account.project = project or "managed-project-1"
        name = "operations/cmpf.1"
        self._operations[name] = self.account.polls
        return self._operation(name, poll=False)

    def _operation(self, name: str, *, poll: bool = True) -> tuple[int, dict[str, str], bytes]:
        if name not in self._operations:
            return 404, {}, _json(error(404, "NOT_FOUND", "Requested entity was not found."))
        if poll:
            self._operations[name] -= 1
        if self._operations[name] > 0:
            return 200, {}, _json({"name": name, "done": False})
        kind = "type.googleapis.com/google.internal.cloud.code.v1internal.OnboardUserResponse"
        response = {"@type": kind, "cloudaicompanionProject": {"id": self.account.project}}
        return 200, {}, _json({"name": name, "done": True, "response": response})

    def _generate(self, seen: Seen) -> tuple[int, dict[str, str], bytes]:
        body = seen.body
        unknown = set(body) - {
            "model",
            "project",
            "user_prompt_id",
            "request",
            "enabled_credit_types",
        }
        if unknown:
            return _invalid(
                f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot find field.'
            )
        if "project" in body and body["project"] is None:
            return 500, {}, _json(error(500, "INTERNAL", "Internal error encountered."))
        if body.get("project") == "":
            return _invalid("Invalid project resource name projects/")
        model = str(body.get("model"))
        if model.startswith("models/") or not isinstance(body.get("user_prompt_id"), str):
            return _invalid("Request contains an invalid argument.")
        request = dict(body.get("request") or {})
        request.pop("session_id", None)
        found = problems(_for_rules(request), model)
        if found:
            return _invalid(found[0])
        data = self.answer(body)
        if seen.name == "generateContent":
            return 200, {}, data
        if seen.query.get("alt") != "sse":
            return _invalid("Request contains an invalid argument.")
        return 200, {"Content-Type": "text/event-stream"}, data


def _for_rules(request: dict[str, Any]) -> dict[str, Any]:
    """The rules are those of the public API: there the instruction has no role."""
    instruction = request.get("systemInstruction")
    if isinstance(instruction, dict):
        request["systemInstruction"] = {k: v for k, v in instruction.items() if k != "role"}
    return request


def plain_answer(body: dict[str, Any]) -> bytes:
    return sse(
        envelope({"text": "Hello from "}),
        envelope({"text": body["model"]}, finish="STOP"),
    )


def envelope(*parts: dict[str, Any], finish: str = "", **more: Any) -> dict[str, Any]:
    """One object of an answer."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {"promptTokenCount": 4, "candidatesTokenCount": 3, "totalTokenCount": 7}
    response = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "emulated"}
    return {"response": {**response, **more}, "traceId": "trace-1"}


def sse(*trees: dict[str, Any], newline: str = "\n") -> bytes:
    """As Google sends it: no `[DONE]`, the end of the body ends it."""
    return "".join(f"data: {json.dumps(tree)}{newline}{newline}" for tree in trees).encode()


def _wrong_authorization(query: dict[str, str]) -> str:
    if query.get("client_id") != CLIENT_ID:
        return "invalid_client"
    if query.get("response_type") != "code" or not query.get("state"):
        return "invalid_request"
    redirect = urlsplit(query.get("redirect_uri", ""))
    if redirect.scheme != "http" or redirect.hostname != "127.0.0.1" or not redirect.port:
        return "redirect_uri_mismatch"
    if set(query.get("scope", "").split()) != SCOPES:
        return "invalid_scope"
    if (query.get("access_type"), query.get("prompt")) != ("offline", "consent"):
        return "no_refresh_token_would_come"
    if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
        return "invalid_request"
    return ""


def _invalid(message: str) -> tuple[int, dict[str, str], bytes]:
    return 400, {}, _json(error(400, "INVALID_ARGUMENT", message))


def _json(tree: Any) -> bytes:
    return json.dumps(tree).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed hangs up."""


def _handler(emulator: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        do_POST = do_GET  # noqa: N815 - the library's name

        def _answer(self) -> None:
            split = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, body = emulator.respond(
                Seen(
                    self.command,
                    split.path,
                    {name: values[-1] for name, values in parse_qs(split.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self._body(data),
                )
            )
            self.send_response_only(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self, data: bytes) -> Any:
            if not data:
                return None
            if "json" in self.headers.get("content-type", ""):
                return json.loads(data)
            return {name: values[-1] for name, values in parse_qs(data.decode()).items()}

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
