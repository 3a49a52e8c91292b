"""Pages of documentation, typed as they stand: each command in a shell, each named block as a file.

A block ```console holds commands behind "$ ". A comment "# exit 5" at a command's end says which code it
ends with (else 0); lines below a command are what it prints, in order, "…" for what is left out. A block
whose first line is ```json NAME is the file NAME, ```toml config.toml the settings. `freellm serve` goes on
until the page is done or serves anew.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.household import Household
from tests.support.program import program_script

_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\s+# exit (\d+)$")
PORT = "8000"
HOME_HOST = "http://127.0.0.1:8080/v1"
A_KEY = "gsk_typed_from_a_page_0123456789012345678901234567890123"


class Command(NamedTuple):
    line: str
    exit_code: int
    shown: tuple[str, ...]


class File(NamedTuple):
    name: str
    text: str


def read_page(path: Path) -> list[Command | File]:
    """What a page types and writes, in its order."""
    found: list[Command | File] = []
    for kind, name, text in _BLOCK.findall(path.read_text(encoding="utf-8")):
        if name:
            found.append(File(name, text))
        elif kind == "console":
            found += _commands(text)
    return found


def _commands(text: str) -> list[Command]:
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            code = _EXIT.search(line)
            found.append(Command(_EXIT.sub("", line[2:]), int(code[1]) if code else 0, ()))
        elif found:
            found[-1] = found[-1]._replace(shown=(*found[-1].shown, line))
    return found


class Typist:
    """A person who types a page into a shell, at home in `household`."""

    def __init__(self, household: Household, folder: Path) -> None:
        self.folder = folder
        self._household = household
        self._servers: list[subprocess.Popen[bytes]] = []
        self._port = _free_port()
        program_script(household.folder / "bin" / "freellm")
        self._env = {
            **household.env,
            "HOME": str(folder),
            "PATH": f"{household.folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "BROWSER": "true",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
        }  # fmt: skip
        household.config(f"[serve]\nport = {self._port}\n")

    def write(self, file: File) -> None:
        text = self._here(file.text)
        if file.name == "config.toml":
            head, table, rest = text.partition("[")
            self._household.config(f"{head}\n[serve]\nport = {self._port}\n\n{table}{rest}")
            self._household.forget()
            return
        root = self.folder
        if file.name.startswith("templates/"):
            root = Path(self._household.env["FREELLM_CONFIG_DIR"])
        (root / file.name).parent.mkdir(parents=True, exist_ok=True)
        (root / file.name).write_text(text, encoding="utf-8")

    def type(self, command: Command) -> None:
        """Raises AssertionError when it does not end or print as the page says."""
        line = self._here(command.line)
        if line.startswith("freellm serve"):
            self._serve(line.rstrip("& "))
            return
        if re.match(r"freellm keys add \w+", line):
            line = f"{line.split('#')[0]} --stdin <<< {A_KEY}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        )  # fmt: skip
        out, err = done.stdout.decode(), done.stderr.decode()
        told = f"$ {command.line}\n{out}\n{err}"
        assert done.returncode == command.exit_code, told
        assert "Traceback" not in err, told
        pattern = ".*?".join(re.escape(part).replace("…", ".*?") for part in command.shown)
        assert re.search(pattern, out + err, re.DOTALL), told

    def stop(self) -> None:
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
        self._servers.clear()

    def _serve(self, line: str) -> None:
        self.stop()
        server = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=self.folder, env=self._env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._servers.append(server)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"$ {line}\n{server.communicate(timeout=5)[1].decode()}")

    def _here(self, text: str) -> str:
        home = self._household.sim.base_url("localai")
        return text.replace(HOME_HOST, home).replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{self._port}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def given_files(folder: Path) -> None:
    """What the pages take for granted: a few files, and a repository with something staged."""
    from tests.cli.test_attachments import PDF, WAV, png

    folder.mkdir()
    for name, data in (
        ("notes.txt", b"Ada Lovelace, 36. Spoke English and French.\n"),
        ("old.txt", b"Ada Lovelace, 35.\n"),
        ("build.log", b"cc: error: no input files\n"),
        ("prompts.txt", b"Say hello.\nSay goodbye.\n"),
        ("report.pdf", PDF),
        ("photo.png", png()),
        ("speech.wav", WAV),
    ):
        (folder / name).write_bytes(data)
    env = {**os.environ, "HOME": str(folder)}
    name = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "old.txt"),
        (*name, "commit", "-q", "-m", "Begin"),
        ("add", "notes.txt"),
        (*name, "commit", "-q", "-m", "Take notes"),
        ("add", "build.log"),
    ):
        subprocess.run(["git", *words], cwd=folder, env=env, check=True)
