"""What the server is told at its start."""

from __future__ import annotations

from typing import NamedTuple

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.secret import Secret
from freellm_cli.core.settings import Settings
from freellm_cli.server.guard import is_loopback


class Options(NamedTuple):
    """`token`: what clients must send; None lets everybody in, on loopback."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: Secret | None = None
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    max_body: int = 33_554_432
    max_header: int = 65_536
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    threads: int = 256
    queue: int = 512
    drain: float = 30.0
    sign_of_life: float = 10.0
    """Seconds of silence after which a stream is given a frame that says nothing."""


def options_from(settings: Settings) -> Options:
    """Raises ConfigError for an open door without a key."""
    serve = settings.serve
    given = {name: getattr(serve, name) for name in Options._fields if hasattr(serve, name)}
    return checked(Options(**given))


def checked(options: Options) -> Options:
    if not options.host.strip():
        raise ConfigError(
            "serve.host is empty, and it must be said who may reach the server",
            hint="127.0.0.1 is this machine alone; 0.0.0.0 is everybody, and wants a key for clients",
        )
    if options.token is None and not is_loopback(options.host):
        raise ConfigError(
            f"listening on {options.host} would let everybody in the network use your keys",
            hint="set a key for clients: `freellm serve --token …` or serve.token",
        )
    return options
