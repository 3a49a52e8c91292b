"""`freellm history`: conversations that were kept; listing, reading, finding, forgetting, taking along."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from freellm_cli.core.errors import UnknownName, UsageError
from freellm_cli.services.conversation import find, open_history
from freellm_cli.services.results import Block, Cell, Line, Result, Table
from freellm_cli.services.spell import spell_seconds

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.history import Head, History, Hit, Kept

Found = TypeVar("Found")
FORMATS = ("markdown", "jsonl")
_BESIDE = 40
_UNITS = {"h": 3600, "d": 86_400, "w": 604_800}


def list_history(runtime: Runtime, limit: int = 20) -> Result:
    """The latest conversations, newest first."""
    heads = _with(runtime, lambda history: history.heads(limit))
    now = runtime.clock.now()
    rows = tuple(
        (
            Cell(head.id, "strong"),
            head.title,
            str(head.turns),
            Cell(head.answered_by or head.model or "the default", "dim"),
            Cell(_ago(now - head.updated), "dim"),
        )
        for head in heads
    )
    empty = "no conversation is kept" + ("" if runtime.settings.history else ": history = false")
    table = Table(("id", "begins", "turns", "answered by", "last"), rows, empty=empty)
    return Result({"conversations": [_head_data(head) for head in heads]}, (table,))


def show_history(runtime: Runtime, name: str = "") -> Result:
    """One conversation, whole: the last one when none is named. Raises UnknownName."""

    def look(history: History) -> tuple[Head, list[Kept]]:
        head = find(history, name) if name else _latest(history)
        return head, history.messages(head.id)

    head, messages = _with(runtime, look)
    asked = f" · asks {head.model or 'the default model'}"
    blocks: list[Block] = [Line(f"{head.id} · {_date(head.started)}{asked}", "dim")]
    if head.system:
        blocks += [Line("system", "strong"), Line(head.system), Line("")]
    for message in messages:
        who = "you" if message.role == "user" else message.model
        blocks += [Line(who, "strong"), Line(message.text.rstrip()), Line("")]
    data = {**_head_data(head), "messages": [_message_data(message) for message in messages]}
    return Result(data, tuple(blocks[:-1]))


def search_history(runtime: Runtime, words: Sequence[str], limit: int = 20) -> Result:
    """Messages that hold all the words, newest first; nothing found is exit code 0 and an empty list."""
    wanted = [word for text in words for word in text.split()]
    if not wanted:
        raise UsageError("there is nothing to search for")
    hits = _with(runtime, lambda history: history.search(wanted, limit))
    rows = tuple(
        (
            Cell(hit.conversation, "strong"),
            Cell("you" if hit.role == "user" else "answer", "dim"),
            _around(hit, wanted[0]),
        )
        for hit in hits
    )
    table = Table(("id", "who", "text"), rows, empty="nothing found")
    data = [
        {
            "conversation": hit.conversation,
            "title": hit.title,
            "role": hit.role,
            "text": hit.text,
            "at": _date(hit.at),
        }
        for hit in hits
    ]
    return Result({"hits": data}, (table,))


def chosen_ids(
    runtime: Runtime, names: Sequence[str], *, older_than: str = "", everything: bool = False
) -> list[str]:
    """The conversations that `history delete` and `export` mean. Raises UnknownName, UsageError."""
    if bool(names) + bool(older_than) + everything != 1:
        raise UsageError(
            "say which conversations: ids, --older-than or --all",
            hint="see `freellm history list`",
        )
    if names:
        return _with(runtime, lambda history: [find(history, name).id for name in names])
    before = runtime.clock.now() - (_span(older_than) if older_than else 0)
    heads = _with(runtime, lambda history: history.heads())
    return [head.id for head in heads if everything or head.updated < before]


def delete_history(runtime: Runtime, ids: Sequence[str]) -> Result:
    """Forgets conversations for good."""
    gone = _with(runtime, lambda history: history.delete(ids))
    words = "1 conversation" if gone == 1 else f"{gone} conversations"
    return Result({"deleted": list(ids)}, (Line(f"{words} forgotten", "good"),))


def export_history(runtime: Runtime, ids: Sequence[str], form: str = "markdown") -> str:
    """The conversations as one text. "jsonl": one a line, its messages in OpenAI's shape, attachments too."""
    if form not in FORMATS:
        raise UsageError(f"the format is {' or '.join(FORMATS)}, not {form!r}")

    def read(history: History) -> list[str]:
        written = []
        for name in ids:
            head = find(history, name)
            write = _as_markdown if form == "markdown" else _as_json_line
            written.append(write(head, history.messages(name)))
        return written

    return ("\n" if form == "markdown" else "").join(_with(runtime, read))


def markdown_of(title: str, system: str | None, turns: Sequence[tuple[str, str, str]]) -> str:
    """A conversation as a Markdown document; `turns` are (question, who answered, answer)."""
    lines = [f"# {title}", ""]
    if system:
        lines += ["## system", "", system.strip(), ""]
    for question, who, answer in turns:
        lines += ["## you", "", question.strip(), "", f"## {who}", "", answer.strip(), ""]
    return "\n".join(lines)


def _with(runtime: Runtime, work: Callable[[History], Found]) -> Found:
    history = open_history(runtime)
    try:
        return work(history)
    finally:
        history.close()


def _latest(history: History) -> Head:
    heads = history.heads(1)
    if not heads:
        raise UnknownName("no conversation is kept", hint="begin one: freellm chat")
    return heads[0]


def _as_markdown(head: Head, messages: Sequence[Kept]) -> str:
    turns = []
    question = ""
    for message in messages:
        if message.role == "user":
            question = message.text
        else:
            turns.append((question, message.model, message.text))
    return markdown_of(head.title, head.system, turns)


def _as_json_line(head: Head, messages: Sequence[Kept]) -> str:
    said: list[dict[str, Any]] = []
    if head.system is not None:
        said.append({"role": "system", "content": head.system})
    said += [{"role": message.role, "content": message.content} for message in messages]
    return json.dumps({**_head_data(head), "messages": said}, ensure_ascii=False) + "\n"


def _head_data(head: Head) -> dict[str, Any]:
    return {
        "id": head.id,
        "title": head.title,
        "model": head.model,
        "answered_by": head.answered_by,
        "system": head.system,
        "started": _date(head.started),
        "updated": _date(head.updated),
        "turns": head.turns,
    }


def _message_data(message: Kept) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "text": message.text, "at": _date(message.at)}
    if message.role == "assistant":
        data |= {
            "model": message.model,
            "credential": message.credential,
            "request": message.request,
            "prompt_tokens": message.prompt_tokens,
            "completion_tokens": message.completion_tokens,
        }
    return data


def _around(hit: Hit, word: str) -> str:
    """The place where the word stands, in one line."""
    text = " ".join(hit.text.split())
    at = max(0, text.casefold().find(word.casefold()))
    start = max(0, at - _BESIDE)
    cut = text[start : at + len(word) + _BESIDE]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(text) else "")


def _span(text: str) -> float:
    """Seconds of "30d", "12h", "2w"."""
    number, unit = text[:-1], text[-1:]
    if not number.isdigit() or unit not in _UNITS:
        raise UsageError(f"--older-than wants a time such as 30d, 12h or 2w, not {text!r}")
    return int(number) * _UNITS[unit]


def _ago(seconds: float) -> str:
    return "now" if seconds < 5 else f"{spell_seconds(seconds)} ago"


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
