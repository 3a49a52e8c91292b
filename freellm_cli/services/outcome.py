"""What an attempt's end means for the ledger, and for the caller when all targets have failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from freellm_cli.core import errors
from freellm_cli.core.chat import Usage
from freellm_cli.core.http import Headers
from freellm_cli.core.needs import NO_CHAT
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.attempt import Opened
from freellm_cli.services.learning import LIMITED as _LIMITED
from freellm_cli.services.learning import Lesson, doubted_rate, lessons, rest, unknown_rate
from freellm_cli.services.pool import NOT_FREE, Excluded, Plan, PoolTarget
from freellm_cli.services.spell import spell_seconds
from freellm_cli.storage.ledger_endings import Ending
from freellm_cli.storage.ledger_values import Lease, Refused

if TYPE_CHECKING:
    from freellm_cli.core.routing import Route
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_reports import Trace

_TOLD = 40
_UNREACHED = ("fault-dns", "fault-connect", "fault-connect_timeout", "fault-tls")
_HINT_UNREACHED = (
    "`freellm doctor --online` tests the network and every provider; see `freellm why`"
)
CREDENTIAL = ("auth_invalid", "auth_forbidden", "key_suspended", "payment_required")


def consequences(
    runtime: Runtime,
    target: PoolTarget,
    verdict: Verdict | None,
    headers: Headers,
    *,
    request_id: str,
    opened: float = 0.0,
    answered_at: float | None = None,
) -> None:
    """Writes what was learned: limits named by headers and body, rates found by trying, whose pot it is,
    rests named by the verdict. Call it after the lease is settled.

    `opened`: steady time of the lease, 0 when not known; `answered_at`: wall time of the answer's head.
    """
    ledger = runtime.ledger
    told = lessons(target, headers, verdict)
    if verdict is None or verdict.kind == "ok":
        _learn_from_answer(runtime, told, _rates_tried(runtime, target), opened, answered_at)
        return
    _learn_limits(runtime, told, answered_at)
    meter = unknown_rate(target)
    runtime.on_refusal(target, verdict)
    pace = None
    if meter and verdict.kind == "rate_limited_minute" and not verdict.shared:
        pace = ledger.pace_refused(meter, opened)
        if pace is not None and pace.sure and verdict.window is None:
            verdict = verdict._replace(window="second")
    if verdict.account:
        from freellm_cli.services.suspicion import note_named_account

        note_named_account(runtime, target, verdict)
    trial = True if pace is not None and pace.is_guess else None
    rest(runtime, target, verdict, request_id=request_id, trial=trial)
    doubted = "" if meter else doubted_rate(target, verdict)
    candidate = target.candidate
    if doubted and ledger.refused_again_and_again(
        candidate.credential, candidate.model_id, verdict.kind
    ):
        ledger.pace_refused(doubted, opened)


def _rates_tried(runtime: Runtime, target: PoolTarget) -> list[str]:
    """The meters of this target whose rate nobody tells, or whose known rate turned out to be too high."""
    meter = unknown_rate(target)
    if meter:
        return [meter]
    paced = runtime.ledger.lessons().paced
    return [each.meter for each in target.candidate.limits if each.meter in paced] if paced else []


def _learn_from_answer(
    runtime: Runtime,
    told: list[Lesson],
    tried: list[str],
    opened: float,
    answered_at: float | None,
) -> None:
    _learn_limits(runtime, told, answered_at)
    for meter in tried:
        runtime.ledger.pace_answered(meter, opened)


def _learn_limits(runtime: Runtime, told: list[Lesson], answered_at: float | None) -> None:
    for lesson in told:
        at = None if answered_at is None else answered_at - lesson.ago_s
        runtime.ledger.learn(lesson.limit, evidence=lesson.evidence, used=lesson.used, at=at)


class Given(NamedTuple):
    """An answer that has ended. `outcome`: "ok", "cut" or "abandoned". `first_token_s`: from sending to the
    first content, None when the answer was awaited whole."""

    lease: Lease
    target: PoolTarget
    opened: Opened
    usage: Usage
    outcome: str
    first_token_s: float | None = None


def settle_answer(runtime: Runtime, given: Given, trace: Trace) -> None:
    """Writes what an answer has used and taught, and its story; perhaps a little later."""
    ledger = runtime.ledger
    lease, target, opened, usage, outcome, first_token_s = given
    counting = str(target.target.quirks.get("tokens_counted", "total"))
    tokens = usage.prompt if counting == "input" else usage.total

    def learn() -> None:
        _learn_from_answer(runtime, told, tried, lease.opened, opened.answered_at)
        if first_token_s is not None:
            ledger.note_answer(lease.candidate, first_token_s=first_token_s)

    told = lessons(target, opened.headers, None)
    tried = _rates_tried(runtime, target) if ledger.finds_rates else []
    has_taught = told or tried or first_token_s is not None
    ledger.after_answer(
        Ending(
            lease,
            tokens,
            opened.answered_at,
            outcome,
            trace=trace,
            lesson=learn if has_taught else None,
        )
    )


def notices(route: Route, target: PoolTarget) -> tuple[str, ...]:
    """What the caller must be told beside an answer of `target`."""
    if route.rerouted_from and target.model.id != route.rerouted_from:
        return (*route.unknown, f"{route.ended}; {target.model.id} answers instead")
    return route.unknown


def other_address(runtime: Runtime, target: PoolTarget, verdict: Verdict) -> str:
    """What a typed base_url may have meant when it turns out to have no such path; "" for nothing."""
    typed = runtime.settings.provider(target.provider.id).base_url
    if verdict.status != 404 or verdict.kind != "bad_request" or not typed:
        return ""
    from freellm_cli.providers.custom import other_base_url

    return other_base_url(target.target.base_url) or ""


def outcome_of(error: BaseException) -> str:
    """What a request's story calls an end without an answer: the error's name in docs/errors.md."""
    if isinstance(error, errors.FreellmError):
        return error.slug
    return "interrupted" if isinstance(error, KeyboardInterrupt) else errors.FreellmError.slug


def falls_with(other: PoolTarget, target: PoolTarget, scope: str) -> bool:
    """Whether `other` falls with `target` when the whole `scope` is left out."""
    if scope == "credential":
        return other.credential.id == target.credential.id
    if scope == "account":
        return other.candidate.account == target.candidate.account
    if scope == "model":
        return other.model.id == target.model.id
    if scope == "provider":
        return other.provider.id == target.provider.id
    if scope == "smaller":
        return (other.model.context or 0) <= (target.model.context or 0)
    return other.candidate.key == target.candidate.key


def final_error(
    plan: Plan,
    verdicts: list[tuple[PoolTarget, Verdict]],
    excluded: list[Excluded],
    *,
    refused: Refused | None = None,
) -> errors.FreellmError:
    """The one error a caller gets: the most useful of all that went wrong."""
    asked = plan.route.asked or "the default model"
    if not plan.targets and not verdicts:
        return _nothing_fits(asked, excluded)
    kinds = [_told_kind(verdict) for _, verdict in verdicts]
    told = _story(verdicts)
    for word in ("context_too_long", "content_filtered", "bad_request"):
        if word in kinds and not (set(kinds) & set(_LIMITED)) and refused is None:
            return _request_error(word, told)
    if refused is not None and not kinds and _all_rest_as_unknown(refused):
        return _not_served(asked, refused.reasons[0].text)
    if refused is not None and (not kinds or set(kinds) & set(_LIMITED)):
        return _limited(asked, refused, told)
    if kinds and set(kinds) <= set(CREDENTIAL):
        return refused_by_all(asked, verdicts)
    if kinds and set(kinds) <= set(_LIMITED):
        return errors.AllLimited(
            f"every target of {asked} is limited: {told}", hint="see `freellm limits`"
        )
    unreached = bool(kinds) and all(verdict.reason in _UNREACHED for _, verdict in verdicts)
    return _upstream_error(asked, kinds, told, unreached=unreached)


def refused_by_all(
    asked: str, verdicts: list[tuple[PoolTarget, Verdict]]
) -> errors.CredentialRefused:
    return errors.CredentialRefused(
        f"no credential could ask {asked}: {_story(verdicts)}", hint="see `freellm keys check`"
    )


def _told_kind(verdict: Verdict) -> str:
    """The kind, but a wrong address or a redirect is the host's trouble and no fault of the request."""
    wrong_place = verdict.kind == "bad_request" and verdict.scope == "provider"
    return "server_error" if wrong_place else verdict.kind


