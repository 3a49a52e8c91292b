"""HTTP messages as values. Nothing here opens a socket; headers never print a credential."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from freellm_cli.core.secret import Secret

# Words for how a call can fail without an HTTP answer (core.errors.TransportFault.fault).
FAULTS = (
    "dns",
    "connect",
    "connect_timeout",
    "tls",
    "reset",
    "cut",
    "empty",
    "bad_http",
    "redirect",
    "first_token_timeout",
    "idle_timeout",
    "total_timeout",
)


class Headers(Mapping[str, str]):
    """Response headers: names in any case, the last of a repeated header wins, order kept."""

    __slots__ = ("_by_name",)

    def __init__(self, pairs: list[tuple[str, str]] | Mapping[str, str] = ()) -> None:  # type: ignore[assignment]
        items = pairs if isinstance(pairs, list) else dict(pairs).items()
        self._by_name = {name.lower(): value for name, value in items}

    def __getitem__(self, name: str) -> str:
        return self._by_name[name.lower()]

    def text(self, name: str) -> str:
        """The value of a header that is named in lower case, "" when there is none."""
        return self._by_name.get(name, "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Headers({sorted(self._by_name)})"


class HttpRequest(NamedTuple):
    """One request to a provider.

    `url` is absolute and never holds a credential. `headers` are plain; `auth` are the headers whose
    value is secret, joined only when the bytes are written. `body` is None for GET.
    """

    method: str
    url: str
    headers: dict[str, str]
    auth: tuple[tuple[str, str, Secret], ...] = ()
    """(header name, prefix such as "Bearer ", secret)"""
    body: bytes | None = None

    def __repr__(self) -> str:
        size = len(self.body) if self.body else 0
        return f"HttpRequest({self.method} {self.url}, {size} bytes)"


class Timeouts(NamedTuple):
    """Seconds. `first_token`: until the first byte of the answer's body; `idle`: between two reads."""

    connect: float = 10.0
    first_token: float = 30.0
    idle: float = 60.0
    total: float = 600.0
