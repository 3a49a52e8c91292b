"""What a refusal says of limits: which window is spent, the amounts it names, who the pot belongs to."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from freellm_cli.core.error_body import ErrorBody, mentions

# Windows longer than minutes, all judged as `quota_exhausted_day`.
LONG_WINDOWS = frozenset(("hour", "session", "day", "week", "month"))
# A hint longer than this cannot come from a minute window.
LONG_HINT_S = 600.0

# What follows one of these words sells a bigger plan; its windows and numbers are not ours.
_OFFER_WORDS = (
    "upgrade", "unlock", "subscribe", "to increase", "need more", "credits", "learn more",
    "if you would like", "instead of", "升级",
)  # fmt: skip
_OFFER = (
    r"\b(?:upgrade|unlock|subscribe|to increase|need more|add \d+ credits|add credits|learn more|"
    r"if you would like|instead of|升级)"
)


class _Naming(NamedTuple):
    """How texts name a window; one of `words` is in every text that `pattern` fits."""

    window: str
    words: tuple[str, ...]
    pattern: str


_WINDOWS = (
    _Naming(
        "day",
        ("day", "daily", "86400", "tpd", "rpd", "tomorrow", "24", "日", "天"),
        r"per[-_ ]?day|/ ?day\b|\bdaily\b|\b86400 ?s|\btpd\b|\brpd\b|\btoday\b|\btomorrow\b|by ?day\b"
        r"|\ba day\b|\b1 day\b|\b24[- ]?h(?:ours?|rs?)?\b|每日|每天|当日|今日|今天|明天|日限|/天",
    ),
    _Naming(
        "week", ("week", "周"), r"\bweekly\b|per[-_ ]?week|/ ?week\b|\bthis week\b|每周|本周|周限"
    ),
    _Naming(
        "month",
        ("month", "月"),
        r"\bmonthly\b|per[-_ ]?month|/ ?month\b|\bthis month\b|每月|本月|月限",
    ),
    _Naming(
        "hour",
        ("hour", "rph", "tph", "3600", "小时"),
        r"\bhourly\b|per[-_ ]?hour|/ ?hour\b|\brph\b|\btph\b|\b3600 ?s\b|每小时",
    ),
    _Naming(
        "session",
        ("hour", "hr", "h ", "h.", "session", "usage limit", "小时"),
        r"\b\d{1,4}[- ]?(?:h|hours?|hrs?)\b(?! ?\d)|\bsession\b|\busage limit|小时",
    ),
    _Naming(
        "minute",
        ("min", "tpm", "rpm", "60", "分钟"),
        r"per[-_ ]?min|/ ?min|\btpm\b|\brpm\b|limit_[rt]pm|\b60 ?s(?:econds?)?\b|\b1 minute\b|每分钟",
    ),
    _Naming(
        "second",
        ("sec", "/s", "/ s", "qps", "rps", "秒"),
        r"per[-_ ]?second|/ ?s(?:ec)?\b|\bqps\b|\brps\b|每秒",
    ),
    _Naming(
        "concurrent",
        ("concurren", "parallel", "flight", "simultaneous", "并发"),
        r"\bconcurren|parallel request|in[- ]flight|simultaneous|并发",
    ),
)


class LearnedLimit(NamedTuple):
    """An amount that a refusal states.

    `subject`: the model it counts for, None when the answer names none (then the verdict's scope tells
    whether the model asked is meant). `unit`: "requests", "tokens" or
    "concurrent". `window`: "second", "minute", "hour", "day", "week", "month", or seconds as "300s".
    `dimension`: the provider's own name of the counter, or "".
    """

    subject: str | None
    unit: str
    window: str
    amount: int
    dimension: str = ""


@lru_cache(maxsize=4)
def offer_cut(text: str) -> str:
    """`text` without the ends of sentences that advertise a bigger plan."""
    if not mentions(text, _OFFER_WORDS):
        return text
    kept = []
    for sentence in re.split(r"(?<=[.!?。])\s", text):
        match = re.search(_OFFER, sentence)
        kept.append(sentence[: match.start()] if match else sentence)
    return " ".join(kept)


def window_in_ids(codes: frozenset[str]) -> str | None:
    """The longest window that a counter's id names (`GenerateRequestsPerDayPerProject…`)."""
    ids = " ".join(code for code in codes if "per" in code or "by" in code or "tier" in code)
    for word in ("month", "week", "day", "hour", "minute", "second"):
        if f"per{word}" in ids or f"by{word}" in ids:
            return word
    return "day" if "tierdaily" in ids else None


