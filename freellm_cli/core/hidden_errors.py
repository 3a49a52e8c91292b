"""Errors inside a 200: is this body an answer at all?

Providers answer 200 and put the refusal into the body: a top-level `error`, `choices[0].error`, an
event `error` in a stream, a business status (`{"status":"434","msg":…}`), a filtered answer without a
message, or nothing. `find_hidden_error` tells those from answers; answers are not decoded further.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from freellm_cli.core import error_body
from freellm_cli.core.error_body import ErrorBody

# A tree with one of these is an answer of some endpoint, unless it also holds an error.
ANSWER_KEYS = frozenset(
    "choices candidates data content output output_text embeddings embedding models results result "
    "response completion generated_text text outputs totaltokens total_tokens input_tokens "
    "data_list name tags version models_list done limit_remaining buckets".split()
)
GOOGLE_BLOCKS = frozenset(
    "SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY LANGUAGE OTHER".split()
)

SENTENCE_KEYS = ("msg", "message", "detail", "error_msg", "errmsg", "error_message")


class Hidden(NamedTuple):
    """`kind`: "error" (judge `body` by its own words), "filtered", "broken" or "empty"."""

    kind: str
    body: ErrorBody


def find_hidden_error(text: str, *, whole: bool, content_type: str) -> Hidden | None:
    """None when `text` (from `error_body.body_text`), sent with a 2xx, is an answer.

    `whole`: False when the text was cut at the scan limit, so that a missing end proves nothing.
    """
    if not text:
        return Hidden("empty", ErrorBody("empty", ""))
    if content_type.startswith(("audio/", "image/", "video/", "application/octet-stream")):
        return None
    if text.startswith(error_body.SSE_STARTS):
        return _judge_stream(text, whole)
    tree = error_body.parse_json(text) if text[0] in '{["' else None
    if tree is not None:
        kind = judge_tree(tree)
        return Hidden(kind, error_body.read_text(text)) if kind else None
    if text[0] in "{[":
        return _judge_cut(text, whole)
    return Hidden("error", error_body.read_text(text))


def _judge_cut(text: str, whole: bool) -> Hidden | None:
    start = text if whole else text[:2048]
    if not re.search(r'"(?:choices|candidates|content|delta|output)\\*"', start) and whole:
        return Hidden("error", error_body.read_text(text))
    if re.search(r'"error\\*"\s*:\s*(?!null|\{\}|"")', start):
        return Hidden("error", error_body.read_text(text))
    return Hidden("broken", error_body.read_text(text)) if whole else None


def _judge_stream(text: str, whole: bool) -> Hidden | None:
    """Parses the first event and every later one that could be an error."""
    event = ""
    events = 0
    for line in text.splitlines():
        if line.startswith("event:"):
            event = line[6:].strip()
            continue
        data = line[5:].strip() if line.startswith("data:") else line if line[:1] in "{[" else ""
        if not data or data == "[DONE]":
            continue
        events += 1
        if events == 1 or event == "error" or "error" in data or "blockReason" in data:
            hidden = _judge_event(data, event, whole)
            if hidden is not None:
                return hidden
        event = ""
    if not events and whole:
        return Hidden("empty", ErrorBody("empty", text))
    return None


def _judge_event(data: str, event: str, whole: bool) -> Hidden | None:
    if event == "error":
        return Hidden("error", error_body.read_text(data))
    tree = error_body.parse_json(data)
    if tree is None:
        return _judge_cut(data, whole) if data[0] in "{[" else None
    kind = judge_tree(tree, chunk=True)
    return Hidden(kind, error_body.read_text(data)) if kind else None


def judge_tree(tree: Any, *, chunk: bool = False) -> str | None:
    """The kind of hidden error in a parsed 2xx body or (`chunk`) in one event of a stream."""
    if isinstance(tree, list):
        if len(tree) == 1 and isinstance(tree[0], dict):
            return judge_tree(tree[0], chunk=chunk)
        bad = any(isinstance(item, dict) and item.get("error") for item in tree[:50])
        return "error" if bad else None
    if not isinstance(tree, dict):
        return "error" if isinstance(tree, str) and not chunk else None
    if _admits_error(tree):
        return "error"
    inner = tree.get("response")
    if isinstance(inner, dict):
        if inner.get("error"):
            return "error"
        tree = inner
    if "choices" in tree:
        return _judge_choices(tree, chunk)
    if "candidates" in tree or "promptFeedback" in tree:
        return _judge_candidates(tree, chunk)
    if tree.get("stop_reason") == "refusal" and not tree.get("content"):
        return "filtered"
    return "error" if not chunk and _is_business_error(tree) else None


def _admits_error(tree: dict[str, Any]) -> bool:
    if tree.get("error") or tree.get("success") is False:
        return True
    if (
        tree.get("type") in ("error", "response.failed")
        or str(tree.get("object")).lower() == "error"
    ):
        return True
    if tree.get("errors") and "choices" not in tree:
        return True
    base = tree.get("base_resp")
    return isinstance(base, dict) and bool(base.get("status_code"))


def _is_business_error(tree: dict[str, Any]) -> bool:
    """A sentence for people and nothing that an answer would have."""
    keys = {str(key).lower() for key, value in tree.items() if value not in (None, "", [], {})}
    if keys & ANSWER_KEYS:
        return False
    if not any(isinstance(tree.get(key), str | list) and tree.get(key) for key in SENTENCE_KEYS):
        return False
    code = str(tree.get("code", tree.get("status", ""))).lower()
    return code not in ("0", "200", "ok", "success", "true")


def _judge_choices(tree: dict[str, Any], chunk: bool) -> str | None:
    choices = tree["choices"]
    if not isinstance(choices, list) or not choices:
        if chunk or tree.get("usage") or tree.get("prompt_filter_results"):
            return None
        return "error" if _is_business_error(tree) else "empty"
    first = choices[0]
    if not isinstance(first, dict):
        return None
    finish = str(first.get("finish_reason") or "")
    if first.get("error") or finish in ("error", "network_error"):
        return "error"
    if finish.startswith(("content_filter", "sensitive")) and not _has_content(first):
        return "filtered"
    return None


def _has_content(choice: dict[str, Any]) -> bool:
    if choice.get("text"):
        return True
    message = choice.get("message") or choice.get("delta")
    if not isinstance(message, dict):
        return False
    return any(message.get(key) for key in ("content", "tool_calls", "function_call"))


def _judge_candidates(tree: dict[str, Any], chunk: bool) -> str | None:
    candidates = tree.get("candidates")
    feedback = tree.get("promptFeedback")
    if not isinstance(candidates, list) or not candidates:
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            return "filtered"
        return None if chunk else "empty"
    first = candidates[0]
    if not isinstance(first, dict):
        return None
    content = first.get("content")
    if isinstance(content, dict) and content.get("parts"):
        return None
    finish = str(first.get("finishReason") or "")
    if finish in GOOGLE_BLOCKS:
        return "filtered"
    return "broken" if finish == "MALFORMED_FUNCTION_CALL" else None
