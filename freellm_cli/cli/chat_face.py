"""`freellm chat`, one-shot and piping: a question in, the answer out as it comes."""

from __future__ import annotations

import json
from typing import Any

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.face import DIM, Face
from freellm_cli.core.chat import ChatRequest, Completion, Message
from freellm_cli.core.errors import UsageError
from freellm_cli.services.answer import Answer
from freellm_cli.services.chat import CallOptions, ChatService

STDIN_LIMIT = 64 * 1024 * 1024


def chat(face: Face, options: ChatOptions) -> int:
    """Asks and prints. Raises any FreellmError."""
    request = ChatRequest(
        model=options.model,
        messages=_messages(face, options),
        params=_params(options),
        think=options.think,
        stream=options.stream,
    )
    whole = face.json or options.extract or not options.stream
    answer = ChatService(face.runtime).ask(
        request, CallOptions(timeout_s=options.timeout, whole=whole, private=options.private)
    )
    try:
        for notice in answer.notices:
            face.note(notice)
        if whole:
            _print_whole(face, options, answer)
        else:
            _print_stream(face, answer)
    finally:
        answer.close()
    _print_status(face, options, answer)
    return 0


def _messages(face: Face, options: ChatOptions) -> list[Message]:
    messages: list[Message] = []
    if options.system is not None:
        messages.append({"role": "system", "content": options.system})
    messages.append({"role": "user", "content": _prompt(face, options)})
    return messages


def _prompt(face: Face, options: ChatOptions) -> str:
    """The words given, then a blank line and what stands in the pipe."""
    words = " ".join(options.prompt).strip()
    piped = "" if face.is_terminal(face.stdin) else _piped_text(face)
    prompt = f"{words}\n\n{piped}" if words and piped.strip() else words or piped
    if not prompt.strip():
        raise UsageError(
            "there is nothing to ask: no prompt was given and standard input is empty",
            hint='try `freellm chat "Why is the sky blue?"` or pipe a text in',
        )
    return prompt


def _piped_text(face: Face) -> str:
    stream = getattr(face.stdin, "buffer", None)
    try:
        data = stream.read(STDIN_LIMIT + 1) if stream is not None else face.stdin.read().encode()
    except (OSError, ValueError):  # closed before we came
        return ""
    if len(data) > STDIN_LIMIT:
        raise UsageError(f"standard input is larger than {STDIN_LIMIT // 1_048_576} MiB")
    if b"\x00" in data:
        raise UsageError(
            "standard input is binary, not text", hint="convert it to text, or attach it with -a"
        )
    return str(data.decode("utf-8-sig", "replace"))


def _params(options: ChatOptions) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for pair in options.option:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"-o wants key=value, not {pair!r}", hint="example: -o min_p=0.05")
        params[name.strip()] = _value(value)
    named = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "top_p": options.top_p,
        "top_k": options.top_k,
        "stop": list(options.stop) or None,
        "seed": options.seed,
    }
    params.update({name: value for name, value in named.items() if value is not None})
    return params


def _value(text: str) -> Any:
    """JSON where it is JSON (numbers, true, lists, objects), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _print_stream(face: Face, answer: Answer) -> None:
    safe = _TerminalText() if face.is_terminal(face.out) else None
    show_thoughts = face.verbose or face.is_terminal(face.err)
    thinking = False
    last = "\n"
    for delta in answer.deltas():
        if delta.reasoning and show_thoughts and not face.quiet:
            thinking = True
            face.err.write(face.styled(DIM, delta.reasoning))
            face.err.flush()
        if delta.text:
            if thinking:
                face.err.write("\n\n")
                thinking = False
            text = safe.clean(delta.text) if safe else delta.text
            face.out.write(text)
            face.out.flush()
            last = text[-1:] or last
        for call in delta.tool_calls:
            if call.name:
                face.note(f"the model calls {call.name}")
    if last != "\n":
        face.out.write("\n")
    face.out.flush()


def _print_whole(face: Face, options: ChatOptions, answer: Answer) -> None:
    completion = answer.completion()
    if face.json:
        face.print_json(_as_json(answer, completion))
        return
    text = first_fenced_block(completion.text) if options.extract else completion.text
    if face.is_terminal(face.out):
        text = _TerminalText().clean(text)
    face.out.write(text if text.endswith("\n") else text + "\n")


def first_fenced_block(text: str) -> str:
    """The inside of the first ``` block; the whole text when there is none."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        mark = line.lstrip()[:3]
        if mark in ("```", "~~~"):
            inside = []
            for following in lines[start + 1 :]:
                if following.strip() == mark:
                    break
                inside.append(following)
            return "\n".join(inside)
    return text


def _as_json(answer: Answer, completion: Completion) -> dict[str, Any]:
    usage = completion.usage
    who = answer.answerer
    return {
        "id": answer.request_id,
        "model": who.model_id,
        "credential": who.credential,
        "text": completion.text,
        "reasoning": completion.reasoning or None,
        "tool_calls": [call._asdict() for call in completion.tool_calls],
        "finish": completion.finish,
        "usage": {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "reasoning_tokens": usage.reasoning,
            "cached_tokens": usage.cached,
            "total_tokens": usage.total,
            "estimated": usage.estimated,
        },
        "attempts": [
            {
                "target": item.target,
                "outcome": item.outcome,
                "message": item.message,
                "seconds": round(item.seconds, 3),
            }
            for item in answer.attempts
        ],
        "timing": {
            "waited_s": round(who.waited_s, 3),
            "first_token_s": round(who.first_token_s, 3),
        },
        "notices": list(answer.notices),
    }


def _print_status(face: Face, options: ChatOptions, answer: Answer) -> None:
    """Who answered: always asked for with --usage, quietly offered on a terminal."""
    if face.json or not (options.usage or (face.is_terminal(face.err) and not face.quiet)):
        return
    who, usage = answer.answerer, answer.usage
    parts = [who.model_id, who.credential, f"first token {who.first_token_s:.1f} s"]
    about = "about " if usage.estimated else ""
    parts.append(f"{about}{usage.prompt} + {usage.completion} tokens")
    if who.attempts > 1:
        parts.append(f"{who.attempts} attempts (see `freellm why`)")
    face.out.flush()
    face.err.write(face.styled(DIM, " · ".join(parts)) + "\n")


class _TerminalText:
    """Takes control characters out of a model's text, so that no answer can drive the terminal."""

    _ALLOWED = frozenset("\n\t")

    def clean(self, text: str) -> str:
        if text.isprintable():
            return text
        return "".join(
            char
            for char in text
            if char in self._ALLOWED or not (ord(char) < 32 or 127 <= ord(char) < 160)
        )
