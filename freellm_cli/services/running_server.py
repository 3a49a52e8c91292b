"""Whether a port that is taken is taken by a freellm that serves already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import HttpRequest, Timeouts

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_PATIENCE = Timeouts(connect=2, first_token=2, idle=2, total=4)


def is_freellm(runtime: Runtime, url: str) -> bool:
    """Asks `url`, the address of a server without a path, how it is."""
    try:
        answer = runtime.transport.send(
            HttpRequest("GET", f"{url}/healthz", {}, (), None), _PATIENCE
        )
        try:
            told = json.loads(answer.read(4096)) if answer.status == 200 else None
        finally:
            answer.close()
    except (TransportFault, ValueError):
        return False
    return isinstance(told, dict) and told.get("status") == "ok" and "version" in told
