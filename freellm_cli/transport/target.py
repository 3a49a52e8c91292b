"""Where a request goes: an absolute http(s) URL taken apart and checked once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core.errors import ConfigError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986: what may stand in a path and query as it is. "%" is kept: the caller has escaped already.
_KEPT = "!#$%&'()*+,/:;=?@[]~-._"
_PLAIN_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_PLAIN_PATH = _PLAIN_HOST | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_/:@=&?")


class Target(NamedTuple):
    scheme: str
    """"http" or "https"."""
    host: str
    """ASCII, lower case, an IPv6 address without its brackets."""
    port: int
    authority: str
    """What the Host header says, and what messages call this host: the port only if it is unusual."""
    path: str
    """Path and query, beginning with a slash."""


@lru_cache(maxsize=256)
def parse_target(url: str) -> Target:
    """Raises ConfigError for a URL that names no http(s) host, or that holds a user name or password."""
    return _plain_target(url) or _any_target(url)


def _plain_target(url: str) -> Target | None:
    """The parts of a URL of which each letter means itself, as in nearly all; None for another. It spares a
    short command the import of urllib.parse, 2 ms."""
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    host, colon, digits = place.partition(":")
    usual = DEFAULT_PORTS.get(scheme, 0)
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None
    if not (usual and host and _PLAIN_HOST.issuperset(host) and _PLAIN_PATH.issuperset(path)):
        return None
    if host.startswith(".") or path.endswith("?") or (colon and not 0 < (port or 0) < 65_536):
        return None
    return Target(scheme, host, port or usual, _authority(host, port, usual), f"/{path}")


def _any_target(url: str) -> Target:
    from urllib.parse import quote

    if any(char <= " " or char == "\x7f" for char in url):
        raise _refused(url, "it holds a space or a control character")
    split = split_url(url)
    if split is None:
        raise _refused(url, "its host or port is malformed")
    parts, port = split
    if parts.scheme not in DEFAULT_PORTS:
        raise _refused(url, "it must begin with http:// or https://")
    if "@" in parts.netloc:
        raise _refused(url, "it holds a user name or password", "keys belong in `freellm keys add`")
    host = _ascii_host(parts.hostname)
    if not host or host.startswith("."):
        raise _refused(url, "it names no host")
    if port == 0:
        raise _refused(url, "its port is 0")
    path = quote(parts.path or "/", safe=_KEPT)
    if parts.query:
        path += "?" + quote(parts.query, safe=_KEPT)
    usual = DEFAULT_PORTS[parts.scheme]
    return Target(parts.scheme, host, port or usual, _authority(host, port, usual), path)


def split_url(url: str) -> tuple[SplitResult, int | None] | None:
    """The parts and the port; None if there is no sense in them. Never raises: the text may be secret."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` (without brackets) can only be this machine (RFC 6761 section 6.3 for names)."""
    if host in {"localhost", "::1", "0:0:0:0:0:0:0:1"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and host.replace(".", "").isdigit() and host.count(".") == 3


def _ascii_host(host: str | None) -> str:
    """The host as DNS knows it, "" when there is no such host."""
    if not host or host.isascii():
        return host or ""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _authority(host: str, port: int | None, usual: int) -> str:
    # A zone (fe80::1%eth0) means something on this machine alone: RFC 6874 section 1.
    name = f"[{host.partition('%')[0]}]" if ":" in host else host
    return name if port is None or port == usual else f"{name}:{port}"


def _refused(url: str, reason: str, hint: str = "") -> ConfigError:
    return ConfigError(
        f"The address {_shown(url)!r} cannot be called: {reason}.",
        hint=hint or "check base_url in config.toml: `freellm config check`",
    )


def _shown(url: str) -> str:
    """The part of a bad URL that cannot hold a credential."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("://")
    if not mark:
        return "…" if "@" in scheme else scheme[:80]
    host, slash, path = rest.partition("/")
    host = "…@" + host.rpartition("@")[2] if "@" in host else host
    return f"{scheme}{mark}{host}{slash}{'…' if '@' in path else path}"[:120]
