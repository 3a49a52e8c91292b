"""Every command's help has an example, and the example works as it stands, typed into a real shell."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.cli.command_tree import command_tree
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household
from tests.support.program import program_script

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = {
    command.name: command.example for command in command_tree().walk() if not command.is_word
}
# A person must be there: the key is typed, the login is somebody's. They have tests of their own.
WANTS_A_PERSON = (
    "freellm keys add gemini",
    "freellm oauth login",
    "freellm oauth refresh",
    "freellm oauth logout",
    "freellm oauth import",
)
LASTS = ("freellm serve",)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no shell on this machine")


@pytest.fixture
def typed_there(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder to type in, and an environment with keys, an account and a past request."""
    with Simulator("generous") as sim:
        home = Household(tmp_path, sim)
        for name in ("gemini", "groq", "nvidia_nim"):
            home.provider(name)
        home.keys("gemini", "AIza-one-0123456789", "AIza-two-0123456789")
        home.keys("nvidia_nim", "nvapi-one-0123456789")
        assert home.run("chat", "-m", "kimi-k2", "hello").code == 0
        program = program_script(tmp_path / "bin" / "freellm")
        (tmp_path / ".env").write_text("GROQ_API_KEY_1=gsk_from_a_file_0123456789\n")
        env = {
            **home.env,
            "HOME": str(tmp_path),
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "MY_KEY": "gsk_from_a_variable_0123456789",
        }
        home.forget()
        yield tmp_path, env


def test_every_command_has_an_example() -> None:
    assert [name for name, example in EXAMPLES.items() if not example] == []
    assert all("freellm" in example and "\n" not in example for example in EXAMPLES.values())


@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES.values() if not e.startswith((*WANTS_A_PERSON, *LASTS))],
)
def test_an_example_works(example: str, typed_there: tuple[Path, dict[str, str]]) -> None:
    folder, env = typed_there
    done = subprocess.run(
        ["bash", "-o", "errexit", "-c", example],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
