"""`freellm serve` from its first line on stderr to its last."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freellm_cli.cli.face import Face

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.services.oauth_background import BackgroundRefresh
    from freellm_cli.services.runtime import Runtime

_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")


def serve(face: Face, overrides: Mapping[str, object], *, simulate: str | None = None) -> int:
    """Runs until a signal comes. Raises ConfigError when it cannot begin."""
    if simulate is not None:
        from freellm_cli.services.rehearsal import rehearsal

        with rehearsal(simulate, overrides, face.note) as runtime:
            face.note(
                f"every provider is simulated ({simulate}): no key is used, nothing leaves here"
            )
            return _serve(face, runtime)
    from freellm_cli.services.runtime import Runtime

    runtime = Runtime(
        env=face.env,
        config_dir=face.options.get("config_dir"),
        state_dir=face.options.get("state_dir"),
        overrides=overrides,
        notice=face.note,
    )
    return _serve(face, runtime)


def _serve(face: Face, runtime: Runtime) -> int:
    from freellm_cli.server.access_log import AccessLog
    from freellm_cli.server.app import App
    from freellm_cli.server.options import options_from

    log = AccessLog(
        _log_writer(face), as_json=face.json, clean=lambda text: runtime.redactor.clean(text)
    )
    app = App(
        runtime,
        options_from(runtime.settings),
        log,
        notice=face.note,
        crash=lambda error: _report(face, error),
    )
    stopping = threading.Event()
    before = _on_signals(stopping)
    background = _background_refresh(runtime)
    try:
        app.start()
        _announce(face, app)
        _wait(stopping)
        return _stop(face, app)
    finally:
        if background is not None:
            background.stop()
        for name, handler in before.items():
            signal.signal(name, handler)


def _background_refresh(runtime: Runtime) -> BackgroundRefresh | None:
    if not runtime.may_have_logins():
        return None
    from freellm_cli.services.oauth_background import BackgroundRefresh

    background = BackgroundRefresh(runtime)
    background.start()
    return background


def _announce(face: Face, app: App) -> None:
    host, port = app.addresses[0]
    shown = f"[{host}]" if ":" in host else host
    face.note(f"serving on http://{shown}:{port}/v1")
    if face.json:
        face.print_json({"url": f"http://{shown}:{port}", "port": port})
        face.out.flush()


def _on_signals(stopping: threading.Event) -> dict[Any, Any]:
    """A first signal begins the end; a second one ends the wait for answers."""
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, lambda *_: stopping.set())
    return before


def _wait(stopping: threading.Event) -> None:
    # In slices, because a wait without end cannot be interrupted on Windows.
    while not stopping.wait(0.5):
        continue


def _stop(face: Face, app: App) -> int:
    hurry = threading.Event()
    _on_signals(hurry)
    if app.requests_running:
        face.note(f"stopping; {app.requests_running} answers are still running (again to end them)")
    if not app.stop(hurry=hurry):
        face.note("some answers were cut off")
    return 0


def _log_writer(face: Face) -> Callable[[str], None]:
    def write(text: str) -> None:
        if not face.quiet:
            face.err.write(text)
            face.err.flush()

    return write


def _report(face: Face, error: BaseException) -> None:
    if isinstance(error, Exception):
        face.show_crash(error)
