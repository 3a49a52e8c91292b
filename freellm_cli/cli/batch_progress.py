"""Progress of a batch on stderr: rich's bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from freellm_cli.cli.face import Face
from freellm_cli.cli.terminal_text import harmless
from freellm_cli.services.batch import Progress
from freellm_cli.services.spell import spell_seconds

PLAIN_EVERY_S = 10.0
_CLOCK_FROM_S = 3600.0
_FAULT_LENGTH = 100


@contextlib.contextmanager
def watcher(face: Face) -> Iterator[Callable[[Progress], None]]:
    """What the batch tells its progress to."""
    if face.quiet:
        yield lambda progress: None
    elif face.json:
        yield _once_interrupted(face.note)
    elif face.is_terminal(face.err) and face.env.get("TERM") != "dumb":
        with _bar(face) as show:
            yield show
    else:
        yield _plain(face)


def _plain(face: Face) -> Callable[[Progress], None]:
    last = time.monotonic()
    tell_interrupted = _once_interrupted(face.note)

    def show(progress: Progress) -> None:
        nonlocal last
        tell_interrupted(progress)
        if time.monotonic() - last >= PLAIN_EVERY_S:
            last = time.monotonic()
            share = 100 * progress.done // max(1, progress.total)
            face.note(f"{progress.done}/{progress.total} rows ({share} %), {words_of(progress)}")

    return show


@contextlib.contextmanager
def _bar(face: Face) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    console = Console(
        file=face.err, no_color=not face.may_colour(face.err), highlight=False, markup=False
    )
    # A fault is told in its provider's words, and those may hold brackets that are no markup.
    words_column = TextColumn("{task.description}", markup=False)
    columns: list[Any] = [BarColumn(), MofNCompleteColumn(), words_column]
    with RichProgress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        tell_interrupted = _once_interrupted(bar.console.print)

        def show(progress: Progress) -> None:
            tell_interrupted(progress)
            words = harmless(words_of(progress))
            bar.update(task, total=progress.total, completed=progress.done, description=words)

        yield show


def _once_interrupted(say: Callable[[str], None]) -> Callable[[Progress], None]:
    """Says after the first Ctrl-C what happens now."""
    told = False

    def show(progress: Progress) -> None:
        nonlocal told
        if progress.interrupted and progress.running and not told:
            told = True
            rows = "1 row" if progress.running == 1 else f"{progress.running} rows"
            say(f"letting {rows} end; Ctrl-C again stops now")

    return show


def words_of(progress: Progress) -> str:
    """Such as "3 running, 2 waiting for a limit, done in 5 h 20 min (at 09:04)", or "0 running, 2 waiting
    after a failure (server error: The name of api.groq.com has no address)"."""
    parts = [f"{progress.running} running"]
    if progress.waiting:
        fault = progress.fault.rstrip(".")
        if len(fault) > _FAULT_LENGTH:
            fault = fault[:_FAULT_LENGTH] + "…"
        what = f"after a failure ({fault})" if fault else "for a limit"
        parts.append(f"{progress.waiting} waiting {what}")
    if progress.errors:
        parts.append(f"{progress.errors} errors")
    if progress.ends_at is not None:
        left = max(1.0, progress.ends_at - time.time())
        words = f"done in {spell_seconds(left)}"
        if left > _CLOCK_FROM_S:
            words += time.strftime(" (at %a %H:%M)", time.localtime(progress.ends_at))
        parts.append(words)
    return ", ".join(parts)
