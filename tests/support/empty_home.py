"""A machine with nothing but the one file: no Python on the PATH, an empty home, an empty TMPDIR.

home = EmptyHome(tmp_path, file)
home.run("chat", "hello").stdout
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freellm_cli.simulator.server import Simulator

MODEL = "groq/openai/gpt-oss-120b"
KEY = "gsk_123456789012345678901234567890123456"


class EmptyHome:
    def __init__(self, folder: Path, file: Path) -> None:
        self.home, self.temporary, self.file = folder / "home", folder / "tmp", file
        self.home.mkdir(parents=True)
        self.temporary.mkdir()

    @property
    def env(self) -> dict[str, str]:
        return {"HOME": str(self.home), "TMPDIR": str(self.temporary), "PATH": "/nonexistent"}

    @property
    def runtime(self) -> Path:
        return self.home / ".cache" / "freellm" / "runtime"

    def trees(self) -> set[str]:
        """What has been unpacked, or begun."""
        names = os.listdir(self.runtime) if self.runtime.exists() else []
        return {name for name in names if name != "lock"}

    def configure(self, text: str) -> None:
        folder = self.home / ".config" / "freellm"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")

    def use(self, sim: Simulator) -> None:
        """Points Groq at the simulator and adds a key, as a person does."""
        url = sim.base_url("groq")
        self.configure(f'default_model = "{MODEL}"\n[providers.groq]\nbase_url = "{url}"\n')
        added = self.run("keys", "add", "groq", "--stdin", stdin=KEY)
        assert added.returncode == 0, added.stderr

    def run(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.file, *words], env={**self.env, **env}, input=stdin, capture_output=True,
            text=True, timeout=120,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.file, *words], env=self.env, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    @contextmanager
    def serving(self, *words: str) -> Iterator[int]:
        """The port of `freellm serve`, which must end cleanly when it is asked to."""
        with self.start("--json", "serve", "--port", "0", *words) as process:
            assert process.stdout is not None
            told = ""
            while not told.endswith("}\n"):
                line = process.stdout.readline()
                assert line, process.communicate()[1]
                told += line
            try:
                yield int(json.loads(told)["port"])
            finally:
                process.send_signal(signal.SIGTERM)
                _, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
