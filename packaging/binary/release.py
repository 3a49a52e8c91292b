"""What people download: the one file with what lies beside it, as a folder and as one archive."""

from __future__ import annotations

import gzip
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def platform_name() -> str:
    """For example `linux-x86_64`."""
    machine = platform.machine().lower()
    return f"{SYSTEMS.get(sys.platform, sys.platform)}-{MACHINES.get(machine, machine)}"


def make_release(root: Path, licenses: Path, program: Path, folder: Path) -> Path:
    """Fills `folder` and packs it beside itself; returns the archive."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy2(program, folder)
    for name in ("completions", "man"):
        shutil.copytree(root / name, folder / name)
    for name in ("LICENSE", "README.md"):
        shutil.copy(root / name, folder)
    shutil.copytree(licenses, folder / "licenses")
    when = commit_time(root)
    return _zip(folder) if os.name == "nt" else _tar(folder, when)


def commit_time(root: Path) -> int:
    """Seconds since 1970 of the commit that is built; 1980 outside of a clone, the first that a zip knows."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=root, capture_output=True, text=True, check=False
    )
    return int(done.stdout) if done.returncode == 0 else 315_532_800


def collect_licenses(site: Path, tree: Path, folder: Path) -> None:
    """The texts that Python, the packages and the machine's libraries ask to be passed on."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for text in sorted(site.rglob("*")):
        above = [part for part in text.parts if part.endswith(".dist-info")]
        if above and text.is_file() and _is_license(text):
            shutil.copy(text, folder / f"{above[0].split('-')[0]}-{text.name}")
    for text in [*tree.glob("lib/python*/LICENSE.txt"), *tree.glob("Lib/LICENSE.txt")]:
        shutil.copy(text, folder / "python-LICENSE.txt")
    libraries = [path for path in tree.glob("lib/*.so*") if not path.name.startswith("libpython")]
    for library in sorted(libraries):
        owner = subprocess.run(
            ["dpkg-query", "-S", f"*/{library.name}"], capture_output=True, text=True, check=False
        ) if shutil.which("dpkg-query") else None  # fmt: skip
        package = owner.stdout.split(":")[0] if owner else ""
        text = Path("/usr/share/doc", package or "-", "copyright")
        if text.is_file():
            shutil.copy(text, folder / f"{package}-copyright")


def _is_license(text: Path) -> bool:
    names = ("LICEN", "COPYING", "NOTICE", "AUTHORS")
    return text.parent.name == "licenses" or text.name.upper().startswith(names)


def _tar(folder: Path, when: int) -> Path:
    archive = folder.with_name(f"{folder.name}.tar.gz")

    def owned_by_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = when
        return entry

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path in [folder, *sorted(folder.rglob("*"))]:
            name = path.relative_to(folder.parent).as_posix()
            tar.add(path, name, recursive=False, filter=owned_by_nobody)
    archive.write_bytes(gzip.compress(plain.getvalue(), 9, mtime=when))
    return archive


def _zip(folder: Path) -> Path:
    archive = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder.parent))
    return archive
