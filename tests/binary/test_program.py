"""The one file that `scripts/binary` builds, where there is nothing else. FREELLM_COMMAND names it."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import freellm_cli
from freellm_cli.simulator.server import Simulator
from tests.support.certificates import Authority
from tests.support.empty_home import KEY, MODEL, EmptyHome
from tests.support.google_emulator import GoogleEmulator
from tests.support.program import NAMED
from tests.support.raw_server import Peer, RawServer

pytestmark = [
    pytest.mark.skipif(not NAMED, reason="FREELLM_COMMAND names no program"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
]
FILE = Path(os.path.abspath(NAMED))
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> EmptyHome:
    """A home in which the file has been started before."""
    home = EmptyHome(tmp_path_factory.mktemp("used"), FILE)
    assert home.run("--version").returncode == 0
    return home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[EmptyHome]:
    yield EmptyHome(tmp_path, FILE)
    shutil.rmtree(tmp_path)  # 70 MB a start


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator("generous") as running:
        yield running


def asked(port: int, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_names_its_version_and_how_it_was_built(used: EmptyHome) -> None:
    assert used.run("--version").stdout == f"freellm {freellm_cli.__version__}\n"
    version, build, where = used.run("--version", "-v").stdout.splitlines()
    assert version == f"freellm {freellm_cli.__version__}"
    assert re.fullmatch(
        r"one file for \w+-\w+, of \d{4}-\d\d-\d\d( from [0-9a-f]{12}\+?)?, Python 3\.\d+\.\d+",
        build,
    )
    assert where.startswith(f"{FILE}, unpacked in {used.runtime}/")
    assert build in used.run("doctor", "--offline").stdout


def test_the_demo_needs_nothing(used: EmptyHome) -> None:
    done = used.run("demo", "--fast")
    assert done.returncode == 0, done.stderr


def test_a_key_is_added_and_a_question_answered_from_nothing(
    home: EmptyHome, sim: Simulator
) -> None:
    home.use(sim)
    done = home.run("chat", stdin="hello")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert KEY not in home.run("keys", "list").stdout
    assert list(home.temporary.iterdir()) == []


def test_it_serves_clients_a_page_and_figures(home: EmptyHome, sim: Simulator) -> None:
    home.use(sim)
    with home.serving() as port:
        status, body = asked(port, "/v1/chat/completions", HELLO)
        assert (status, json.loads(body)["object"]) == (200, "chat.completion")
        for path in ("/healthz", "/readyz", "/", "/v1/models", "/metrics"):
            status, body = asked(port, path)
            assert (status, bool(body)) == (200, True), path
    assert list(home.temporary.iterdir()) == []


def test_a_person_logs_in_through_a_browser(home: EmptyHome, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    visit = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
    browser.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{visit}' \"$1\" > /dev/null 2>&1\n")
    browser.chmod(0o755)
    with GoogleEmulator() as google:
        home.configure(google.config())
        words = ["oauth", "login", "gemini-cli", "--accept-risk", "--json"]
        done = home.run(*words, BROWSER=str(browser))
        assert done.returncode == 0, done.stderr
        answer = home.run("chat", "-m", "gemini_cli/gemini-2.5-flash", "hello")
        assert "Hello from gemini-2.5-flash" in answer.stdout, answer.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_it_trusts_whom_it_is_told_to_and_else_the_system(
    home: EmptyHome, tmp_path: Path, authority: Authority
) -> None:
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        home.configure(f'default_model = "groq/x"\n[providers.groq]\nbase_url = "{server.url}"\n')
        refused = home.run("chat", "hi", "--timeout", "2", GROQ_API_KEY=KEY)
        assert refused.returncode == 6
        assert "authority" in refused.stderr
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        home.configure(f'default_model = "groq/x"\n[providers.groq]\nbase_url = "{server.url}"\n')
        env = {"GROQ_API_KEY": KEY, "SSL_CERT_FILE": str(authority.pem)}
        home.run("chat", "hi", "--timeout", "2", "--state-dir", str(tmp_path / "other"), **env)
        assert server.requests, "nobody was trusted"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_it_opens_the_systems_certificates(
    home: EmptyHome, tmp_path: Path, authority: Authority
) -> None:
    if not Path("/etc/ssl/certs/ca-certificates.crt").exists():
        pytest.skip("no store where Debian has it")
    trace = tmp_path / "trace"
    with RawServer(Peer.answer, tls=authority.server("127.0.0.1")) as server:
        home.configure(f'default_model = "groq/x"\n[providers.groq]\nbase_url = "{server.url}"\n')
        subprocess.run(
            [str(shutil.which("strace")), "-f", "-e", "trace=file", "-o", trace, FILE, "chat", "hi",
             "--timeout", "2"],
            env={**home.env, "GROQ_API_KEY": KEY}, capture_output=True, timeout=60,
        )  # fmt: skip
    opened = [line for line in trace.read_text().splitlines() if "O_WRONLY" not in line]
    assert any("/ssl/certs" in line for line in opened)
    assert not any("cacert.pem" in line for line in opened)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completions_lie_beside_it_and_are_its_own(used: EmptyHome, shell: str) -> None:
    folder = FILE.parent / "completions"
    if not folder.exists():
        pytest.skip("the file alone")
    suffix = {"powershell": "ps1"}.get(shell, shell)
    assert used.run("completion", shell).stdout == (folder / f"freellm.{suffix}").read_text("utf-8")
    assert (FILE.parent / "man" / "freellm-chat.1").exists()
    for name in ("LICENSE", "README.md", "licenses/python-LICENSE.txt"):
        assert (FILE.parent / name).stat().st_size > 1000


def test_words_are_completed(used: EmptyHome) -> None:
    done = used.run("_complete", "names", "gro")
    assert done.returncode == 0, done.stderr


def test_the_machines_python_and_its_settings_do_not_matter(
    used: EmptyHome, tmp_path: Path
) -> None:
    (tmp_path / "freellm_cli.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "libcrypto.so.3").write_text("not a library")
    done = used.run(
        "doctor", "--offline", PYTHONPATH=str(tmp_path), PYTHONHOME="/nonexistent",
        PYTHONSTARTUP="/nonexistent", LD_LIBRARY_PATH=str(tmp_path),
    )  # fmt: skip
    assert "one file for" in done.stdout, done.stderr


def test_it_works_from_any_place_under_any_name(used: EmptyHome, tmp_path: Path) -> None:
    place = tmp_path / "a place with späces"
    place.mkdir()
    copied = Path(shutil.copy2(FILE, place / "fr=ee"))
    (tmp_path / "link").symlink_to(copied)
    for name in (copied, tmp_path / "link"):
        done = subprocess.run(
            [name, "--version", "-v"], env=used.env, capture_output=True, text=True
        )
        assert f"{copied}, unpacked in" in done.stdout


def test_a_system_service_would_start_the_file(used: EmptyHome) -> None:
    done = used.run("serve", "--install-service", "--print")
    assert str(FILE) in done.stdout, done.stderr
    assert str(used.runtime / "") not in done.stdout


def test_a_keyring_can_be_asked_for(used: EmptyHome) -> None:
    done = used.run("keys", "add", "mistral", "--stdin", "--no-check", stdin="x" * 32,
                    FREELLM_SECRETS="keyring")  # fmt: skip
    assert "not installed" not in done.stderr


@pytest.mark.parametrize("lost", ["modules.bin", "held", "lib"])
def test_what_was_deleted_comes_back(home: EmptyHome, lost: str) -> None:
    """Programs that tidy caches delete what they like."""
    home.run("--version")
    (tree,) = home.trees()
    gone = home.runtime / tree / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    done = home.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert home.trees() == {tree}
    assert gone.exists()


def test_what_a_power_cut_took_comes_back_at_the_first_start_after_it(home: EmptyHome) -> None:
    home.run("--version")
    (tree,) = home.trees()
    fresh = home.runtime / tree / "fresh"
    fresh.write_text("1000000000.0\n")
    assert home.run("--version").returncode == 0
    assert not fresh.exists(), "all was there"
    lost = home.runtime / tree / "site" / "freellm_cli" / "providers" / "catalog.jsonl"
    size = lost.stat().st_size
    lost.write_bytes(b"")
    fresh.write_text("")
    done = home.run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert lost.stat().st_size == size
    assert home.trees() == {tree}


def test_twenty_first_starts_at_once_unpack_once(home: EmptyHome) -> None:
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: home.run("--version"), range(20)))
    assert {d.stdout for d in done} == {f"freellm {freellm_cli.__version__}\n"}
    assert len(home.trees()) == 1
    assert list(home.temporary.iterdir()) == []


def test_a_first_start_that_is_killed_does_no_harm(home: EmptyHome, tmp_path: Path) -> None:
    began = time.monotonic()
    home.run("--version")
    whole = time.monotonic() - began
    (tree,) = home.trees()
    chance = random.Random(11)
    for number in range(12):
        again = EmptyHome(tmp_path / str(number), FILE)
        process = again.start("--version")
        time.sleep(chance.uniform(0, whole))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert again.trees() <= {tree, f"new-{tree}"}
        assert again.run("--version").returncode == 0
        assert again.trees() == {tree}
        assert list(again.temporary.iterdir()) == []


def test_a_server_that_is_killed_leaves_nothing_in_the_temporary_folder(
    home: EmptyHome, sim: Simulator
) -> None:
    home.use(sim)
    with home.start("--json", "serve", "--port", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert list(home.temporary.iterdir()) == []
    assert home.run("limits").returncode == 0


def test_it_writes_only_where_it_says(home: EmptyHome, sim: Simulator) -> None:
    home.use(sim)
    home.run("chat", "hello")
    places = {path.relative_to(home.home).as_posix() for path in home.home.glob("*/*")}
    assert places <= {".cache/freellm", ".config/freellm", ".local/state"}


def test_a_home_that_cannot_be_written_is_named(home: EmptyHome, tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    done = home.run("--version", HOME=str(tmp_path / "no folder"))
    assert done.returncode == 3
    assert "FREELLM_RUNTIME_DIR" in done.stderr
    chosen = {"HOME": str(tmp_path / "no folder"), "FREELLM_RUNTIME_DIR": str(tmp_path / "here")}
    assert home.run("--version", **chosen).returncode == 0