def _nothing_fits(asked: str, excluded: list[Excluded]) -> errors.FreellmError:
    reasons = _grouped((item.target, item.reason) for item in excluded)
    if any("context is" in item.reason for item in excluded):
        return errors.ContextTooLong(
            f"the prompt is too long for every model of {asked} ({reasons})",
            hint="see `freellm models --min-context 200000`",
        )
    if any(item.reason == NO_CHAT for item in excluded):
        return errors.WrongModel(
            f"{asked} does not chat",
            hint="`auto` is the best model that does; see `freellm models`",
        )
    if any("takes no" in item.reason for item in excluded):
        return errors.RequestRefused(
            f"no model of {asked} can take this request ({reasons})",
            hint="see `freellm models --vision` or `--tools`",
        )
    shut = next((item.target for item in excluded if item.reason == NOT_FREE), "")
    if shut:
        provider = shut.split("/")[1]
        return errors.NoCredential(
            f"{asked} has no free tier ({reasons})",
            hint="another model: `freellm models --recommended`; if your key is a paid one: "
            f"`freellm config set providers.{provider}.catalog_limits false`",
        )
    return errors.NoCredential(
        f"nothing can ask {asked} now ({reasons})", hint="see `freellm keys list`"
    )


def _request_error(kind: str, told: str) -> errors.FreellmError:
    if kind == "context_too_long":
        return errors.ContextTooLong(
            f"the prompt is too long: {told}",
            hint="shorten it, or see `freellm models --min-context`",
        )
    if kind == "content_filtered":
        return errors.ContentFiltered(f"the provider filtered this request: {told}")
    return errors.RequestRefused(f"the provider refused the request: {told}")


