"""The signed headers that iFlow's API asked for.

Scheme: HMAC-SHA256 with the API key over `<User-Agent>:<session id>:<epoch milliseconds>`, in
lower-case hex; the body is not signed (router-for-me/CLIProxyAPI
internal/runtime/executor/iflow_executor.go and Mirrowel/LLM-API-Key-Proxy
src/rotator_library/providers/_retired/iflow_provider.py). The service closed on 2026-04-17; this
speaks to hosts that keep its protocol. The User-Agent that is signed is our own.
"""

from __future__ import annotations

from freellm_cli.core.secret import Secret


def signature(key: str, user_agent: str, session_id: str, timestamp_ms: int) -> str:
    """Lower-case hex of the HMAC-SHA256 that goes into `x-iflow-signature`."""
    import hashlib
    import hmac

    message = f"{user_agent}:{session_id}:{timestamp_ms}"
    return hmac.new(key.encode("utf-8"), message.encode("utf-8"), hashlib.sha256).hexdigest()


def signed_headers(
    secret: Secret | None, *, user_agent: str, session_id: str, timestamp_ms: int
) -> dict[str, str]:
    """The headers beside `Authorization`. Without a key there is nothing to sign with, and no
    signature.

    `session_id`: with or without its prefix `session-`. The key is revealed here and does not
    leave.
    """
    session = session_id if session_id.startswith("session-") else f"session-{session_id}"
    headers = {"session-id": session, "x-iflow-timestamp": str(timestamp_ms)}
    if secret:
        headers["x-iflow-signature"] = signature(secret.reveal(), user_agent, session, timestamp_ms)
    return headers
