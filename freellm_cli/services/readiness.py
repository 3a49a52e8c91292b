"""Whether a request could be sent now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.core.needs import Needs
from freellm_cli.services.pool import Pool

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

_A_QUESTION = Needs(prompt_tokens=200, answer_tokens=200, capabilities=frozenset({"chat"}))


def readiness(runtime: Runtime) -> tuple[bool, str]:
    """(whether some target of the default model is free, else why none is). Raises as `Pool.plan`."""
    plan = Pool(runtime).plan("", _A_QUESTION)
    if not plan.targets:
        return False, "; ".join(item.reason for item in plan.excluded[:3]) or "no target"
    views = runtime.ledger.explain([item.candidate for item in plan.targets], tokens=400)
    if any(view.is_free for view in views):
        return True, ""
    reasons = [reason.text for view in views for reason in view.reasons]
    return False, "; ".join(dict.fromkeys(reasons[:3])) or "every target is limited"
