"""The Debian package: built by Debian's tools, clean in lintian's eyes, installed and taken away again.

Installing needs root and a machine that may be changed; what was not there before is removed afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("dpkg-buildpackage", "dh", "dh_python3", "lintian")

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in NEEDED),
    reason="needs a Debian with dpkg-dev, debhelper, dh-python and lintian",
)


def output(*command: str | Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, cwd="/", timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("deb")
    output("python3" if shutil.which("python3") else "python", ROOT / "scripts/deb", "--out", out)
    (found,) = out.glob("*.deb")
    return found


def test_lintian_finds_neither_errors_nor_warnings(package: Path) -> None:
    output("lintian", "--fail-on", "error,warning", package)


def test_pages_and_completions_are_where_the_system_looks(package: Path) -> None:
    listed = output("dpkg-deb", "--contents", package)
    for page in sorted(ROOT.joinpath("man").glob("*.1")):
        assert f"./usr/share/man/man1/{page.name}.gz\n" in listed
    for place in (
        "bash-completion/completions/freellm",
        "zsh/vendor-completions/_freellm",
        "fish/vendor_completions.d/freellm.fish",
        "doc/freellm/copyright",
        "doc/freellm/changelog.gz",
    ):
        assert f"./usr/share/{place}\n" in listed


def test_every_library_inside_keeps_its_licence(package: Path, tmp_path: Path) -> None:
    output("dpkg-deb", "--extract", package, tmp_path)
    share = tmp_path / "usr/share"
    text = share.joinpath("doc/freellm/copyright").read_text(encoding="utf-8")
    inside = {path.name.split("-")[0] for path in share.glob("freellm/*.dist-info")}
    assert len(inside) > 15
    for name in inside:
        assert f"Files: debian/libraries/{name}*" in text
    assert not list(share.glob("freellm/**/*.so")), "it says that it is for every architecture"


@pytest.fixture(scope="module")
def installed(package: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root installs packages")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    before = set(output("dpkg-query", "--show", "--showformat", "${Package}\n").split())
    if "freellm" in before:
        pytest.skip("freellm is installed on this machine; it is left alone")
    depends = output("dpkg-deb", "--field", package, "Depends")
    names = [part.split("(")[0].split(":")[0].strip() for part in depends.split(",")]
    missing = [name for name in names if name not in before]
    try:
        if missing:
            output("apt-get", "install", "-y", "--no-install-recommends", *missing, env=quiet)
        output("dpkg", "--install", package, env=quiet)
        yield
    finally:
        output("dpkg", "--purge", "freellm", *missing, env=quiet)
        assert not Path("/usr/share/freellm").exists(), "compiled files stayed behind"
        assert not Path("/usr/bin/freellm").exists()


def run(tmp_path: Path, *words: str) -> str:
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(tmp_path),
        "MANPATH": "/usr/share/man",
    }
    return output(*words, env=env)


@pytest.mark.usefixtures("installed")
class TestInstalled:
    def test_it_names_its_version_and_shows_what_it_does(self, tmp_path: Path) -> None:
        (tmp_path / "requests.py").write_text("raise SystemExit('a library of the person')")
        assert run(tmp_path, "freellm", "--version").startswith("freellm ")
        assert "simulated" in run(tmp_path, "freellm", "demo")

    def test_every_library_can_be_imported(self, tmp_path: Path) -> None:
        code = (
            "import sys; sys.path.insert(0, '/usr/share/freellm');"
            "import google_auth_oauthlib.flow, prompt_toolkit, rich, tomlkit, tomli_w, typer, requests"
        )
        run(tmp_path, "/usr/bin/python3", "-I", "-c", code)

    def test_its_modules_are_compiled_so_that_it_starts_at_once(self) -> None:
        assert list(Path("/usr/share/freellm/freellm_cli/cli/__pycache__").glob("front.*.pyc"))

    def test_a_service_runs_the_installed_program(self, tmp_path: Path) -> None:
        unit = run(tmp_path, "freellm", "serve", "--install-service", "--print")
        assert "ExecStart=:/usr/bin/freellm serve\n" in unit
