"""What to do after an attempt failed: a pure decision.

Another target is always preferred to the same one; the same target is asked again only for a transport
fault or a 5xx when nothing else is left, with a jittered back-off, or at once with the fields dropped that
the provider named as unknown.
"""

from typing import NamedTuple

from freellm_cli.core.verdicts import Verdict, fields_to_drop

SAME_TARGET_TRIES = 3
LIMITED_TRIES = 12
BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 8.0
FOREIGN_TRIES_FOR_REQUEST_FAULTS = 1

_LIMITED = frozenset({"rate_limited_minute", "quota_exhausted_day"})
_WORTH_REPEATING = frozenset({"server_error", "timeout", "overloaded", "html_error_page"})
_BY_SCOPE = {"key": "credential", "account": "account", "provider": "provider", "model": "target"}


class Next(NamedTuple):
    """`move`: "same" (ask the same target again now, without the fields in `drop`), "elsewhere" (leave
    out `exclude` for this request), "stop" (the caller must change the request).

    `exclude`: "target", "credential", "account", "model" (this model on any credential), "provider" or
    "smaller" (this model and all with no larger context). `repeatable`: the target may be asked again,
    after a back-off, when nothing else is left.
    """

    move: str
    exclude: str = ""
    drop: tuple[str, ...] = ()
    repeatable: bool = False


def after_verdict(
    verdict: Verdict, *, dropped: frozenset[str], request_faults: int, tries: int
) -> Next:
    """The next move.

    `dropped`: fields already left out for this target; `request_faults`: how many providers have called
    this request faulty before; `tries`: how often this target was asked for this request.
    """
    kind = verdict.kind
    if kind == "bad_request":
        return _after_bad_request(verdict, dropped, request_faults, tries)
    if kind == "context_too_long":
        return Next("elsewhere", "smaller")
    if kind == "content_filtered":
        return _one_other_provider(request_faults)
    if kind in _WORTH_REPEATING:
        exclude = "model" if verdict.shared or verdict.scope == "model" else "target"
        if kind == "html_error_page":
            exclude = "provider"
        return Next("elsewhere", exclude, repeatable=tries < SAME_TARGET_TRIES)
    exclude = "model" if verdict.shared and verdict.scope == "model" else ""
    exclude = exclude or _BY_SCOPE.get(verdict.scope, "target")
    # What is limited rests in the ledger, which knows until when and whether that is in time.
    return Next("elsewhere", exclude, repeatable=kind in _LIMITED and tries < LIMITED_TRIES)


def _after_bad_request(
    verdict: Verdict, dropped: frozenset[str], request_faults: int, tries: int
) -> Next:
    new = tuple(field for field in fields_to_drop(verdict) if field not in dropped)
    if new:
        return Next("same", drop=new)
    if verdict.scope == "provider":
        return Next("elsewhere", "provider")
    if verdict.code == "tool_use_failed" and tries < 2:
        return Next("same")
    return _one_other_provider(request_faults)


def _one_other_provider(request_faults: int) -> Next:
    if request_faults < FOREIGN_TRIES_FOR_REQUEST_FAULTS:
        return Next("elsewhere", "provider")
    return Next("stop")


def backoff_s(tries: int, jitter: float) -> float:
    """Seconds before a target is asked again; `jitter` is a random number in [0, 1)."""
    ceiling = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** max(0, tries - 1))
    return ceiling * (0.5 + 0.5 * jitter)
