"""`freellm models test`, seen: a word on stderr as each model is through, the table at the end."""

from __future__ import annotations

from freellm_cli.cli.face import Face
from freellm_cli.cli.render import render
from freellm_cli.cli.shares import share_from
from freellm_cli.services.model_speeds import spell_speed
from freellm_cli.services.model_test import Measured, measure_models


def run_test(face: Face, names: list[str], share: str) -> int:
    """Raises any FreellmError."""

    def watch(measured: Measured) -> None:
        words = spell_speed(measured.speed) if measured.speed else measured.problem
        face.note(f"{measured.model}: {words}")

    result = measure_models(face.runtime, names, share=share_from("--share", share), watch=watch)
    return render(face, result)
