"""What the page is about: the picture of this server as parts, each of which changes for itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from freellm_cli import __version__
from freellm_cli.core.errors import FreellmError
from freellm_cli.server.page.gate import Gate
from freellm_cli.server.page.live import TICK_S, Live
from freellm_cli.server.page.recent import Recent
from freellm_cli.services.pool_picture import PoolPicture

if TYPE_CHECKING:
    from freellm_cli.server.access_log import Entry
    from freellm_cli.server.app import App
    from freellm_cli.server.connection import Connection
    from freellm_cli.services.serving import Household

_MOST_NAMES = 400


class Desk:
    """`gate`: who may come. `live`: the open pages. `tick_s`: how often they may be told something."""

    def __init__(self, app: App, *, page_pass: str | None = None, tick_s: float = TICK_S) -> None:
        self._app = app
        self.gate = Gate(page_pass)
        self._recent = Recent()
        self._pool = PoolPicture()
        self._known: tuple[Household | None, dict[str, Any]] = (None, {})
        self._last: dict[str, Any] = {}
        self.live = Live(
            self.parts, app.left, now=time.time, monotonic=time.monotonic, tick_s=tick_s
        )

    def seen(self, entry: Entry) -> None:
        """A request is over."""
        if entry.asked or entry.answered:
            self._recent.add(entry, time.time())

    @staticmethod
    def is_furniture(entry: Entry) -> bool:
        """Whether it is one of the dozen files and streams of a page that was opened: nothing to log."""
        return entry.method == "GET" and entry.status == 200 and entry.path.startswith("/page/")

    def take(self, connection: Connection) -> None:
        self.live.take(connection)

    def parts(self) -> dict[str, Any]:
        """{"server": …, "models": …, "providers": …, "order": [ids], "key/<id>": row, "recent/<n>": row}.

        With settings or a ledger that cannot be read, what was known before and "problem".
        """
        try:
            house = self._app.household()
            rows = self._pool.rows(house.runtime)
            still = self._of(house)
        except FreellmError as error:
            return {**self._last, "problem": f"{error.message}. {error.hint}".strip()}
        except Exception as error:  # noqa: BLE001 - a fault of ours is reported; the page stays
            self._app.report(error)
            return {**self._last, "problem": "freellm has made a mistake; its log knows more"}
        self._last = {
            **still,
            "server": {"version": __version__, "answering": self._app.answering},
            "order": [row["id"] for row in rows],
            **{f"key/{row['id']}": row for row in rows},
            **self._recent.parts(),
        }
        return self._last

    def _of(self, house: Household) -> dict[str, Any]:
        """What changes only with the settings, keys and lists."""
        known, parts = self._known
        if known is not house:
            parts = _still_parts(house)
            self._known = (house, parts)
        return parts


def _still_parts(house: Household) -> dict[str, Any]:
    from freellm_cli.services.key_offers import key_offers
    from freellm_cli.services.serving_models import model_rows

    runtime = house.runtime
    return {
        "models": {
            "default": runtime.settings.default_model or "auto",
            "names": [name for name, _ in model_rows(runtime)][:_MOST_NAMES],
        },
        "providers": key_offers(runtime),
    }
