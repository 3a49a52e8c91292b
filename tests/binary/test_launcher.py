"""One file unpacks itself once, whoever starts it how often and is killed when."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.one_file import compile_launcher, compiler, make_one_file, names_in

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the launcher's other half"),
    pytest.mark.skipif(compiler() is None, reason="no C compiler"),
]
HOLDS = "import sys\nprint('up', flush=True)\nsys.stdin.read()\n"


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_launcher(tmp_path_factory.mktemp("launcher"))


@pytest.fixture
def file(tmp_path: Path, launcher: bytes) -> Path:
    return make_one_file(tmp_path, launcher)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return tmp_path / "home"


def environment(home: Path, **more: str) -> Mapping[str, str]:
    return {"HOME": str(home), "TMPDIR": str(home.parent / "tmp"), "PATH": "/nonexistent", **more}


def start(file: Path, home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [file, *words], env=environment(home, **more), capture_output=True, text=True, timeout=60
    )


def runtime_of(home: Path) -> Path:
    usual = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return home / usual / "freellm" / "runtime"


def test_what_is_typed_arrives_as_it_was(file: Path, home: Path) -> None:
    for _ in range(2):
        done = start(file, home, "a b", "", "*", "--x=ü")
        assert (done.returncode, done.stdout, done.stderr) == (0, "one a b  * --x=ü\n", "")


def test_the_second_start_unpacks_nothing(file: Path, home: Path) -> None:
    start(file, home)
    (tree,) = names_in(runtime_of(home))
    before = {p: p.stat().st_mtime_ns for p in (runtime_of(home) / tree).rglob("*")}
    assert len(before) > 60
    start(file, home)
    assert {p: p.stat().st_mtime_ns for p in (runtime_of(home) / tree).rglob("*")} == before


def test_what_is_unpacked_is_the_persons_alone(file: Path, home: Path) -> None:
    start(file, home)
    (tree,) = names_in(runtime_of(home))
    for folder in (runtime_of(home), runtime_of(home) / tree):
        assert folder.stat().st_mode & 0o077 == 0


def test_twenty_first_starts_at_once_unpack_once(file: Path, home: Path) -> None:
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda number: start(file, home, str(number)), range(20)))
    assert [d.stdout for d in done] == [f"one {number}\n" for number in range(20)]
    assert [d.stderr for d in done] == [""] * 20
    assert len(names_in(runtime_of(home))) == 1


def test_a_first_start_that_is_killed_leaves_only_what_the_next_one_clears(
    file: Path, home: Path
) -> None:
    began = time.monotonic()
    start(file, home)
    whole = time.monotonic() - began
    (name,) = names_in(runtime_of(home))
    chance = random.Random(7)
    unfinished = 0
    for number in range(25):
        home = home.parent / f"home{number}"
        home.mkdir()
        process = subprocess.Popen(
            [file], env=environment(home), stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0, whole))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        left = names_in(runtime_of(home))
        assert left <= {name, f"new-{name}"}
        unfinished += f"new-{name}" in left
        assert start(file, home).stdout == "one\n"
        assert names_in(runtime_of(home)) == {name}
    assert unfinished, "no kill met the unpacking"
    assert list((home.parent / "tmp").iterdir()) == []


def test_a_later_version_removes_an_earlier_one(file: Path, home: Path, launcher: bytes) -> None:
    start(file, home)
    (earlier,) = names_in(runtime_of(home))
    (runtime_of(home) / f"new-{earlier}").mkdir()
    (runtime_of(home) / "somebody's").mkdir()
    later = make_one_file(home.parent, launcher, "two")
    assert start(later, home).stdout == "two\n"
    left = names_in(runtime_of(home))
    assert len(left) == 2
    assert "somebody's" in left
    assert earlier not in left
    assert start(file, home).stdout == "one\n", "it is unpacked again"


def test_a_version_that_runs_is_not_removed(tmp_path: Path, home: Path, launcher: bytes) -> None:
    running = make_one_file(tmp_path, launcher, "runs", HOLDS)
    with subprocess.Popen(
        [running], env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (earlier,) = names_in(runtime_of(home))
        start(make_one_file(tmp_path, launcher, "two"), home)
        assert earlier in names_in(runtime_of(home))
        process.communicate("")
    start(make_one_file(tmp_path, launcher, "three"), home)
    assert earlier not in names_in(runtime_of(home))


@pytest.mark.parametrize("lost", ["held", "bin/freellm"])
def test_a_tree_that_lost_a_file_is_unpacked_again(file: Path, home: Path, lost: str) -> None:
    start(file, home)
    (tree,) = names_in(runtime_of(home))
    (runtime_of(home) / tree / lost).unlink()
    assert start(file, home).stdout == "one\n"
    assert names_in(runtime_of(home)) == {tree}
    assert (runtime_of(home) / tree / lost).exists()


def test_a_tree_whose_first_files_were_cut_short_is_unpacked_again(file: Path, home: Path) -> None:
    """As a power cut can leave them."""
    start(file, home)
    (tree,) = names_in(runtime_of(home))
    (runtime_of(home) / tree / "bin" / "freellm").write_bytes(b"")
    done = start(file, home)
    assert (done.stdout, done.stderr) == ("one\n", "")


@pytest.mark.parametrize("open_to", [0o770, 0o777])
def test_nothing_is_started_from_a_folder_that_others_may_write(
    file: Path, home: Path, open_to: int
) -> None:
    start(file, home)
    runtime_of(home).chmod(open_to)
    done = start(file, home)
    assert done.returncode == 3
    assert "others may write" in done.stderr
    assert "FREELLM_RUNTIME_DIR" in done.stderr


def test_a_link_in_place_of_the_tree_is_not_followed(file: Path, home: Path) -> None:
    start(file, home)
    (tree,) = names_in(runtime_of(home))
    os.rename(runtime_of(home) / tree, home / "elsewhere")
    (runtime_of(home) / tree).symlink_to(home / "elsewhere")
    assert start(file, home).stdout == "one\n"
    assert not (runtime_of(home) / tree).is_symlink()
    assert (home / "elsewhere" / "bin" / "freellm").exists()


def test_where_the_cache_is_no_folder_the_sessions_own_folder_serves(
    file: Path, home: Path
) -> None:
    (home / ".cache").write_text("not a folder")
    (home / "Library").write_text("nor this")
    session = home / "session"
    session.mkdir(mode=0o700)
    done = start(file, home, XDG_RUNTIME_DIR=str(session))
    assert (done.stdout, done.stderr) == ("one\n", "")
    assert (session / "freellm" / "runtime").is_dir()


def test_where_nothing_can_be_written_it_says_what_to_do(file: Path, home: Path) -> None:
    (home / ".cache").write_text("not a folder")
    (home / "Library").write_text("nor this")
    done = start(file, home)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Not a directory" in done.stderr
    assert "FREELLM_RUNTIME_DIR" in done.stderr
    chosen = start(file, home, FREELLM_RUNTIME_DIR=str(home / "chosen"))
    assert chosen.stdout == "one\n"


@pytest.mark.parametrize(
    ("variable", "below"),
    [("FREELLM_CACHE_DIR", "runtime"), ("XDG_CACHE_HOME", "freellm/runtime")],
)
def test_the_cache_folder_may_be_named(file: Path, home: Path, variable: str, below: str) -> None:
    start(file, home, **{variable: str(home / "named")})
    assert len(names_in(home / "named" / below)) == 1
    assert not runtime_of(home).exists()


def test_a_folder_that_is_named_keeps_what_else_is_in_it(file: Path, home: Path) -> None:
    (home / "documents").mkdir()
    (home / "documents" / "0123456789abcdef").write_text("mine")
    start(file, home, FREELLM_RUNTIME_DIR=str(home / "documents"))
    assert (home / "documents" / "0123456789abcdef").read_text() == "mine"


def test_a_download_that_was_cut_off_says_so(file: Path, home: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    done = start(file, home)
    assert done.returncode == 3
    assert "download it again" in done.stderr
    assert list(home.iterdir()) == []


def test_a_disk_that_is_full_leaves_no_more_at_every_try(file: Path, home: Path) -> None:
    """A limit on the size of a file, as a full disk: writing fails in the middle."""
    limited = f'ulimit -f 8; trap "" XFSZ; exec "{file}"'
    for _ in range(3):
        done = subprocess.run(
            ["/bin/sh", "-c", limited], env=environment(home), capture_output=True, text=True
        )
        assert done.returncode == 3
        assert "cannot be unpacked" in done.stderr
        assert len(names_in(runtime_of(home))) == 1
    assert start(file, home).stdout == "one\n"


def test_the_same_files_make_the_same_program(tmp_path: Path, launcher: bytes) -> None:
    from tests.support.one_file import FIRST, make_tree, payload

    tree = make_tree(tmp_path, "one")
    first = payload().join(launcher, tree, FIRST)
    for path in tree.rglob("*"):
        os.utime(path, (1, 1))
    assert payload().join(launcher, tree, FIRST) == first
    (tree / "lib" / "0.bin").write_bytes(b"changed")
    assert payload().join(launcher, tree, FIRST)[-64:] != first[-64:]
