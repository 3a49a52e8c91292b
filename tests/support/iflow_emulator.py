"""iFlow as its clients knew it: login, tokens, user info and chat, each as strict as it was.

    with IflowEmulator() as iflow:
        config(iflow.config())
        iflow.wrapped = True          # tokens inside {"success": true, "data": …}

It wants the client in Basic authentication and in the form, rotates refresh tokens, checks the signature
of every chat request, and answers business errors with HTTP 200.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.google_emulator import Seen, _handler, _Server

CLIENT_ID = "iflow-emulator-client"
CLIENT_SECRET = "iflow-emulator-client-secret-98765"
BUSY = {
    "success": False,
    "code": "500",
    "message": "当前找我聊的人太多了，可以晚点再来问我哦。",
    "exception": None,
    "data": None,
    "extra": None,
}
INVALID_KEY = {
    "status": "434",
    "msg": "Invalid apiKey，get your apiKey: https://iflow.cn/",
    "body": None,
}
BLOCKED = {
    "status": "434",
    "msg": "Access to the current AK has been blocked due to unauthorized requests",
    "body": None,
}
SKEW_S = 300.0
Reply = tuple[int, dict[str, str], bytes]


class IflowEmulator:
    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.seen: list[Seen] = []
        self.tally: Counter[str] = Counter()
        self.wrapped = False
        self.lifetime: int | None = 172_800
        self.identity: dict[str, Any] = {"email": "person@example.cn", "phone": ""}
        self.gives_key = True
        self.new_key_each_time = False
        self.consent = "auto"
        self.forge_state = False
        self.closed: Reply | None = None
        self.stream: bytes = plain_stream()
        self._codes: dict[str, str] = {}
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self.keys: set[str] = set()
        self._refusals: dict[str, list[tuple[int, Any, dict[str, str]]]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> IflowEmulator:
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

    def config(self, port: int = 0) -> str:
        lines = [
            "[providers.iflow]",
            f'base_url = "{self.url}/v1"',
            f'auth_url = "{self.url}/oauth"',
            f'token_url = "{self.url}/oauth/token"',
            f'userinfo_url = "{self.url}/api/oauth/getUserInfo"',
            f'client_id = "{CLIENT_ID}"',
            f'client_secret = "{CLIENT_SECRET}"',
        ]
        return "\n".join([*lines, f"redirect_port = {port}"]) + "\n"

    def grant(self, refresh: str, access: str = "", key: str = "") -> None:
        self._refresh.add(refresh)
        self._access |= {access} - {""}
        self.keys |= {key} - {""}

    def refuse_next(
        self, path: str, status: int, body: Any, *, times: int = 1, **headers: str
    ) -> None:
        heads = {key.replace("_", "-"): value for key, value in headers.items()}
        self._refusals.setdefault(path, []).extend([(status, body, heads)] * times)

    def asked(self, path: str) -> list[Seen]:
        return [item for item in self.seen if item.path == path]

    def respond(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            self.tally[seen.path] += 1
            if self.closed is not None:
                return self.closed
            refusals = self._refusals.get(seen.path)
            if refusals:
                status, body, headers = refusals.pop(0)
                return status, headers, body if isinstance(body, bytes) else _json(body)
            return self._route(seen)

    def _route(self, seen: Seen) -> Reply:
        if seen.path == "/oauth":
            return self._authorize(seen.query)
        if seen.path == "/oauth/token":
            return self._token_endpoint(seen)
        if seen.path == "/api/oauth/getUserInfo":
            return self._user_info(seen)
        if seen.path == "/v1/chat/completions":
            return self._chat(seen)
        spring = {"timestamp": "2026-01-01T00:00:00Z", "status": 404, "error": "Not Found"}
        return 404, {}, _json({**spring, "path": seen.path})

    def _authorize(self, query: dict[str, str]) -> Reply:
        wanted = {"loginMethod", "type", "redirect", "state", "client_id"}
        callback = urlsplit(query.get("redirect", ""))
        if set(query) != wanted or callback.hostname != "localhost":
            return 400, {"Content-Type": "text/html"}, b"<html>bad request</html>"
        state = "another" if self.forge_state else query["state"]
        if self.consent == "deny":
            return (
                302,
                {
                    "Location": f"{query['redirect']}?{urlencode({'error': 'access_denied', 'state': state})}"
                },
                b"",
            )
        code = self._make("code")
        self._codes[code] = query["redirect"]
        return (
            302,
            {"Location": f"{query['redirect']}?{urlencode({'code': code, 'state': state})}"},
            b"",
        )

    def _token_endpoint(self, seen: Seen) -> Reply:
        form = seen.body
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        in_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if seen.headers.get("authorization") != f"Basic {basic}" or not in_form:
            why = {"error": "invalid_client", "error_description": "Bad client credentials"}
            return 401, {}, _json(why)
        if form.get("grant_type") == "authorization_code":
            if self._codes.pop(form.get("code", ""), None) != form.get("redirect_uri"):
                return self._invalid_grant("Invalid authorization code")
        elif form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self._refresh:
                return self._invalid_grant("Invalid refresh token")
            self._refresh.discard(form["refresh_token"])
            self.tally["refreshed"] += 1
        else:
            return 400, {}, _json({"error": "unsupported_grant_type"})
        return 200, {}, _json(self._tokens())

    def _invalid_grant(self, why: str) -> Reply:
        return 400, {}, _json({"error": "invalid_grant", "error_description": why})

    def _tokens(self) -> dict[str, Any]:
        access, refresh = self._make("access"), self._make("refresh")
        self._access.add(access)
        self._refresh.add(refresh)
        tokens: dict[str, Any] = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "bearer",
        }
        if self.lifetime is not None:
            tokens["expires_in"] = self.lifetime
        if not self.wrapped:
            return tokens
        frame = {"success": True, "code": "200", "message": None, "exception": None, "extra": None}
        return {**frame, "data": tokens}

    def _user_info(self, seen: Seen) -> Reply:
        if seen.query.get("accessToken") not in self._access or "authorization" in seen.headers:
            return 200, {}, _json({**BUSY, "message": "invalid token"})
        if self.new_key_each_time or not self.keys:
            self.keys = {self._make("sk-iflow")}
        key = min(self.keys) if self.gives_key else ""
        return 200, {}, _json({"success": True, "data": {"apiKey": key, **self.identity}})

    def _chat(self, seen: Seen) -> Reply:
        key = seen.headers.get("authorization", "").removeprefix("Bearer ")
        if not self._is_signed(seen, key):
            return 406, {}, b""
        if key not in self.keys:
            return 200, {}, _json(INVALID_KEY)
        if "stream_options" in seen.body:
            return 406, {}, b""
        text = json.dumps(seen.body)
        if '"strict"' in text or '"additionalProperties"' in text:
            return 400, {}, _json({"error": {"message": "Bad request!: {routify_response}"}})
        return 200, {"Content-Type": "text/event-stream"}, self.stream

    def _is_signed(self, seen: Seen, key: str) -> bool:
        session, stamp = (
            seen.headers.get("session-id", ""),
            seen.headers.get("x-iflow-timestamp", ""),
        )
        agent = seen.headers.get("user-agent", "")
        if not session.startswith("session-") or not stamp.isdecimal():
            return False
        if abs(int(stamp) / 1000 - self.now()) > SKEW_S:
            return False
        wanted = hmac.new(key.encode(), f"{agent}:{session}:{stamp}".encode(), hashlib.sha256)
        return hmac.compare_digest(wanted.hexdigest(), seen.headers.get("x-iflow-signature", ""))

    def _make(self, head: str) -> str:
        self._number += 1
        digest = hashlib.sha256(f"{head}{self._number}".encode()).hexdigest()
        return f"{head}-{digest[:32]}"


def plain_stream() -> bytes:
    """`data:` without a space, reasoning first, usage beside the last choice, no `[DONE]`."""

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        tree = {
            "id": "c1",
            "object": "chat.completion.chunk",
            "model": "glm-4.6",
            "choices": [choice],
        }
        return b"data:" + _json({**tree, **more}) + b"\n\n"

    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return (
        chunk({"role": "assistant", "content": "", "reasoning_content": "Hm."})
        + chunk({"content": "Hello "})
        + chunk({"content": "there"}, "stop", usage=usage)
    )


def _json(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode()
