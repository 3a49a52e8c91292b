"""Builds the one file with the Python that runs this; `scripts/binary` makes that Python's environment."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import payload
import release
from tree import WINDOWS, Tree

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / "build" / "binary"
NAME = "freellm.exe" if WINDOWS else "freellm"
C_OPTIONS = ["-Wall", "-Wextra", "-Os"]


def main(target: Path) -> None:
    began = time.monotonic()
    site = install(WORK / "site")
    tree = Tree(WORK / "tree", site)
    first = tree.build()
    version = version_of(site)
    build = {
        "version": version,
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime(release.commit_time(ROOT))),
        "platform": release.platform_name(),
        "python": platform.python_version(),
    }
    (tree.root / "build.json").write_text(json.dumps(build), encoding="utf-8")
    release.collect_licenses(site, tree.root, WORK / "licenses")
    texts = [path.read_text("utf-8", "replace") for path in sorted((WORK / "licenses").iterdir())]
    (tree.root / "licenses.txt").write_text("\n\n".join(texts), encoding="utf-8")
    program = WORK / NAME
    program.write_bytes(payload.join(compiled_launcher(), tree.root, first))
    program.chmod(0o755)
    prove(program, version)
    folder = target / f"freellm-{version}-{release.platform_name()}"
    archive = release.make_release(ROOT, WORK / "licenses", program, folder)
    for path in (folder / NAME, archive):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}\n  {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")
    print(f"built in {time.monotonic() - began:.0f} s")


def install(site: Path) -> Path:
    """freellm as a wheel, with every extra: nothing can be added to the one file later. The versions are
    those of the other packages."""
    shutil.rmtree(site, ignore_errors=True)
    pinned = (ROOT / "packaging" / "requirements.txt").read_text(encoding="utf-8")
    constraints = WORK / "constraints.txt"
    constraints.write_text(
        "\n".join(re.findall(r"^\w\S*==\S+(?: ; [^\\\n]+)?", pinned, re.MULTILINE))
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ",".join(sorted(project.get("optional-dependencies", {})))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    wanted = [f"{ROOT}[{extras}]", "tzdata"]
    into = ["--no-compile", "--no-build-isolation", "--target", str(site), "-c", str(constraints)]
    run([*pip, *into, *wanted])
    return site


def compiled_launcher() -> bytes:
    """`CC`, else the machine's compiler, else the one that pip brings."""
    own = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    named = os.environ.get("CC")
    compiler = [named] if named else [own] if own else [sys.executable, "-m", "ziglang", "cc"]
    program = WORK / f"launcher-{NAME}"
    source = Path(__file__).with_name("launcher.c")
    stripped = [] if sys.platform == "darwin" else ["-s"]
    run([*compiler, *C_OPTIONS, *stripped, "-o", str(program), str(source)])
    return program.read_bytes()


def version_of(site: Path) -> str:
    return next(site.glob("freellm-*.dist-info")).stem.removeprefix("freellm-")


def commit() -> str:
    """Twelve letters, with `+` when files differ from it; empty outside of a clone."""
    words = ["git", "describe", "--always", "--exclude", "*", "--abbrev=12", "--dirty=+"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def prove(program: Path, version: str) -> None:
    """A first and a second start, where there is nothing but the file."""
    keep = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if WINDOWS else {}
    with tempfile.TemporaryDirectory() as home:
        env = {**keep, "HOME": home, "LOCALAPPDATA": home, "PATH": ""}
        for words in (["--version"], ["--help"]):
            done = subprocess.run(
                [program, *words], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode or "freellm" not in done.stdout:
                raise SystemExit(f"{program} {words} does not work: {done.stdout}{done.stderr}")


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
