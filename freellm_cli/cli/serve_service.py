"""`freellm serve --install-service`, `--uninstall-service`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freellm_cli.cli.face import Face
from freellm_cli.cli.render import render
from freellm_cli.core.errors import UsageError

_FLAGS = {
    "serve.host": "--host",
    "serve.port": "--port",
    "serve.profile": "--profile",
    "serve.cors_origins": "--cors-origin",
    "serve.threads": "--threads",
    "serve.drain": "--drain",
    "serve.log_content": "--log-content",
}


def install_service(
    face: Face, overrides: Mapping[str, Any], *, simulate: str | None, only_print: bool
) -> int:
    """Writes what starts `serve` with these options, or only shows it. Raises ConfigError for a server that
    could not begin, UsageError for a key in `overrides`."""
    from freellm_cli.server.options import options_from
    from freellm_cli.services import install_service as service
    from freellm_cli.services.own_command import own_command

    if overrides.get("serve.token") or face.env.get("FREELLM_SERVE_TOKEN"):
        raise UsageError(
            "a key for clients must not stand in a service's command line, where others can read it",
            hint="`freellm config set serve.token KEY`, then again without --token or FREELLM_SERVE_TOKEN",
        )
    runtime = service.service_runtime(face.env, face.runtime.paths, overrides)
    options_from(runtime.settings)
    place = service.service_place(face.env, runtime.paths)
    command = own_command()
    content = service.service_text(place, runtime, command, arguments(overrides, simulate))
    if only_print:
        return render(face, service.show(place, content))
    if "-m" in command:
        face.note("it will start only while freellm is installed for that Python")
    if simulate is None:
        face.note(service.unseen_keys(face.env, runtime))
    return render(face, service.install(place, content, runtime.paths))


def uninstall_service(face: Face) -> int:
    """Stops it and removes its file. Raises UsageError when there is none."""
    from freellm_cli.services import install_service as service

    place = service.service_place(face.env, face.runtime.paths)
    return render(face, service.uninstall(place, service.run_quietly))


def arguments(overrides: Mapping[str, Any], simulate: str | None) -> list[str]:
    """The options of `serve` that give these overrides."""
    words = ["--simulate", simulate] if simulate is not None else []
    for name, flag in _FLAGS.items():
        value = overrides.get(name)
        if value is True:
            words.append(flag)
        elif isinstance(value, list):
            words += [part for item in value for part in (flag, str(item))]
        elif value is not None:
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return words
