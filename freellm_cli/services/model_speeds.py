"""What `freellm models test` has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.storage.speed_file import Speed, read_speeds

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime


def speeds_path(runtime: Runtime) -> str:
    return f"{runtime.paths.cache}/speeds.json"


def measured_speeds(runtime: Runtime) -> dict[str, Speed]:
    """What was measured last of each model."""
    return read_speeds(speeds_path(runtime), runtime.clock.now()).speeds


def spell_speed(speed: Speed) -> str:
    """Such as "0.42 s, 85 tok/s"."""
    rate = "" if speed.tokens_per_s is None else f", {speed.tokens_per_s:.0f} tok/s"
    return f"{speed.first_token_s:.2f} s{rate}"
