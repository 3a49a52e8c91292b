"""Counts since the start, for Prometheus."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freellm_cli.server.access_log import Entry
    from freellm_cli.server.app import App

_MOST_SERIES = 500


class Metrics:
    """Thread-safe. Series are bounded: model names are whatever clients write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, int], int] = {}
        self._answers: dict[tuple[str, str], list[float]] = {}

    def count(self, entry: Entry) -> None:
        with self._lock:
            key = (entry.dialect, entry.status)
            self._requests[key] = self._requests.get(key, 0) + 1
            if not entry.answered:
                return
            who = (entry.answered, entry.credential)
            if who not in self._answers and len(self._answers) >= _MOST_SERIES:
                who = ("other", "other")
            sums = self._answers.setdefault(who, [0, 0.0, 0, 0, 0])
            sums[0] += 1
            sums[1] += (entry.first_ms or 0.0) / 1000
            sums[2] += entry.prompt_tokens
            sums[3] += entry.completion_tokens
            sums[4] += entry.attempts

    def text(self, app: App) -> str:
        with self._lock:
            requests = dict(self._requests)
            answers = {who: list(sums) for who, sums in self._answers.items()}
        lines = ["# TYPE freellm_requests_total counter"]
        for (dialect, status), count in sorted(requests.items()):
            labels = f'dialect="{dialect}",status="{status}"'
            lines.append(f"freellm_requests_total{{{labels}}} {count}")
        names = ("answers", "first_token_seconds", "prompt_tokens", "completion_tokens", "attempts")
        for at, name in enumerate(names):
            lines.append(f"# TYPE freellm_{name}_total counter")
            for (model, credential), sums in sorted(answers.items()):
                labels = f'model="{_escaped(model)}",credential="{_escaped(credential)}"'
                lines.append(f"freellm_{name}_total{{{labels}}} {sums[at]:g}")
        for name, value in app.gauges().items():
            lines += [f"# TYPE freellm_{name} gauge", f"freellm_{name} {value}"]
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
