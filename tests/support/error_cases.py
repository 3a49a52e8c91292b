"""Answers that refuse: the recorded ones, and builders for more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from freellm_cli.core.verdicts import Verdict, classify

FIXTURES = Path(__file__).parent.parent / "fixtures"
# As the providers' own answers were recorded, and as people posted further ones.
RECORDED = sorted((FIXTURES / "errors").glob("*.json"))
POSTED = sorted((FIXTURES / "errors_more").glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return case


def wire(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def judge(
    provider: str, status: int, body: object, headers: dict[str, str] | None = None
) -> Verdict:
    return classify(provider=provider, status=status, headers=headers or {}, body=wire(body))


def judge_case(case: dict[str, Any], body: bytes | None = None) -> Verdict:
    return classify(
        provider=case["provider"],
        status=case["status"],
        headers=case["headers"],
        body=wire(case["body"]) if body is None else body,
    )


def say(message: str, **more: object) -> dict[str, object]:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, **more}}


def google(code: int, message: str, status: str, *details: dict[str, object]) -> dict[str, object]:
    """An error in Google's shape."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def info(reason: str, domain: str = "cloudcode-pa.googleapis.com", **meta: str) -> dict[str, Any]:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": domain, "metadata": meta}


def retry(delay: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
