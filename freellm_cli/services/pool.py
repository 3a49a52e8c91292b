"""The targets that a request may use, in the order of its route, with everything needed to ask them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from freellm_cli.core.catalog import ModelSpec, ProviderSpec, filled_in, merged_quirks
from freellm_cli.core.chat import Target
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import ConfigError, CredentialRefused, NoCredential, UnknownName
from freellm_cli.core.http import Timeouts
from freellm_cli.core.limits import COUNT_ONLY, REQUESTS, Limit, Window
from freellm_cli.core.needs import Needs, unmet
from freellm_cli.core.published import limits_for
from freellm_cli.core.rotation import Candidate
from freellm_cli.core.routing import VIRTUAL_NAMES, Book, Route, resolve
from freellm_cli.services.plan_memo import Memo

if TYPE_CHECKING:
    from freellm_cli.core.settings import Settings
    from freellm_cli.providers.registry import Catalog
    from freellm_cli.services.runtime import Runtime
    from freellm_cli.storage.ledger_lessons import Lessons


RATE_WINDOW = Window("sliding", 60.0)
MEASURED_FOR_S = 3600.0
"""A speed that was measured longer ago is measured anew."""

NOT_FREE = "is not in the free tier (its limit is 0)"


class PoolTarget(NamedTuple):
    """One credential × model, ready to be leased and asked."""

    candidate: Candidate
    model: ModelSpec
    provider: ProviderSpec
    credential: Credential
    target: Target
    timeouts: Timeouts
    counting: str = "total"
    """What its provider counts as a request's tokens, as of `Needs.counted_tokens`."""

    def without(self, fields: frozenset[str] | None) -> PoolTarget:
        """This target, to which `fields` of a request are not sent."""
        if not fields:
            return self
        quirks = dict(self.target.quirks)
        quirks["drop"] = [*quirks.get("drop", ()), *sorted(fields)]
        return self._replace(target=self.target._replace(quirks=quirks))


class Excluded(NamedTuple):
    """A target (or a whole model) that this request cannot use, and why."""

    target: str
    reason: str


class Plan(NamedTuple):
    """Shared by all requests that it fits: nobody changes it."""

    route: Route
    targets: tuple[PoolTarget, ...]
    excluded: tuple[Excluded, ...]

    def by_key(self, key: str) -> PoolTarget:
        return next(item for item in self.targets if item.candidate.key == key)


def tokens_to_reserve(targets: Iterable[PoolTarget], needs: Needs) -> int:
    """What the request takes from token limits, whichever of `targets` it goes to."""
    return max(map(needs.counted_tokens, {item.counting for item in targets}), default=1)


class _Usual(NamedTuple):
    """A plan that holds for every prompt of up to `most` tokens."""

    plan: Plan
    most: float


