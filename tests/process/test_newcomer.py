"""A newcomer's walk: an empty home, a terminal, and nothing read but the README.

Every error is taken at its word: the command that it names is typed as it stands.
"""

from __future__ import annotations

import os
import re
import shutil
import site
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.providers.registry import load_catalog
from freellm_cli.simulator.server import Simulator
from tests.support.program import program_script
from tests.support.upstream import simulator

pexpect = pytest.importorskip("pexpect", reason="there are no pseudo-terminals on Windows")
pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("bash") is None, reason="needs a shell on a pseudo-terminal"
)

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GOOD = "gsk_good0123456789012345678901234567890123456789012345678"
WRONG = "gsk_wrong012345678901234567890123456789012345678901234567"
NVIDIA = "nvapi-0123456789012345678901234567890123456789012345678901234567890123"
PROMPT = "newcomer$ "
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulator("generous") as running:
        running.key(WRONG).bad()
        yield running


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository as `git clone` leaves it, with the libraries that the first command would fetch."""
    folder = tmp_path / "freellm"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", folder / "scripts" / "setup")
    for name in ("freellm_cli", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    environment = folder / ".venv"
    venv.create(environment, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = [sysconfig.get_paths()["purelib"], *site.getsitepackages(), str(ROOT)]
    path_file = environment / "lib" / version / "site-packages" / "given.pth"
    path_file.write_text("\n".join(dict.fromkeys(libraries)))
    program_script(environment / "bin" / "freellm")
    wanted = (folder / "pyproject.toml").read_text(encoding="utf-8")
    (environment / "installed.txt").write_text(wanted, encoding="utf-8")
    return folder


class Newcomer:
    """`types` gives what the terminal shows until the next prompt; `answers` are for what is asked."""

    def __init__(self, clone: Path, home: Path, columns: int) -> None:
        env = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "BROWSER": "true",
            "SHELL": "/bin/bash",
            "PS1": PROMPT,
        }
        self.child = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], cwd=str(clone), env=env, encoding="utf-8",
            timeout=60, dimensions=(50, columns), use_poll=True,
        )  # fmt: skip
        self.child.expect_exact(PROMPT)

    def types(self, line: str, *answers: tuple[str, str]) -> str:
        self.child.sendline(line)
        self.child.readline()  # the line itself
        seen = ""
        for asked, answer in answers:
            self.child.expect_exact(asked)
            seen += self.child.before + self.child.after
            self.child.sendline(answer)
        self.child.expect_exact(PROMPT)
        return CONTROL.sub("", seen + str(self.child.before))

    def succeeds(self, line: str, *answers: tuple[str, str]) -> str:
        seen = self.types(line, *answers)
        assert self.types("echo code $?").strip() == "code 0", f"$ {line}\n{seen}"
        return seen

    def fails(self, line: str) -> str:
        """What the error says, in one line, however narrow the terminal."""
        seen = self.types(line)
        assert self.types("echo code $?").strip() != "code 0", f"$ {line}\n{seen}"
        assert "error: " in seen
        return seen


def named(error: str) -> str:
    """The command that an error tells to type."""
    found = re.search(r"`(freellm [^`]+)`", error)
    assert found, error
    return found[1]


@pytest.fixture
def newcomer(clone: Path, tmp_path: Path, sim: Simulator) -> Iterator[Newcomer]:
    home = tmp_path / "home"
    settings = home / ".config" / "freellm" / "config.toml"
    settings.parent.mkdir(parents=True)
    addresses = [
        f'[providers.{spec.id}]\nbase_url = "{sim.base_url(spec.id)}"\n'
        for spec in load_catalog().providers()
        if spec.auth != "oauth" and not spec.local
    ]
    settings.write_text("\n".join(addresses))
    person = Newcomer(clone, home, 120)
    yield person
    person.child.close(force=True)


def test_from_the_readme_to_an_answer_and_out_of_every_mistake(
    newcomer: Newcomer, sim: Simulator
) -> None:
    # The first command of the README, and where it says that the command now is.
    assert "$ python3 scripts/setup demo" in README
    assert "Your turn" in newcomer.succeeds("python3 scripts/setup demo")
    assert "`. .venv/bin/activate`" in README
    newcomer.succeeds(". .venv/bin/activate; PS1='newcomer$ '")

    # What now? The program itself tells.
    assert "freellm setup" in newcomer.succeeds("freellm")
    assert named(newcomer.fails("freellm chat hello")) == "freellm setup"
    told = newcomer.succeeds(
        "freellm setup",
        ("Which one?", "gogle"),
        ("Which one?", ""),
        ("now? [Y/n]", "n"),
        ("not shown", WRONG),
        ("not shown", GOOD),
    )
    for said in ("did you mean gemini?", "not stored", "stored groq-1", "It works"):
        assert said in told
    assert GOOD not in told
    for line in ('freellm chat "Why is the sky blue?"', "freellm completion install"):
        assert line in told
        newcomer.succeeds(line)

    # Looking round.
    assert "groq-1" in newcomer.succeeds("freellm keys list")
    assert "groq-1" in newcomer.succeeds("freellm limits")
    assert "answered by" in newcomer.succeeds("freellm why")
    assert "sky blue" in newcomer.succeeds("freellm history")
    assert "1 × groq" in newcomer.succeeds("freellm")

    # Slips, and what is said about them, taken at its word.
    assert "simulated" in newcomer.succeeds(named(newcomer.fails("freellm chta 'hello there'")))
    assert "groq-1" in newcomer.succeeds(named(newcomer.fails("freellm kyes list")))
    assert "did you mean --model?" in newcomer.fails("freellm chat --modle auto hello")
    newcomer.succeeds("freellm chat --model auto hello")
    meant = re.search(r"did you mean (\S+?)[,?]", newcomer.fails("freellm chat -m gpt-oss-12b hi"))
    assert meant
    newcomer.succeeds(f"freellm chat -m {meant[1]} hi")
    whose = re.search(r"did you mean (\S+?)\?", newcomer.fails("freellm chat -m groq hi"))
    assert whose
    newcomer.succeeds(f"freellm chat -m {whose[1]} hi")

    # A model of somebody else's: the key that opens it is named.
    way = named(newcomer.fails("freellm chat -m kimi-k3 hi"))
    assert way == "freellm keys add nvidia_nim"
    newcomer.succeeds(way, ("not shown", NVIDIA), ("not shown", ""))
    assert "kimi-k3" in newcomer.succeeds("freellm chat -m kimi-k3 hi")

    # A key that has died since: who still answers answers, and the reason is to be had.
    sim.key(GOOD).bad()
    newcomer.succeeds("freellm chat hello")
    assert "groq-1" in newcomer.succeeds("freellm limits")
    assert "Invalid API Key" in newcomer.types("freellm keys check")
    newcomer.succeeds("freellm keys remove groq-1 --yes")
    assert "1 × nvidia_nim" in newcomer.succeeds("freellm")
    newcomer.succeeds("freellm doctor")


@pytest.mark.parametrize("columns", [40, 120])
def test_the_first_minute_fits_the_terminal(
    clone: Path, tmp_path: Path, sim: Simulator, columns: int
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    person = Newcomer(clone, home, columns)
    person.types("PATH=$PWD/.venv/bin:$PATH")
    for line in ("freellm", "freellm models --recommended", "freellm keys", "freellm limits"):
        seen = person.succeeds(line)
        assert max(map(len, seen.split("\n"))) <= columns, line
    person.child.close(force=True)
