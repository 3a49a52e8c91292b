"""Which proxy a request goes through, as HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say.

The names, their lower-case twins (which win) and the shape of NO_PROXY are those of curl
(https://everything.curl.dev/usingcurl/proxies/env.html). This machine is never asked for through a proxy.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.secret import Secret
from freellm_cli.transport.target import Target, is_loopback, split_url


class Proxy(NamedTuple):
    host: str
    port: int
    source: str
    """The variable that names it."""
    login: Secret | None
    """The value of Proxy-Authorization."""

    @property
    def label(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the proxy itself must be told; shows the login."""
        return (("Proxy-Authorization", self.login.reveal()),) if self.login else ()


class Proxies:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._chosen: dict[tuple[str, str, int], Proxy | None] = {}

    def choose(self, target: Target) -> Proxy | None:
        """Raises ConfigError if a proxy is named that we cannot speak to."""
        place = (target.scheme, target.host, target.port)
        if place not in self._chosen:
            self._chosen[place] = self._find(target)
        return self._chosen[place]

    def _find(self, target: Target) -> Proxy | None:
        if is_loopback(target.host):
            return None
        for name in (f"{target.scheme}_proxy", "all_proxy"):
            for spelled in (name, name.upper()):
                address = self._env.get(spelled, "").strip()
                if address:
                    return None if self._is_exempt(target) else _parse(spelled, address)
        return None

    def _is_exempt(self, target: Target) -> bool:
        listed = self._env.get("no_proxy") or self._env.get("NO_PROXY") or ""
        entries = listed.lower().replace(",", " ").split()
        return any(entry == "*" or _covers(entry, target) for entry in entries)


def _covers(entry: str, target: Target) -> bool:
    if "/" in entry:
        return _in_network(entry, target.host)
    host, port = _split_port(entry)
    if port and port != str(target.port):
        return False
    host = host.removeprefix("*").lstrip(".")
    return bool(host) and (target.host == host or target.host.endswith("." + host))


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""


def _in_network(entry: str, host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _parse(source: str, address: str) -> Proxy:
    """The address may hold a login, so no message quotes it."""
    split = split_url(address if "://" in address else f"http://{address}")
    parts, port = split or (None, None)
    if parts is None or not parts.hostname:
        raise ConfigError(
            f"{source} is no proxy address.", hint=f"set {source}=http://host:port, or unset it"
        )
    if parts.scheme != "http":
        raise ConfigError(
            f"{source} names a {parts.scheme}:// proxy; freellm speaks to http:// proxies only.",
            hint=f"set {source} to the http:// address of the proxy, or unset it",
        )
    return Proxy(parts.hostname, port or 80, source, _login(parts.username, parts.password))


def _login(user: str | None, password: str | None) -> Secret | None:
    if user is None:
        return None
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password or "")
    return Secret("Basic " + b64encode(pair).decode("ascii"))