def window_in_prose(text: str) -> str | None:
    """The first window that the folded text names, offers of bigger plans left out."""
    text = offer_cut(text)
    if "://" in text:
        text = re.sub(r"https?://\S+", "", text)
    best, place = None, len(text)
    for naming in _WINDOWS:
        match = re.search(naming.pattern, text) if mentions(text, naming.words) else None
        if match and match.start() < place:
            best, place = naming.window, match.start()
    return best


def window_of_free_quota(text: str) -> str | None:
    """Gemini's relays often cut `quotaId` off. Its free requests a minute were always 2 to 15 or 30, those
    a day 20 and more (https://ai.google.dev/gemini-api/docs/rate-limits)."""
    if "free_tier_requests" not in text:
        return None
    match = re.search(r"free_tier_requests, limit: (\d{1,15})", text)
    return "day" if match and int(match[1][:9]) >= 20 and match[1] != "30" else None


def window_in_headers(headers: Mapping[str, str]) -> str | None:
    """The window of a meter that the headers show as spent."""
    kind = str(headers.get("x-ratelimit-type", "")).lower()
    if kind:
        return window_in_ids(frozenset((kind,)))
    found = None
    for name, value in headers.items():
        if (
            "remaining" not in name
            or "ratelimit" not in name
            or str(value).strip() not in ("0", "0.0")
        ):
            continue
        for word in ("month", "week", "day", "hour"):
            if name.endswith("-" + word):
                return word
        if name.endswith(("-minute", "-second")):
            found = name.rpartition("-")[2]
    return found


def stated_limits(body: ErrorBody, window: str | None) -> tuple[LearnedLimit, ...]:
    """Every limit whose amount the refusal names; `window`: what `classify` found spent."""
    found: list[LearnedLimit] = []
    _google_violations(body, found)
    _openrouter_headers(body, window, found)
    if not found and mentions(body.text, ("limit", "exceed", "quota", "max", "allow")):
        text = offer_cut(body.text)
        for reader in (
            _prose_counter,
            _prose_of_per,
            _prose_limit_colon,
            _prose_amount_per,
            _prose_trial,
        ):
            if not found:
                reader(text, found)
    return tuple(dict.fromkeys(_as_spelled(limit, body) for limit in found))


def _as_spelled(limit: LearnedLimit, body: ErrorBody) -> LearnedLimit:
    """Names in their own case again: the texts are searched in lower case."""
    subject = limit.subject and _spelled(limit.subject, body.message)
    return limit._replace(subject=subject, dimension=_spelled(limit.dimension, body.message))


def _spelled(word: str, message: str) -> str:
    place = message.lower().find(word)
    return message[place : place + len(word)] if place >= 0 else word


def _google_violations(body: ErrorBody, found: list[LearnedLimit]) -> None:
    """`google.rpc.QuotaFailure.violations[]`; without `quotaValue` the amount stands in the prose
    "limit: 20, model: gemini-2.5-flash"
    (https://ai.google.dev/gemini-api/docs/rate-limits)."""
    if not any(key == "quotaid" for key, _ in body.pairs):
        return
    in_prose = re.findall(r"limit: (\d{1,15})(?:, model: ([\w./:@-]+))?", body.text)
    groups: list[dict[str, Any]] = []
    for key, value in body.pairs:
        if key not in ("quotametric", "quotaid", "quotavalue", "model"):
            continue
        if not groups or (key in groups[-1] and key != "model"):
            groups.append({})
        groups[-1][key] = value
    for place, group in enumerate(g for g in groups if "quotaid" in g):
        limit, model = in_prose[place] if place < len(in_prose) else ("", "")
        amount = str(group.get("quotavalue", limit))
        quota_id = str(group["quotaid"])
        window = window_in_ids(frozenset((quota_id.lower(),)))
        if amount.isdigit() and len(amount) < 15 and window:
            unit = "tokens" if "token" in quota_id.lower() else "requests"
            # The prose comes first in the body, so a relay that cuts it off spares that name.
            subject = model or str(group.get("model", "")) or None
            found.append(LearnedLimit(subject, unit, window, int(amount), quota_id))


