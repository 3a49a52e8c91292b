"""A headless Chromium, driven over a pipe by its DevTools protocol
(https://chromedevtools.github.io/devtools-protocol/): nothing to install beside the browser.

with Browser(chromium(), tmp_path) as browser:
    page = browser.open(url)
    page.wait("document.title !== ''")
    page.value("document.title")
    page.asked            # every address that the page asked for
    page.complaints       # what its console said, its errors, what the browser refused it
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 20.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--js-flags=--expose-gc",
)


def chromium() -> str:
    """The browser of this machine. Skips where there is none: `scripts/browser` gets it on Debian."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    if sys.platform == "win32":
        pytest.skip("needs a pipe on descriptors 3 and 4")
    return found


class Browser:
    def __init__(self, path: str, folder: Path) -> None:
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}
        self._news = threading.Condition()
        self._numbers = itertools.count(1)
        self._over = False
        its_in, self._out = os.pipe()
        self._in, its_out = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _LAUNCH,
                str(its_in),
                str(its_out),
                path,
                *_FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                "about:blank",
            ],
            pass_fds=(its_in, its_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(its_in)
        os.close(its_out)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        os.close(self._out)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._thread.join(5)

    def open(self, url: str, *, before: str = "", **size: int) -> Page:
        """A page in a context of its own (no cookies, no storage of another). `before`: a script that runs
        in it before its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        made = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        page = Page(self, session["sessionId"], context)
        self._pages[session["sessionId"]] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        if before:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        page.size(size.get("width", 1280), size.get("height", 900))
        page.go(url)
        return page

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self.wait_for(lambda: self._answers.pop(number, None), method)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, look: Callable[[], Any], what: str) -> Any:
        """The first true value of `look()`, which is asked whenever the browser has said something."""
        until = time.monotonic() + PATIENCE_S
        with self._news:
            while True:
                found = look()
                if found:
                    return found
                assert not self._over, f"the browser has gone: {what}"
                assert time.monotonic() < until, f"the browser did not answer in time: {what}"
                self._news.wait(0.2)

    def _read(self) -> None:
        held = b""
        while True:
            try:
                data = os.read(self._in, 1 << 20)
            except OSError:
                data = b""
            if not data:
                break
            *messages, held = (held + data).split(b"\0")
            with self._news:
                for message in messages:
                    self._take(json.loads(message))
                self._news.notify_all()
        os.close(self._in)
        with self._news:
            self._over = True
            self._news.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        else:
            page = self._pages.get(message.get("sessionId", ""))
            if page is not None:
                page.heard(message["method"], message["params"])


class Page:
    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.asked: list[str] = []
        self.statuses: dict[str, int] = {}
        self.complaints: list[str] = []
        self._loads = 0

    def heard(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.asked.append(event["request"]["url"])
        elif method == "Network.responseReceived":
            self.statuses[event["response"]["url"]] = event["response"]["status"]
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str([part.get("value") for part in event["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(event["exceptionDetails"])[:600])
        elif method == "Log.entryAdded":
            self.complaints.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Page.loadEventFired":
            self._loads += 1

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def close(self) -> None:
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def go(self, url: str) -> None:
        before = self._loads
        self.call("Page.navigate", url=url)
        self._browser.wait_for(lambda: self._loads > before, f"loading {url}")

    def value(self, expression: str) -> Any:
        """What the expression is, once its promise is kept."""
        found = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        assert "exceptionDetails" not in found, (expression, found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, expression: str, *, seconds: float = PATIENCE_S) -> Any:
        """The first true value of the expression."""
        until = time.monotonic() + seconds
        while True:
            found = self.value(expression)
            if found:
                return found
            assert time.monotonic() < until, f"never came true: {expression}\n{self.text()}"
            threading.Event().wait(0.03)

    def text(self) -> str:
        return str(self.value("document.body.innerText"))

    def click(self, selector: str) -> None:
        """Where the element is, as a person would."""
        place = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def type(self, selector: str, text: str) -> None:
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, ctrl: bool = False) -> None:
        codes = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowDown": 40}
        told = {"key": " " if key == "Space" else key, "code": key}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                windowsVirtualKeyCode=codes[key],
                modifiers=2 if ctrl else 0,
                **told,
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )

    def size(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str) -> None:
        """ "dark" or "light", as the system would say."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def shot(self, path: Path) -> None:
        self.call("Emulation.setScrollbarsHidden", hidden=True)
        made = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(made["data"]))

    def memory(self) -> tuple[int, int]:
        """(bytes of JavaScript in use, nodes) after the garbage was taken out."""
        self.call("HeapProfiler.collectGarbage")
        used = self.call("Runtime.getHeapUsage")["usedSize"]
        return int(used), int(self.call("Memory.getDOMCounters")["nodes"])


_LAUNCH = """
import os, sys
inward, outward, *command = sys.argv[1:]
os.dup2(int(inward), 200); os.dup2(int(outward), 201)
os.dup2(200, 3); os.dup2(201, 4)
os.set_inheritable(3, True); os.set_inheritable(4, True)
os.execvp(command[0], command)
"""
