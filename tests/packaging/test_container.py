"""The Dockerfile, read as Docker reads it; and what its container runs, run here."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from tests.packaging.conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


class Step(NamedTuple):
    word: str
    rest: str


def stages() -> list[list[Step]]:
    """Each stage's instructions, continued lines joined, comments dropped."""
    text = re.sub(r"(?m)^\s*#.*\n", "", TEXT)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    steps = [Step(*line.split(maxsplit=1)) for line in lines if line.strip()]
    starts = [number for number, step in enumerate(steps) if step.word == "FROM"]
    ends = [*starts[1:], len(steps)]
    return [steps[start:end] for start, end in zip(starts, ends, strict=True)]


def last(word: str) -> str:
    """What the finished image says of `word`."""
    (found,) = [step.rest for step in stages()[-1] if step.word == word]
    return found


def sent(name: str) -> bool:
    """Whether .dockerignore lets a path through: the last pattern that fits decides."""
    verdict = True
    for pattern in IGNORED:
        bare = pattern.lstrip("!")
        if fnmatch(name, bare) or name.startswith(f"{bare}/"):
            verdict = pattern.startswith("!")
    return verdict


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    copied = []
    for step in [step for stage in stages() for step in stage if step.word == "COPY"]:
        words = step.rest.split()
        if words[0].startswith("--from="):
            assert f" AS {words[0].partition('=')[2]}" in TEXT
            continue
        copied += words[:-1]
    assert "freellm_cli" in copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert sent(name), f"{name} is in .dockerignore"


def test_what_the_wheel_is_built_from_is_copied() -> None:
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    needed = {"pyproject.toml", "freellm_cli", project["project"]["readme"], "LICENSE"}
    needed |= {name.split("/")[0] for name in shared}
    copied = {
        word
        for stage in stages()
        for step in stage
        if step.word == "COPY"
        for word in step.rest.split()[:-1]
    }
    assert needed <= copied


def test_nothing_private_is_sent_to_the_builder() -> None:
    for name in (
        ".git/config",
        ".venv/bin/python",
        "credentials.toml",
        "tests/conftest.py",
        "build/x",
    ):
        assert not sent(name), name


def test_it_runs_as_nobody_in_particular_and_keeps_its_files_in_volumes() -> None:
    uid, _, gid = last("USER").partition(":")
    assert int(uid) > 1000
    assert int(gid) > 1000
    folders = dict(word.split("=", 1) for word in shlex.split(last("ENV")))
    volumes = json.loads(last("VOLUME"))
    assert {folders["FREELLM_CONFIG_DIR"], folders["FREELLM_STATE_DIR"]} == set(volumes)


def serve(folder: Path, *more: str, **env: str) -> subprocess.Popen[str]:
    """What the container starts, with a free port in place of its own."""
    words = [*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))]
    assert words[0] == "freellm"
    assert words[-2:] == ["--port", last("EXPOSE")]
    return subprocess.Popen(
        [sys.executable, "-m", "freellm_cli", *words[1:-1], "0", "--json", *more],
        cwd=ROOT,
        env={
            **os.environ,
            "FREELLM_CONFIG_DIR": str(folder / "config"),
            "FREELLM_STATE_DIR": str(folder / "state"),
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_a_key_for_clients_it_says_so_and_ends(tmp_path: Path) -> None:
    process = serve(tmp_path)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "serve.token" in errors


def test_with_a_key_it_serves_and_its_health_check_agrees(tmp_path: Path) -> None:
    check = last("HEALTHCHECK").partition(" CMD ")[2]
    program, flag, code = json.loads(check)
    assert (program, flag) == ("python", "-c")
    process = serve(tmp_path, FREELLM_SERVE_TOKEN="a-key-for-clients")
    try:
        assert process.stdout
        told = ""
        while "}" not in told:
            line = process.stdout.readline()
            assert line, "it ended"
            told += line
        here = code.replace(last("EXPOSE"), str(json.loads(told)["port"]))
        assert here != code
        healthy = subprocess.run([sys.executable, "-c", here], check=False)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert healthy.returncode == 0
    assert subprocess.run([sys.executable, "-c", here], capture_output=True, check=False).returncode
