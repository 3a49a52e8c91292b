"""Who may ask: the Host rule, the Origin rule, the token; and what browsers are told of it.

A web page can make a browser send requests to this machine. Its name in `Host` gives away DNS rebinding, its
`Origin` a foreign page; either is refused whatever else the request holds, because merely answering would
spend the owner's quota.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

from freellm_cli.core.faces.errors import HttpRefusal
from freellm_cli.core.secret import Secret

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
_METHODS = "GET, POST, OPTIONS, HEAD"
_EXPOSED = (
    "x-request-id, retry-after, x-should-retry, x-freellm-model, x-freellm-credential,"
    " x-freellm-attempts"
)
_MAX_AGE_S = "86400"


class Guard:
    """`host`: the address that is listened on. `origins`: web pages that may ask, "*" for all."""

    def __init__(
        self,
        *,
        host: str,
        token: Secret | None,
        origins: Collection[str],
        hosts: Collection[str],
    ) -> None:
        self._token = hashlib.sha256(token.reveal().encode()).digest() if token else None
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        named = {name.lower().rstrip(".") for name in hosts}
        self._hosts = _LOOPBACK_NAMES | named | {host.lower()}
        self._any_address = not is_loopback(host)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raises HttpRefusal (403)."""
        given = headers.get("host")
        if given is None:  # HTTP/1.0: no browser speaks it
            return
        name = host_name(given)
        if name in self._hosts or (self._any_address and _is_nobodys(name)):
            return
        raise HttpRefusal(
            "this server does not go by the name that the request's Host header gives",
            status=403,
            code="unknown_host",
            hint="add the name to serve.allowed_hosts if it is yours",
        )

    def check_origin(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """The headers that let the page read the answer. Raises HttpRefusal (403) for a foreign page."""
        origin = headers.get("origin")
        if origin is None:
            return []
        if "*" not in self._origins and origin.lower() not in self._origins:
            raise HttpRefusal(
                "web pages may not use this server unless it knows their address",
                status=403,
                code="foreign_origin",
                hint="freellm config set serve.cors_origins '[\"https://the.page\"]'",
            )
        return [
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", _EXPOSED),
            ("vary", "Origin"),
        ]

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What else an allowed page is told before its request (https://fetch.spec.whatwg.org)."""
        fields = {"access-control-allow-methods": _METHODS, "access-control-max-age": _MAX_AGE_S}
        wanted = headers.get("access-control-request-headers")
        if wanted:
            fields["access-control-allow-headers"] = wanted
        if headers.get("access-control-request-private-network", "").lower() == "true":
            fields["access-control-allow-private-network"] = "true"
        return fields

    def check_token(self, headers: Mapping[str, str], query: str = "") -> None:
        """Raises HttpRefusal (401). Without a token set, anything and nothing is right."""
        if self.may_ask(headers):
            return
        told = "this server wants its own key, and the request holds another or none"
        hint = "give the client the value of serve.token as its API key"
        if any(field.startswith("key=") for field in query.split("&")):
            told = "a key in the address is not read: addresses end up in logs and histories"
            hint = "send it in the header x-goog-api-key, or as Authorization: Bearer"
        raise HttpRefusal(told, status=401, code="invalid_api_key", hint=hint)

    def may_ask(self, headers: Mapping[str, str]) -> bool:
        """Whether `check_token` lets this request pass."""
        if self._token is None:
            return True
        for given in _keys_in(headers):
            digest = hashlib.sha256(given.encode("utf-8", "replace")).digest()
            if hmac.compare_digest(digest, self._token):
                return True
        return False


def _keys_in(headers: Mapping[str, str]) -> list[str]:
    found = [headers[name] for name in _KEY_HEADERS if name in headers]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    return found


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def is_loopback(host: str) -> bool:
    """A name that only begins like an address may lead anywhere."""
    is_number = host.replace(".", "").isdigit()
    return host.lower() in _LOOPBACK_NAMES or (host.startswith("127.") and is_number)


def _is_nobodys(name: str) -> bool:
    """Addresses in figures and names that nobody can register in the public DNS cannot have been rebound
    (RFC 6761, RFC 6762, RFC 8375; Docker's `host.docker.internal`)."""
    if name.startswith("[") or name.endswith((".internal", ".local", ".home.arpa")):
        return True
    parts = name.split(".")
    if len(parts) == 1:
        return bool(name)
    return len(parts) == 4 and all(part.isdigit() and len(part) < 4 for part in parts)
