"""What is uploaded: complete, well-formed, and a working freellm once installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from freellm_cli import __version__
from tests.packaging.conftest import ROOT, Packages

INFO = f"freellm-{__version__}.dist-info"
SHARE = f"freellm-{__version__}.data/data/share"
NOT_IN_SDIST = {".gitignore", ".gitattributes", "Makefile"}
BIN = "Scripts" if os.name == "nt" else "bin"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_wheel(packages: Packages) -> dict[str, bytes]:
    with zipfile.ZipFile(packages.wheel) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def test_the_wheel_holds_the_whole_package_and_nothing_else_of_ours(packages: Packages) -> None:
    inside = {name for name in in_wheel(packages) if name.startswith("freellm_cli/")}
    folder = packages.sources / "freellm_cli"
    there = {path.relative_to(packages.sources).as_posix() for path in folder.rglob("*")}
    assert inside == {name for name in there if (packages.sources / name).is_file()}
    tops = {name.split("/")[0] for name in in_wheel(packages)}
    assert tops == {"freellm_cli", INFO, SHARE.split("/")[0]}


def test_pages_completions_and_licence_are_inside_both(packages: Packages) -> None:
    wheel = in_wheel(packages)
    with tarfile.open(packages.sdist) as archive:
        sdist = {name.partition("/")[2] for name in archive.getnames()}
    for page in packages.sources.joinpath("man").glob("*.1"):
        assert wheel[f"{SHARE}/man/man1/{page.name}"] == page.read_bytes()
        assert f"man/{page.name}" in sdist
    places = {
        "freellm.bash": "bash-completion/completions/freellm",
        "freellm.zsh": "zsh/site-functions/_freellm",
        "freellm.fish": "fish/vendor_completions.d/freellm.fish",
        "freellm.ps1": "freellm/completion.ps1",
    }
    for name, place in places.items():
        assert wheel[f"{SHARE}/{place}"] == (ROOT / "completions" / name).read_bytes()
        assert f"completions/{name}" in sdist
    assert wheel[f"{INFO}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert "LICENSE" in sdist


def test_the_sources_can_be_checked_and_built_by_whoever_has_them(packages: Packages) -> None:
    with tarfile.open(packages.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {
        path.relative_to(packages.sources).as_posix()
        for path in packages.sources.rglob("*")
        if path.is_file()
    }
    assert tracked - inside <= NOT_IN_SDIST, "left out of the sources"


def test_what_an_index_shows_is_right(packages: Packages) -> None:
    shown = message_from_string(in_wheel(packages)[f"{INFO}/METADATA"].decode())
    assert shown["Name"] == "freellm"
    assert shown["Version"] == __version__
    assert shown["License-Expression"] == "MIT"
    assert shown["Requires-Python"] == ">=3.11"
    assert "keyring" in (shown.get_all("Provides-Extra") or [])


def test_the_strict_readers_of_packages_are_content(packages: Packages) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", packages.wheel, packages.sdist)
    run(sys.executable, "-m", "check_wheel_contents", packages.wheel)


def test_the_same_sources_give_the_same_bytes(packages: Packages, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    run(*command, cwd=packages.sources)
    (again,) = tmp_path.glob("*.whl")
    assert again.read_bytes() == packages.wheel.read_bytes()


@pytest.fixture(scope="module")
def installed(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; what freellm stands on is lent by the tests' own, so that no
    network is needed."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / BIN / Path(sys.executable).name
    if not python.exists():
        shutil.copy(sys.executable, python)
    place = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    place.joinpath("lent.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", packages.wheel)
    return folder


def test_an_installed_wheel_is_a_working_freellm(installed: Path, tmp_path: Path) -> None:
    program = installed / BIN / ("freellm.exe" if os.name == "nt" else "freellm")
    assert run(program, "--version", cwd=tmp_path) == f"freellm {__version__}\n"
    shown = run(program, "demo", cwd=tmp_path)
    assert "simulated" in shown
    where = run(
        installed / BIN / "python",
        "-c",
        "import freellm_cli; print(freellm_cli.__file__)",
        cwd=tmp_path,
    )
    assert Path(where.strip()).is_relative_to(installed), "it was another freellm that worked"


def test_an_installed_wheel_brings_its_pages_and_takes_them_away(
    installed: Path, packages: Packages, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(installed, folder, symlinks=True)
    assert (folder / "share/man/man1/freellm-chat.1").exists()
    python = folder / BIN / Path(sys.executable).name
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "uninstall", "--quiet", "--yes", "freellm")
    left = [path for path in folder.rglob("*freellm*") if "__pycache__" not in path.parts]
    assert left == []


def test_a_service_of_an_installed_wheel_runs_its_program(installed: Path, tmp_path: Path) -> None:
    if os.name == "nt" or sys.platform == "darwin":
        pytest.skip("reads a systemd unit")
    program = installed / BIN / "freellm"
    for words in ([program], [installed / BIN / "python", "-m", "freellm_cli"]):
        unit = run(*words, "serve", "--install-service", "--print", cwd=tmp_path)
        assert f"ExecStart=:{program} serve" in unit
