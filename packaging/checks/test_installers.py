"""Each way in which people install a Python program, from the built wheel, each with its own environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = Path(sys.executable).parent


def output(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=env,
        cwd=os.path.expanduser("~"),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def person(folder: Path) -> dict[str, str]:
    """Somebody with a home of their own, who keeps what they installed before."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FREELLM_")}
    return {
        **kept,
        "HOME": str(folder),
        "USERPROFILE": str(folder),
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
        "UV_TOOL_DIR": str(folder / "uv"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "UV_CACHE_DIR": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / ".config"),
        "XDG_STATE_HOME": str(folder / ".local/state"),
    }


def check_program(program: Path, env: dict[str, str]) -> None:
    assert output(program, "--version", env=env).startswith("freellm ")
    assert "Your turn" in output(program, "demo", env=env)
    if os.name != "nt" and sys.platform != "darwin":
        unit = output(program, "serve", "--install-service", "--print", env=env)
        assert f"ExecStart=:{program} serve\n" in unit


def test_pip_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    output(sys.executable, "-m", "venv", place)
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    output(scripts / "python", "-m", "pip", "install", "--quiet", wheel)
    output(scripts / "python", "-m", "pip", "check")
    check_program(scripts / "freellm", person(tmp_path))


def test_pipx_installs_links_and_removes_it(wheel: Path, tmp_path: Path) -> None:
    env = person(tmp_path)
    output(TOOLS / "pipx", "install", wheel, env=env)
    program = tmp_path / "bin" / "freellm"
    check_program(program, env)
    assert (tmp_path / "man/man1/freellm-chat.1").exists(), "pipx shows the man pages"
    output(TOOLS / "pipx", "uninstall", "freellm", env=env)
    assert not os.path.lexists(program)


def test_uv_installs_links_and_removes_it(wheel: Path, tmp_path: Path) -> None:
    env = person(tmp_path)
    output(TOOLS / "uv", "tool", "install", "--python", sys.executable, wheel, env=env)
    program = tmp_path / "bin" / "freellm"
    check_program(program, env)
    output(TOOLS / "uv", "tool", "uninstall", "freellm", env=env)
    assert not os.path.lexists(program)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