def _all_rest_as_unknown(refused: Refused) -> bool:
    """Nothing is limited here: waiting for the end of such a rest would not help."""
    unknown = {item.target for item in refused.reasons if "rests: model not found" in item.text}
    return bool(unknown) and unknown == {item.target for item in refused.reasons}


def _not_served(asked: str, told: str) -> errors.NotServed:
    return errors.NotServed(
        f"no provider serves {asked}: {told}", hint="see `freellm models --refresh`"
    )


def _limited(asked: str, refused: Refused, told: str) -> errors.FreellmError:
    from freellm_cli.services.wait_words import first_to_be_free

    if not told and (reasons := _why_it_never_fits(refused)):
        return errors.ContextTooLong(
            f"the request is too long for the limits of {asked}: {reasons}",
            hint="shorten it, or ask for a shorter answer (--max-tokens); "
            "`freellm models --recommended` has models with wider limits",
            client_hint="shorten it, or ask for a shorter answer (max_tokens)",
        )
    reason = first_to_be_free(refused.reasons)
    fault = "" if told or reason is None else reason.fault
    message = f"every target of {asked} {'rests after a failure' if fault else 'is limited'}"
    if refused.wait_s is not None:
        message += f"; the first is free in {spell_seconds(refused.wait_s)}"
    if told or fault:
        message += f" ({told or fault.rstrip('.')})"
    hint = "`freellm limits` shows the windows; another key or an alias with a fallback helps"
    return errors.AllLimited(
        message,
        hint=_HINT_UNREACHED if fault else hint,
        retry_after_s=refused.wait_s,
        daily=refused.daily,
    )


def _why_it_never_fits(refused: Refused) -> str:
    """Waiting is in vain where no target's limits hold the whole of it, however long they are left alone."""
    too_large = [item for item in refused.reasons if item.why == "too_large"]
    if {item.target for item in too_large} != {item.target for item in refused.reasons}:
        return ""
    return "; ".join(list(dict.fromkeys(item.text for item in too_large))[:3])


def _upstream_error(
    asked: str, kinds: list[str], told: str, *, unreached: bool
) -> errors.FreellmError:
    if kinds and set(kinds) <= {"model_not_found"}:
        return _not_served(asked, told)
    message = f"no target of {asked} could answer: {told or 'time ran out'}"
    if not kinds or set(kinds) == {"timeout"}:
        return errors.UpstreamTimeout(
            message,
            hint=_HINT_UNREACHED if unreached else "raise --timeout, or see `freellm why`",
            client_hint="see `freellm why`; the settings under [timeouts] say how long it may take",
        )
    if set(kinds) <= {"overloaded", *_LIMITED}:
        return errors.Overloaded(message, hint="see `freellm why`")
    return errors.UpstreamError(message, hint=_HINT_UNREACHED if unreached else "see `freellm why`")


def _story(verdicts: list[tuple[PoolTarget, Verdict]]) -> str:
    """What the last ones said, each sentence once."""
    seen: dict[str, str] = {}
    for target, verdict in verdicts:
        words = (verdict.message or verdict.kind).strip().replace("\n", " ")
        seen[target.candidate.key] = words[:200]
    return _grouped(list(seen.items())[-_TOLD:])


def _grouped(told: Iterable[tuple[str, str]]) -> str:
    """(who, words): whoever says the same is named before it, the last three sayings."""
    said: dict[str, list[str]] = {}
    for key, words in told:
        said.setdefault(words, []).append(key)
    return "; ".join(f"{_names(keys)}: {words}" for words, keys in list(said.items())[-3:])


def _names(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
