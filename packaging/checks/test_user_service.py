"""The installed unit, run by a systemd of a user's own: started with all its locks, asked, stopped.

A machine that was not started by systemd (a container, a build machine) has no such manager; so one is
started, in a mount namespace in which the machine looks as if it had. Needs root, and a Linux with systemd
installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MANAGER = Path("/lib/systemd/systemd")
SYSTEMS_PYTHON = "/usr/bin/python3"
NOBODY = 65534
PORT = 18999
GROUPS = [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
WORLD = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/inaccessible /run/user/{uid}
chown {uid} /run/user/{uid}
exec setpriv --reuid={uid} --regid={uid} --clear-groups env -i \
  HOME={home} XDG_RUNTIME_DIR=/run/user/{uid} PATH=/usr/bin:/bin LC_ALL=C.UTF-8 sh {script}
"""
SCRIPT = """
/lib/systemd/systemd --user >/dev/null 2>&1 &
manager=$!
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 0.5
  {python} -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/healthz').read())" \
    2>/dev/null && break
done
systemctl --user show freellm -p ActiveState -p NRestarts
systemctl --user stop freellm
systemctl --user show freellm -p ActiveState -p Result -p ExecMainStatus
kill $manager
wait
"""

pytestmark = pytest.mark.skipif(
    not MANAGER.exists()
    or not hasattr(os, "geteuid")
    or os.geteuid() != 0
    or Path("/run/systemd/system").exists()
    or shutil.which("setpriv") is None,
    reason="needs root on a Linux that has systemd but was not started by it",
)


@pytest.fixture
def home(wheel: Path) -> Iterator[Path]:
    """A home with freellm in a folder with a space; not in /tmp, which a service has one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="freellm-", dir="/srv"))
    try:
        library = folder / "lib"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", library, wheel]
        subprocess.run(command, check=True, cwd="/")
        program = folder / "my programs" / "freellm"
        program.parent.mkdir()
        program.write_text(
            f"#!{SYSTEMS_PYTHON} -I\nimport sys\nsys.path.insert(0, {str(library)!r})\n"
            "from freellm_cli.__main__ import program\nprogram()\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder)


def test_the_unit_starts_answers_and_stops(home: Path) -> None:
    program = home / "my programs" / "freellm"
    arguments = ["serve", "--install-service", "--simulate", "free", "--port", str(PORT)]
    installed = subprocess.run(
        [program, *arguments],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        user=NOBODY,
        group=NOBODY,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert installed.returncode == 0, installed.stderr
    units = home / ".config/systemd/user"
    wanted = units / "default.target.wants"
    wanted.mkdir()
    wanted.joinpath("freellm.service").symlink_to(units / "freellm.service")
    told = in_a_booted_world(home)
    assert '"status":"ok"' in told.replace(" ", ""), told
    assert "ActiveState=active" in told, told
    assert "NRestarts=0" in told, told
    for end in ("ActiveState=inactive", "Result=success", "ExecMainStatus=0"):
        assert end in told, told


def in_a_booted_world(home: Path) -> str:
    script = home / "world.sh"
    script.write_text(SCRIPT.format(python=SYSTEMS_PYTHON, port=PORT), encoding="utf-8")
    made = []
    for root in GROUPS:
        if (root / "cgroup.procs").exists():
            group = root / "freellm-check"
            group.mkdir(exist_ok=True)
            for path in [group, *group.iterdir()]:
                os.chown(path, NOBODY, NOBODY)
            made.append(group)

    join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in made)
    world = WORLD.format(uid=NOBODY, home=home, script=script)
    done = subprocess.run(
        ["sh", "-c", f"{join} exec unshare --mount --propagation private sh -c '{world}'"],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    for group in made:
        for inner in sorted(group.rglob("*/"), reverse=True):
            inner.rmdir()
        group.rmdir()
    return done.stdout + done.stderr
