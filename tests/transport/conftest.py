from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from freellm_cli.transport.client import HttpTransport
from tests.support.certificates import Authority
from tests.support.http_client import Client, RealClock


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    made = []

    def make(env: dict[str, str] | None = None, **how: Any) -> Client:
        client = Client(HttpTransport(env=env or {}, **{"clock": RealClock(), **how}))
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def count_descriptors() -> Callable[[], int]:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc/self/fd here")
    return lambda: len(os.listdir("/proc/self/fd"))
