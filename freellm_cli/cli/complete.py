"""`freellm _complete KIND PREFIX`: what completion scripts ask, answered one name a line."""

from __future__ import annotations

from freellm_cli.cli.face import Face
from freellm_cli.core.errors import FreellmError


def complete(face: Face, words: list[str]) -> int:
    """Never complains: a broken file completes nothing, and the next real command says why."""
    from freellm_cli.services.completion import complete as names_of

    kind, prefix = (*words, "", "")[:2]
    try:
        names = names_of(face.with_globals({"quiet": True}).runtime, kind, prefix)
    except FreellmError:
        return 0
    face.out.write("".join(f"{name}\n" for name in names if name.isprintable()))
    return 0