def _prose_counter(text: str, found: list[LearnedLimit]) -> None:
    """Groq, OpenAI: "on tokens per minute (TPM): Limit 7000, Used 0, Requested"."""
    if " per " not in text:
        return
    match = re.search(
        r"on ((?:input |output )?[a-z]+) per (day|min(?:ute)?|hour|second|month)"
        r"(?: \((\w+)\))?: ?limit:? ?([\d,]{1,20})",
        text,
    )
    if match:
        subject = re.search(r"for (?:model )?[`']?([\w./:@-]+)[`']? in organi", text)
        unit = "tokens" if "token" in match[1] else "requests"
        amount = _amount(match[4])
        found.append(LearnedLimit(subject[1] if subject else None, unit, _word(match[2]), amount,
                                  (match[3] or "").upper()))  # fmt: skip


def _prose_of_per(text: str, found: list[LearnedLimit]) -> None:
    """GitHub Models: "Rate limit of 50 per 86400s exceeded for UserByModelByDay"."""
    if "rate limit of" not in text:
        return
    match = re.search(
        r"rate limit of ([\d,]{1,20}) per (\d{1,15}) ?s(?:econds?)? exceeded for (\w+)", text
    )
    if match:
        named = {"1": "second", "60": "minute", "3600": "hour", "86400": "day"}
        unit = "tokens" if "token" in match[3] else "requests"
        window = named.get(match[2], match[2] + "s")
        found.append(LearnedLimit(None, unit, window, _amount(match[1]), match[3]))


def _prose_limit_colon(text: str, found: list[LearnedLimit]) -> None:
    """Older OpenAI: "on requests per min. Limit: 3 / min." """
    match = re.search(r"\blimit: ([\d,]{1,20}) ?/ ?(min(?:ute)?|day)\b", text)
    if match:
        subject = re.search(r"limit reached for ([\w./:@-]+) in organi", text)
        unit = "tokens" if "tokens per" in text else "requests"
        found.append(
            LearnedLimit(subject[1] if subject else None, unit, _word(match[2]), _amount(match[1]))
        )


def _prose_amount_per(text: str, found: list[LearnedLimit]) -> None:
    """Anthropic: "rate limit of 50,000 input tokens per minute"; "max 20 requests per minute"."""
    if not mentions(text, ("token", "request", "call", "message", "quer")):
        return
    match = re.search(
        r"(?:limit|limited to|max(?:imum)?|exceed\w*|allows?|quota|\) of)\D{0,40}?\b([\d,]{1,20}) "
        r"((?:input |output )?tokens?|requests?|calls?|messages?|queries) ?(?:per|/|every|a|an) ?"
        r"(minute|min|day|hour|second|month|week)\b",
        text,
    )
    if match:
        unit = "tokens" if "token" in match[2] else "requests"
        found.append(LearnedLimit(None, unit, _word(match[3]), _amount(match[1])))


def _prose_trial(text: str, found: list[LearnedLimit]) -> None:
    """Cohere: "limited to 1000 API calls / month"."""
    if "api calls" not in text:
        return
    match = re.search(r"limited to ([\d,]{1,20}) api calls ?/ ?(minute|min|month|day)", text)
    if match:
        found.append(LearnedLimit(None, "requests", _word(match[2]), _amount(match[1])))


def _openrouter_headers(body: ErrorBody, window: str | None, found: list[LearnedLimit]) -> None:
    """OpenRouter puts the limit's headers into `error.metadata.headers`."""
    for key, value in body.pairs:
        if key == "x-ratelimit-limit" and str(value).isdigit() and len(str(value)) < 12 and window:
            match = re.search(r"rate limit exceeded: ([\w/.:-]+)", body.text)
            name = match[1].rstrip(".") if match else ""
            # The name behind "limit_rpm/" is an endpoint's; the model's own stands in the sentence.
            model = re.search(r"high demand for (\S+) on openrouter", body.text)
            subject = model[1] if model else None
            found.append(LearnedLimit(subject, "requests", window, int(value), name))


def _amount(digits: str) -> int:
    return int(digits.replace(",", "")[:15] or 0)


def _word(word: str) -> str:
    return "minute" if word.startswith("min") else word


def stated_account(body: ErrorBody) -> str | None:
    """The id of the organisation, project or user whose pot this is, as sent."""
    for key, value in body.pairs:
        if key == "user_id" and isinstance(value, str) and len(value) < 100:
            return value
    source = body.source[:4096]
    if not mentions(source, ("org", "proj", "for account '")):
        return None
    match = re.search(
        r"\b(org[-_]\w{4,}|proj_\w{4,})|project_number:(\d{1,15})|projects/([\w-]{4,})"
        r"|in project (\d{6,})|for account '([\w-]+)'|\borganization \(?([0-9a-f-]{36})",
        source,
    )
    return next((group for group in match.groups() if group), None) if match else None
