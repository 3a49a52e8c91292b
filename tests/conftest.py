"""What every test gets without asking: no network but loopback, and a clean environment."""

from __future__ import annotations

import itertools
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.household import home, leave_all_households, sim

__all__ = ["home", "sim"]

# How long an example takes says more of the machine than of the code; benchmarks/ measures that.
# On CI the same examples come again, so that a failure there is the change's.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("house")

# Variables of the machine that would change what freellm does.
LEAKING_PREFIXES = ("FREELLM_", "XDG_", "SSL_CERT_", "CLICOLOR", "GOOGLE_")
LEAKING_SUFFIXES = ("_PROXY", "_API_BASE", "_BASE_URL", "_API_TOKEN")
LEAKING_NAMES = {
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LINES",
    "VISUAL",
    "EDITOR",
}


def _is_loopback(host: object) -> bool:
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    return name in {"localhost", "", "::1", "0.0.0.0", "::"} or name.startswith("127.")


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook (PEP 578), so that C code, subclasses and every connect variant are covered."""
    if event not in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
        return
    if event == "socket.getaddrinfo":
        host: object = arguments[0]
    else:
        sock, address = arguments[:2]
        assert isinstance(sock, socket.socket)
        if sock.family not in {socket.AF_INET, socket.AF_INET6} or not isinstance(address, tuple):
            return
        host = address[0]
    if not _is_loopback(host):
        pytest.fail(f"a test reached for the network: {event} {host!r}", pytrace=True)


@pytest.fixture(scope="session", autouse=True)
def _only_loopback() -> None:
    """No test may reach beyond this machine. Hooks cannot be taken out again, so there is one."""
    if not getattr(sys, "_freellm_network_guard", False):
        sys.addaudithook(_refuse_the_network)
        sys._freellm_network_guard = True  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """A worker runs thousands of tests in one process, and some calls take no descriptor above 1023."""
    yield
    leave_all_households()


@pytest.fixture(scope="session")
def _next_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    root = tmp_path_factory.mktemp("homes")
    counter = itertools.count()

    def make() -> Path:
        home = root / str(next(counter))
        home.mkdir()
        return home

    return make


def _leaks(name: str) -> bool:
    upper = name.upper()
    return (
        upper in LEAKING_NAMES
        or "_API_KEY" in upper
        or upper.startswith(LEAKING_PREFIXES)
        or upper.endswith(LEAKING_SUFFIXES)
    )


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, _next_home: Callable[[], Path]
) -> dict[str, str]:
    """A person who has just installed freellm: no keys, no settings, no proxies, an empty home.

    Returns the variables that were set.
    """
    for name in [name for name in os.environ if _leaks(name)]:
        monkeypatch.delenv(name)
    home = str(_next_home())
    given = {
        "HOME": home,
        "USERPROFILE": home,
        "APPDATA": os.path.join(home, "AppData", "Roaming"),
        "LOCALAPPDATA": os.path.join(home, "AppData", "Local"),
        "FREELLM_CONFIG_DIR": os.path.join(home, "config"),
        "FREELLM_STATE_DIR": os.path.join(home, "state"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given