class Pool:
    """Turns a name and its needs into a `Plan`. Reads settings, catalog and credentials; changes nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.quota_asked: dict[str, float] = {}
        """When each credential's own meter was last asked for (`services.openrouter_quota`)."""
        self._routes: Memo[Route | UnknownName] = Memo(runtime.clock.monotonic)
        self._targets: Memo[PoolTarget] = Memo(runtime.clock.monotonic)
        self._usuals: Memo[_Usual] = Memo(runtime.clock.monotonic)
        self._quickest: tuple[Settings, bool] | None = None

    @property
    def _catalog(self) -> Catalog:
        """With what the providers' own lists said when they were last asked."""
        return self._runtime.catalog_with_discovered()

    def book(self) -> Book:
        """What routing needs to know, as of now."""
        runtime = self._runtime
        settings = runtime.settings
        return Book(
            catalog=self._catalog,
            aliases=settings.aliases,
            usable=frozenset(self._runtime.usable_providers()),
            default_model=settings.default_model,
            reroute_closed=settings.reroute_closed,
        )

    def credentials(self) -> tuple[Credential, ...]:
        """With the accounts that were learned, where the user has named none."""
        found = self._runtime.credentials()
        accounts = self._runtime.ledger.lessons().accounts
        if not accounts:
            return found
        return tuple(
            item
            if item.account or item.id not in accounts
            else item._replace(account=accounts[item.id].name)
            for item in found
        )

    def plan(self, asked: str, needs: Needs) -> Plan:
        """Raises UnknownName, NoCredential or ProviderClosed as `core.routing.resolve` does, and
        CredentialRefused where a login stands in the way that only its owner can mend."""
        if self._runtime.settings.private:
            needs = needs._replace(private=True)
        try:
            route = self._route_by_rule(asked, needs)
            if route is None:
                usual = self._usual(asked, needs)
                if needs.prompt_tokens <= usual.most:
                    return usual.plan
                route = usual.plan.route
        except ConfigError as error:
            self._blame_dead_login(asked, error)
            raise
        plan = self._plan_of(route, needs)
        if not plan.targets and any(step.why in VIRTUAL_NAMES for step in route.steps):
            return self._plan_among_the_able(asked, needs) or plan
        return plan

    def _usual(self, asked: str, needs: Needs) -> _Usual:
        """Most prompts are too long for none of the models that they could go to, and have the same plan."""

        def make() -> _Usual:
            plan = self._plan_of(self._route(asked), needs._replace(prompt_tokens=0))
            models = [model for step in plan.route.steps for model in step.models]
            most = min((model.context or inf for model in models), default=inf)
            return _Usual(plan, most if plan.targets else -1)

        learned = self._runtime.ledger.lessons()
        grounds = (
            *self._grounds(),
            learned.accounts,
            learned.shut,
            self._speeds_that_count(learned),
        )
        return self._usuals.get((asked, needs.capabilities, needs.private), grounds, make)

    def _plan_among_the_able(self, asked: str, needs: Needs) -> Plan | None:
        """`auto` takes the first few of all models: when none of those will do, of the models that will."""
        unable = {
            model.id
            for model in self._catalog.models()
            if unmet(needs, model, self._trains(self._catalog.provider(model.provider)))
        }
        try:
            route = resolve(asked, self.book()._replace(denied=frozenset(unable)))
        except NoCredential:
            return None
        plan = self._plan_of(route, needs)
        return plan if plan.targets else None

    def _trains(self, provider: ProviderSpec) -> str:
        return self._runtime.settings.provider(provider.id).trains_on_prompts or (
            provider.trains_on_prompts
        )

    def _plan_of(self, route: Route, needs: Needs) -> Plan:
        targets: list[PoolTarget] = []
        excluded = [Excluded(item.model_id, item.reason) for item in route.excluded]
        for step, models in enumerate(item.models for item in route.steps):
            for model in models:
                self._add_targets(model, step, needs, targets, excluded)
        return Plan(route, tuple(targets), tuple(excluded))

    def _blame_dead_login(self, asked: str, error: ConfigError) -> None:
        for item in self.credentials():
            if item.kind == "oauth" and not item.enabled and asked.startswith(f"{item.provider}/"):
                raise CredentialRefused(
                    f"{asked} cannot be asked with {item.id}", hint=item.disabled_reason
                ) from error

    def _route_by_rule(self, asked: str, needs: Needs) -> Route | None:
        for rule in self._runtime.settings.routes:
            if rule.fits(asked, needs.prompt_tokens, needs.capabilities):
                book = self.book()
                name = asked or book.default_model or "auto"
                book = book._replace(aliases={**book.aliases, name: rule.use})
                return resolve(name, book)._replace(asked=asked)
        return None

    def _route(self, asked: str) -> Route:
        found = self._routes.get(asked, self._grounds(), lambda: self._route_or_error(asked))
        if isinstance(found, UnknownName):
            raise found.again()
        return found

    def _route_or_error(self, asked: str) -> Route | UnknownName:
        """Clients that ask for a name of their own ask for it each time, and slips are dear to find."""
        try:
            return resolve(asked, self.book())
        except UnknownName as error:
            return error

    def _grounds(self) -> tuple[object, ...]:
        """What routes are made of: they stand as long as these do."""
        runtime = self._runtime
        return (runtime.settings, self._catalog, runtime.credentials())

    def targets_of(self, model: ModelSpec, needs: Needs) -> list[PoolTarget]:
        """One model with every enabled credential that may ask it."""
        targets: list[PoolTarget] = []
        self._add_targets(model, 0, needs, targets, [])
        return targets

    def _add_targets(
        self,
        model: ModelSpec,
        step: int,
        needs: Needs,
        targets: list[PoolTarget],
        excluded: list[Excluded],
    ) -> None:
        provider = self._catalog.provider(model.provider)
        settings = self._runtime.settings.provider(model.provider)
        reason = _forbidden(model, settings.allow, settings.deny) or unmet(
            needs, model, self._trains(provider)
        )
        if reason:
            excluded.append(Excluded(model.id, reason))
            return
        shut = self._runtime.ledger.lessons().shut
        for credential in self.credentials():
            if credential.provider != model.provider:
                continue
            if not credential.enabled:
                why = credential.disabled_reason or "disabled"
                excluded.append(Excluded(f"{credential.id}/{model.id}", why))
                continue
            target = self._known_target(credential, model, provider, step)
            if any(limit.amount == 0 or limit.meter in shut for limit in target.candidate.limits):
                excluded.append(Excluded(target.candidate.key, NOT_FREE))
                continue
            targets.append(target)

    def _known_target(
        self, credential: Credential, model: ModelSpec, provider: ProviderSpec, step: int
    ) -> PoolTarget:
        learned = self._runtime.ledger.lessons()
        return self._targets.get(
            (credential.id, model.id, step),
            (*self._grounds(), learned.accounts, self._speeds_that_count(learned)),
            lambda: self._target(credential, model, provider, step),
        )

    def _speeds_that_count(self, learned: Lessons) -> dict[str, tuple[float, float]] | None:
        """What was measured, where it decides anything."""
        settings = self._runtime.settings
        if self._quickest is None or self._quickest[0] is not settings:
            named = [settings.provider(name).rotation for name in settings.providers]
            self._quickest = (settings, "fastest" in (settings.rotation, *named))
        return learned.speeds if self._quickest[1] else None

    def _limits(
        self, provider: ProviderSpec, model: ModelSpec, credential: Credential, account: str
    ) -> tuple[Limit, ...]:
        """The user's limits, and the published ones that no limit of the user's speaks for."""
        known = self._known_limits(provider, model, credential, account)
        if any(limit.amount >= 0 and _is_rate(limit) for limit in known):
            return known
        # Nobody tells this rate: it is counted, so that it can be found by trying.
        owner = meter_owner(provider, credential.id, account)
        return (*known, Limit(f"{owner}|{model.name}", REQUESTS, RATE_WINDOW, COUNT_ONLY))

    def _known_limits(
        self, provider: ProviderSpec, model: ModelSpec, credential: Credential, account: str
    ) -> tuple[Limit, ...]:
        stated = self._runtime.settings.limits_for(
            model,
            credential=credential.id,
            account=account,
            scope=provider.limit_scope,
            zone=provider.reset_zone,
        )
        if not self._runtime.settings.provider(provider.id).catalog_limits:
            return stated
        spoken_for = {(limit.unit, limit.window.kind, limit.window.seconds) for limit in stated}
        published = limits_for(provider, model, credential=credential.id, account=account)
        return stated + tuple(
            limit
            for limit in published
            if (limit.unit, limit.window.kind, limit.window.seconds) not in spoken_for
        )

    def _target(
        self,
        credential: Credential,
        model: ModelSpec,
        provider: ProviderSpec,
        step: int,
    ) -> PoolTarget:
        settings = self._runtime.settings.provider(provider.id)
        rotation = settings.rotation or self._runtime.settings.rotation
        account = credential.account or credential.id
        provider = filled_in(provider, credential.extra)
        quirks: dict[str, Any] = {**merged_quirks(provider, model), **settings.quirks}
        if settings.headers:
            quirks["headers"] = {**quirks.get("headers", {}), **settings.headers}
        candidate = Candidate(
            key=f"{credential.id}/{model.id}",
            step=step,
            credential=credential.id,
            provider=provider.id,
            account=account,
            model_id=model.id,
            limits=self._limits(provider, model, credential, account),
            rest_keys=rest_keys(credential, model, account),
            rotation=rotation,
            first_token_s=self._first_token_s(credential, model) if rotation == "fastest" else None,
        )
        return PoolTarget(
            candidate=candidate,
            model=model,
            provider=provider,
            credential=credential,
            target=Target(
                provider=provider.id,
                model_id=model.id,
                name=str(quirks.get("wire_name") or model.name),
                base_url=provider.base_url.rstrip("/"),
                quirks=quirks,
                capabilities=model.capabilities,
                max_output=model.max_output,
                options=dict(credential.extra),
            ),
            timeouts=self._runtime.settings.timeouts_for(provider.id, provider.timeouts),
            counting=str(quirks.get("tokens_counted", "total")),
        )

    def _first_token_s(self, credential: Credential, model: ModelSpec) -> float:
        """Measured, to two digits; 0 for what was never measured or not lately, so that it is tried."""
        speeds = self._runtime.ledger.lessons().speeds
        seconds, at = speeds.get(f"{credential.id}/{model.id}", (0.0, 0.0))
        if self._runtime.clock.now() - at > MEASURED_FOR_S:
            return 0.0
        return float(f"{seconds:.2g}")


