"""How a batch is seen: a bar on a terminal, a line now and then in a pipe, the answers on stdout."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from freellm_cli.cli.batch_progress import watcher
from freellm_cli.cli.chat_question import free_params, wanted_model
from freellm_cli.cli.face import Face
from freellm_cli.cli.render import render
from freellm_cli.cli.shares import share_from
from freellm_cli.services.batch import Batch, BatchOptions
from freellm_cli.services.batch_file import Defaults
from freellm_cli.services.results import Result


class BatchWords(NamedTuple):
    """The command line as it was typed."""

    source: str
    out: str | None
    model: str | None
    system: str | None
    option: tuple[str, ...]
    format: str
    plan: bool
    resume: bool
    force: bool
    ordered: bool
    retry_unknown: bool
    reserve: str
    width: int
    private: bool


def run_batch(face: Face, words: BatchWords) -> int:
    """Plans or runs it. Raises any FreellmError."""
    if words.out is None and not words.plan:
        face.require_output()
    with _source(face, words) as path:
        called = "standard input" if words.source == "-" else ""
        batch = Batch(face.runtime, path, _options(words), called=called)
        if words.plan:
            return render(face, batch.plan())
        for notice in batch.notices():
            face.note(notice)
        with watcher(face) as watch:
            result = batch.run(watch, lambda line: _print(face, line))
    return _summed_up(face, result, to_file=words.out is not None)


def _summed_up(face: Face, result: Result, *, to_file: bool) -> int:
    """The last word: on stdout beside an output file, else on stderr, for stdout holds the answers."""
    if to_file:
        return render(face, result)
    for block in result.blocks:
        face.note(getattr(block, "text", ""))
    return result.exit_code


def _print(face: Face, line: bytes) -> None:
    face.out.write(face.shown_json(line.decode("utf-8", "replace")))
    face.out.flush()


def _options(words: BatchWords) -> BatchOptions:
    return BatchOptions(
        defaults=Defaults(wanted_model(words.model), words.system, free_params(words.option, "-O")),
        format=words.format,
        out=words.out,
        ordered=words.ordered,
        resume=words.resume,
        force=words.force,
        retry_unknown=words.retry_unknown,
        reserve=share_from("--reserve", words.reserve) if words.reserve else None,
        width=words.width,
        private=words.private,
    )


@contextlib.contextmanager
def _source(face: Face, words: BatchWords) -> Iterator[str]:
    """The input's path; a pipe is kept in a file first, so that a mistake in its last line is found
    before the first call."""
    if words.source != "-":
        yield words.source
        return
    stream: BinaryIO = face.stdin.buffer
    descriptor, path = tempfile.mkstemp(prefix="freellm-batch-", suffix=".in")
    try:
        with os.fdopen(descriptor, "wb") as file:
            while chunk := stream.read(1 << 20):
                file.write(chunk)
        yield path
    finally:
        os.unlink(path)
