"""What is asked: the words, the pipe, the attachments, the template and the parameters, put together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.cli.chat_options import ChatOptions
from freellm_cli.cli.face import Face
from freellm_cli.cli.plain_letters import as_text
from freellm_cli.core.errors import BadField, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freellm_cli.core.templates import Template

STDIN_LIMIT = 64 * 1024 * 1024


class Question(NamedTuple):
    """`text` is what the person asked, `content` what is sent: text or parts (core.chat). `options` are
    those of the command line with what the template says where they are silent."""

    text: str
    content: str | list[dict[str, Any]]
    params: dict[str, Any]
    options: ChatOptions


def read_question(face: Face, options: ChatOptions) -> Question:
    """Raises UsageError when there is nothing to ask, and whatever attachments and templates raise."""
    template = load_template(face, options) if options.template else None
    text = _input(face, options)
    params = request_params(options)
    if template is not None:
        text, params, options = _with_template(template, text, params, options)
    if not text.strip() and not options.attach:
        raise UsageError(
            "there is nothing to ask: no prompt was given and standard input is empty",
            hint='try `freellm chat "Why is the sky blue?"` or pipe a text in',
        )
    if not options.attach:
        return Question(text, text, params, options)
    from freellm_cli.services.attachments import content_of, load, summary

    found = load(face.runtime, options.attach, lambda: piped_bytes(face))
    return Question(summary(text, found), content_of(text, found), params, options)


def readable(options: ChatOptions) -> ChatOptions:
    """The words as text, also where the locale did not know their letters."""
    return options._replace(
        prompt=tuple(as_text(word) for word in options.prompt),
        system=None if options.system is None else as_text(options.system),
        param=tuple(as_text(pair) for pair in options.param),
    )


def load_template(face: Face, options: ChatOptions) -> Template:
    from freellm_cli.services.templates import load_template as load

    return load(face.runtime, options.template or "")


def with_defaults(template: Template, options: ChatOptions) -> ChatOptions:
    """The options, with the template's where the command line is silent."""
    return options._replace(
        model=options.model or template.model,
        think=options.think or template.think,
        extract=options.extract or template.extract,
    )


def variables(options: ChatOptions) -> dict[str, str]:
    """The `-p name=value` pairs. Raises UsageError."""
    found = {}
    for pair in options.param:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"-p wants name=value, not {pair!r}", hint="example: -p to=Japanese")
        found[name.strip()] = value
    return found


def request_params(options: ChatOptions) -> dict[str, Any]:
    """The request's parameters, in OpenAI's names. Raises UsageError for an `-o` that is no pair and for a
    number that cannot be."""
    _require_possible(options)
    params = free_params(options.option) if options.option else {}
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


# What is no parameter but the question itself, or how its answer is taken.
_NO_PARAMETERS = {
    "model": "-m names the model",
    "messages": "what is asked is given apart, and -s is the system prompt",
    "prompt": "what is asked is given apart",
    "stream": "it is no part of the question; `freellm chat` has --no-stream",
}


def free_params(pairs: Sequence[str], flag: str = "-o") -> dict[str, Any]:
    """The parameters of KEY=VALUE pairs, values as JSON where they are. Raises UsageError for what no host
    could take."""
    from freellm_cli.core.request_params import one_choice, regular_params

    params: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(
                f"{flag} wants key=value, not {pair!r}", hint=f"example: {flag} min_p=0.05"
            )
        if name in _NO_PARAMETERS:
            raise UsageError(f"{flag} takes no {name!r}", hint=_NO_PARAMETERS[name])
        params[name] = _value(value)
    try:
        one_choice(params)
        regular_params(params)
    except BadField as fault:
        raise UsageError(f"{flag}: {fault.message}") from fault
    return params


def wanted_model(name: str | None) -> str:
    """The model that -m names, "" without -m. Raises UsageError for an empty name: `-m "$MODEL"` of a
    variable that is not set must not ask another model than was meant."""
    if name is not None and not name.strip():
        raise UsageError(
            "-m wants a model's name, not an empty one",
            hint="without -m the default model is asked; `freellm models` lists names",
        )
    return name or ""


def require_names(options: ChatOptions) -> None:
    """Raises UsageError for an empty name of anything: taken for none, it would cost a request where
    nothing was to be asked (--save), or answer without what was named."""
    wanted_model(options.model)
    named = (
        ("-t", "a template's", options.template),
        ("--save", "a template's", options.save),
        ("--conversation", "a conversation's", options.conversation),
        ("--json-schema", "a file's", options.json_schema),
    )
    for flag, whose, name in named:
        if name is not None and not name.strip():
            raise UsageError(
                f"{flag} wants {whose} name, not an empty one",
                hint="is it a variable that is not set?",
            )


def _require_possible(options: ChatOptions) -> None:
    tiny, huge = 1e-9, 1e300
    bounds = (
        ("timeout", options.timeout, tiny, huge, "a number of seconds above 0"),
        ("temperature", options.temperature, 0, huge, "a number from 0 up"),
        ("top-p", options.top_p, 0, 1, "a number from 0 to 1"),
        ("max-tokens", options.max_tokens, 1, huge, "a whole number from 1 up"),
    )
    for flag, value, least, most, wanted in bounds:
        if value is not None and not least <= value <= most:
            raise UsageError(f"--{flag} wants {wanted}, not {value:g}")


def piped_bytes(face: Face) -> bytes:
    """All of standard input; empty on a terminal. Raises UsageError when it is larger than STDIN_LIMIT."""
    if face.is_terminal(face.stdin):
        raise UsageError("standard input is the terminal", hint="pipe something in: … | freellm …")
    stream = getattr(face.stdin, "buffer", None)
    try:
        data = stream.read(STDIN_LIMIT + 1) if stream is not None else face.stdin.read().encode()
    except (OSError, ValueError):  # closed before we came
        return b""
    if len(data) > STDIN_LIMIT:
        raise UsageError(f"standard input is larger than {STDIN_LIMIT // 1_048_576} MiB")
    return bytes(data)


def _input(face: Face, options: ChatOptions) -> str:
    """The words given, then a blank line and what stands in the pipe."""
    words = " ".join(options.prompt).strip()
    if face.is_terminal(face.stdin) or "-" in options.attach:
        return words
    piped = _piped_text(face)
    return f"{words}\n\n{piped}" if words and piped.strip() else words or piped


def _piped_text(face: Face) -> str:
    data = piped_bytes(face)
    if b"\x00" in data:
        raise UsageError(
            "standard input is binary, not text",
            hint="convert it to text, or attach it: … | freellm chat -a - 'what is this?'",
        )
    return data.decode("utf-8-sig", "replace")


def _with_template(
    template: Template, text: str, params: dict[str, Any], options: ChatOptions
) -> tuple[str, dict[str, Any], ChatOptions]:
    from freellm_cli.core.templates import fill

    filled = fill(template, text, variables(options))
    system = filled.system if options.system is None else options.system
    settled = with_defaults(template, options)._replace(system=system)
    return filled.prompt, {**template.options, **params}, settled


def _value(text: str) -> Any:
    """JSON where it is JSON (numbers, true, lists, objects), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