def meter_owner(provider: ProviderSpec, credential: str, account: str) -> str:
    """Whose counts a limit of this provider goes by, as far as nothing else is said."""
    return {
        "account": f"account:{provider.id}/{account}",
        "provider": f"provider:{provider.id}",
        "address": f"address:{provider.id}",
    }.get(provider.limit_scope, f"credential:{credential}")


def _is_rate(limit: Limit) -> bool:
    return limit.unit == REQUESTS and limit.window.kind == "sliding" and limit.window.seconds <= 60


def rest_keys(credential: Credential, model: ModelSpec, account: str) -> tuple[str, ...]:
    """Every rest that keeps this target from being asked, widest last."""
    return (
        f"target:{credential.id}/{model.id}",
        f"model:{model.id}",
        f"credential:{credential.id}",
        f"account:{model.provider}/{account}|{model.name}",
        f"account:{model.provider}/{account}|group:{model.group}",
        f"account:{model.provider}/{account}",
        f"provider:{model.provider}",
        f"address:{model.provider}",
    )


def _forbidden(model: ModelSpec, allow: tuple[str, ...], deny: tuple[str, ...]) -> str:
    if any(fnmatchcase(model.name, pattern) for pattern in deny):
        return f"denied by providers.{model.provider}.models.deny"
    if allow and not any(fnmatchcase(model.name, pattern) for pattern in allow):
        return f"not allowed by providers.{model.provider}.models.allow"
    return ""
