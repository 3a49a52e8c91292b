"""The packages, built once for all tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


class Packages(NamedTuple):
    sources: Path
    """What a fresh clone of the repository holds."""
    sdist: Path
    wheel: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker builds, the others need not."""
    for item in items:
        if HERE in item.path.parents and "packages" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("packages"))


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    if not names:
        pytest.skip("not a clone: what belongs to the sources is known from git")
    return names


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("packages")
    sources = folder / "clone"
    for name in tracked_files():
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    out = folder / "dist"
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, sources],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Packages(sources, sdist, wheel)
