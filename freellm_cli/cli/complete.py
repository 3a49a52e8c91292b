"""`freellm _complete KIND PREFIX`: what completion scripts ask, answered one name a line.

A tab and what the name stands for may follow it.
"""

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
    for name in names:
        if name.text.isprintable():
            about = f"\t{name.about}" if name.about.isprintable() and name.about else ""
            face.out.write(f"{name.text}{about}\n")
    return 0
