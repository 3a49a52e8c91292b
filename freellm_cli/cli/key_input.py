"""How a key gets from a person or a pipe into the program without being seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from freellm_cli.cli.face import Face
from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.errors import UsageError
from freellm_cli.core.route_refusals import way_in


def keys_from(
    face: Face, provider: ProviderSpec, *, stdin: bool, variable: str, typed: list[str]
) -> list[str] | None:
    """The keys as pasted; None when the person is to be asked for them.

    Raises UsageError for one on the command line, or when there is no way to ask.
    """
    if typed:
        raise UsageError(
            "a key is not taken from the command line: other programs and the shell's history see it",
            hint=f"run `freellm keys add {provider.id}` and paste it, or pipe it in with --stdin; "
            "as this one was shown already, consider making a new one",
        )
    if variable:
        text = face.env.get(variable, "")
        if not text.strip():
            raise UsageError(
                f"the environment variable {variable} is empty or not set",
                hint=f"only what is exported is seen (`export {variable}`); or pipe the key in with --stdin",
            )
        return [text]
    if stdin:
        return [line for line in face.stdin.read().splitlines() if line.strip()]
    if not face.is_terminal(face.stdin):
        hint = "pipe it in with --stdin, or --env VAR"
        if provider.local:
            hint += f"; without a key its address is enough: `{way_in(provider)}`"
        raise UsageError("there is no terminal to ask for the key", hint=hint)
    return None


def asked_keys(face: Face, provider: ProviderSpec) -> Iterator[str]:
    """One key after the other, typed unseen, until the person has no more."""
    from getpass import getpass

    if provider.local:
        face.note(f"without a key its address is enough: `{way_in(provider)}`")
    elif provider.key_url:
        face.note(f"get a key at {provider.key_url}")
    text = getpass(f"{provider.title} key, not shown: ", stream=face.err)
    yield text
    while text.strip():
        question = f"another {provider.title} key (Enter alone: no), not shown: "
        text = getpass(question, stream=face.err)
        if text.strip().lower() in ("", "n", "no"):
            return
        yield text


def settings_from(pairs: list[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs as a table. Raises UsageError."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"--set wants NAME=VALUE, not {pair!r}", hint="--set account_id=…")
        found[name.strip()] = value.strip()
    return found


def file_content(face: Face, path: Path) -> bytes:
    """What the file holds, or with `-` the pipe. Raises UsageError naming the file and what kept it from
    being read."""
    if str(path) == "-":
        from freellm_cli.cli.chat_question import piped_bytes

        return piped_bytes(face)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
