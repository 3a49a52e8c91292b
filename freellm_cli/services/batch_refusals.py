"""Whether a batch still has a key that nobody has refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freellm_cli.services.learning import rest_key
from freellm_cli.services.outcome import CREDENTIAL, refused_by_all

if TYPE_CHECKING:
    from freellm_cli.core.errors import CredentialRefused
    from freellm_cli.core.verdicts import Verdict
    from freellm_cli.services.batch_forecast import GroupPlan
    from freellm_cli.services.pool import PoolTarget
    from freellm_cli.services.runtime import Runtime


class Refusals:
    """The credentials that were refused while the batch runs, by any of its rows. Safe from any thread.

    A row that follows another knows of the keys that it tried itself; rows beside each other must tell each
    other, or each waits for the minute after which the other's key is tried once more.
    """

    def __init__(self, runtime: Runtime, groups: list[GroupPlan]) -> None:
        self._runtime = runtime
        self._groups = groups
        self._hoped_for = {item.credential.id for group in groups for item in group.targets}
        self._refused: dict[str, tuple[PoolTarget, Verdict]] = {}

    def note(self, target: PoolTarget, verdict: Verdict) -> None:
        """Of `Runtime.on_refusal`."""
        credential = target.credential.id
        whole = rest_key(target, verdict) == f"credential:{credential}"
        if verdict.kind in CREDENTIAL and whole:
            message = self._runtime.redactor.clean(verdict.message)
            self._refused[credential] = (target, verdict._replace(message=message))

    def answered(self, credential: str) -> None:
        """It was a fault of its provider."""
        self._refused.pop(credential, None)

    def of_all(self) -> CredentialRefused | None:
        """What to say when no key is left; None while there is one."""
        refused = dict(self._refused)
        if not self._hoped_for or not self._hoped_for <= refused.keys():
            return None
        models = ", ".join(group.model or "the default model" for group in self._groups)
        return refused_by_all(models, list(refused.values()))
