"""How one question is to be asked, beside what is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from freellm_cli.services.wait_words import OnWait
    from freellm_cli.transport.base import Cancel


class CallOptions(NamedTuple):
    """`timeout_s`: seconds until the caller wants an answer or an error; None: `timeouts.total`.
    `whole`: the caller takes nothing before the end, so another target may still answer after a cut.
    `conversation`: an id whose last credential is preferred. `lane`: "interactive" or "batch"."""

    timeout_s: float | None = None
    whole: bool = False
    private: bool = False
    conversation: str = ""
    lane: str = "interactive"
    face: str = "chat"
    cancel: Cancel | None = None
    """Ends the call from another thread: the caller has hung up."""
    request_id: str = ""
    """The caller's own name for it; empty: a new one is made."""
    reserve: float = 0.0
    """A share (0 to 1) of every limit that this request leaves for others."""
    before_send: Callable[[], None] | None = None
    """Called each time before the first byte goes to a provider; what it raises ends the call unsent."""
    on_wait: OnWait | None = None
    """Told of each wait for a target; what it raises while that lasts ends the call."""
