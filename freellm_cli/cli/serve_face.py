"""`freellm serve` from its first line on stderr to its last."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freellm_cli.cli.face import Face
from freellm_cli.core.errors import EXIT_DONE, ConfigError

if TYPE_CHECKING:
    from freellm_cli.server.app import App
    from freellm_cli.server.listening import CannotListen
    from freellm_cli.server.options import Options
    from freellm_cli.server.overflow import Overflow
    from freellm_cli.services.runtime import Runtime

_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")


Show = Callable[[str], bool]


def serve(
    face: Face,
    overrides: Mapping[str, object],
    *,
    simulate: str | None = None,
    show_page: bool = False,
    show: Show | None = None,
) -> int:
    """Runs until a signal comes. Raises ConfigError when it cannot begin.

    `show_page`: the browser is told to show the server's page, of a server that runs there already too.
    `show(address)` does so and says whether there is a browser (None: the system's).
    """
    if show_page and show is None:
        from freellm_cli.cli.oauth_talk import TerminalTalk

        show = TerminalTalk(face).open_browser
    elif not show_page:
        show = None
    if simulate is not None:
        from freellm_cli.services.rehearsal import rehearsal

        with rehearsal(simulate, overrides, face.note) as runtime:
            face.note(
                f"every provider is simulated ({simulate}): no key is used, nothing leaves here"
            )
            return _serve(face, runtime, show, is_rehearsal=True)
    from freellm_cli.services.runtime import Runtime

    runtime = Runtime(
        env=face.env,
        config_dir=face.options.get("config_dir"),
        state_dir=face.options.get("state_dir"),
        overrides=overrides,
        notice=face.note,
    )
    return _serve(face, runtime, show, lambda options: _overflow(runtime, overrides, options))


def _overflow(
    runtime: Runtime, overrides: Mapping[str, object], options: Options
) -> Overflow | None:
    """What starts a second process, where the settings and this machine allow one."""
    if runtime.settings.serve.processes < 2:
        return None
    from freellm_cli.server import overflow, worker_process

    if not overflow.is_possible():
        return None
    return overflow.Overflow(worker_process.begin_with(runtime, overrides, options))


def _serve(
    face: Face,
    runtime: Runtime,
    show: Show | None,
    overflow: Callable[[Options], Overflow | None] = lambda options: None,
    *,
    is_rehearsal: bool = False,
) -> int:
    from freellm_cli.server.access_log import AccessLog
    from freellm_cli.server.affinity import Affinity
    from freellm_cli.server.app import App
    from freellm_cli.server.listening import CannotListen
    from freellm_cli.server.options import options_from

    log = AccessLog(
        _log_writer(face), as_json=face.json, clean=lambda text: runtime.redactor.clean(text)
    )
    options = options_from(runtime.settings)
    app = App(
        runtime,
        options,
        log,
        notice=face.note,
        crash=lambda error: _report(face, error),
        overflow=overflow(options),
        affinity=Affinity(),
    )
    stopping = threading.Event()
    before = _on_signals(stopping)
    try:
        try:
            app.start()
        except CannotListen as error:
            return _elsewhere(face, runtime, show, error)
        _announce(face, app, show)
        if not is_rehearsal:
            reading = threading.Thread(target=_look_round, args=(face, app, stopping), daemon=True)
            reading.start()
        _wait(stopping)
        return _stop(face, app)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _announce(face: Face, app: App, show: Show | None) -> None:
    host, port = app.addresses[0]
    url = _address(host, port)
    face.note(f"serving on {url}/v1; a page for you: {_address(_reachable(host), port)}")
    if face.json:
        face.print_json({"url": url, "port": port})
        face.out.flush()
    if show is not None:
        _show(face, show, _address(_reachable(host), port))


def _look_round(face: Face, app: App, stopping: threading.Event) -> None:
    """Who has no key yet is told; hosts of the person's own whose models nobody knows yet are asked, so that
    `auto` can use them."""
    from freellm_cli.core.errors import FreellmError
    from freellm_cli.services.discovery import refresh, unlisted

    try:
        runtime = app.household().runtime
        if not runtime.usable_providers() and not stopping.is_set():
            face.note(
                "no key yet, so nobody can answer: `freellm setup`, the page above, "
                "or a rehearsal, `freellm serve --simulate tiny`"
            )
        strangers = unlisted(runtime) if runtime.settings.discovery.enabled else ()
        for name in strangers:
            for outcome in refresh(runtime, [name]):
                told = outcome.problem or f"its list names {outcome.models} models"
                if not stopping.is_set():
                    face.note(f"{name}: {told}")
    except FreellmError:  # the first request will say it
        return


def _elsewhere(face: Face, runtime: Runtime, show: Show | None, error: CannotListen) -> int:
    """A freellm that serves there already has its page shown; else raises ConfigError."""
    from freellm_cli.server.listening import other_port
    from freellm_cli.services.running_server import is_freellm

    serve = runtime.settings.serve
    url = _address(_reachable(serve.host), serve.port)
    if not error.is_taken or not is_freellm(runtime, url):
        raise error
    if show is None:
        raise ConfigError(
            f"freellm serves already on {url}",
            hint=f"use that one, or another beside it: {other_port(serve.host, serve.port)}",
        ) from error
    face.note(f"a server runs already on {url}")
    _show(face, show, url)
    return EXIT_DONE


def _show(face: Face, show: Show, url: str) -> None:
    if not show(f"{url}/"):
        face.note(f"no browser could be opened here: go to {url}")


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reachable(host: str) -> str:
    """Where this machine's browser finds a server that listens on every address."""
    name = host.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - not bound to


def _on_signals(stopping: threading.Event) -> dict[Any, Any]:
    """A first signal begins the end; a second one ends the wait for answers."""
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        is_nohup = name == "SIGHUP" and number and signal.getsignal(number) == signal.SIG_IGN
        if number is not None and not is_nohup:
            before[number] = signal.signal(number, lambda *_: stopping.set())
    return before


def _wait(stopping: threading.Event) -> None:
    # In slices, because a wait without end cannot be interrupted on Windows.
    while not stopping.wait(0.5):
        continue


def _stop(face: Face, app: App) -> int:
    hurry = threading.Event()
    _on_signals(hurry)
    running = app.requests_running
    if running:
        who = "1 answer is" if running == 1 else f"{running} answers are"
        face.note(
            f"stopping; {who} still running (again to end {'it' if running == 1 else 'them'})"
        )
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
