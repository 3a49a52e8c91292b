"""Keys that the environment holds: used without being stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from freellm_cli.core.catalog import ProviderSpec
from freellm_cli.core.credentials import Credential
from freellm_cli.core.errors import UsageError
from freellm_cli.core.key_names import NamedFor, key_variables, match_variable, own_variable
from freellm_cli.core.secret import Secret


class EnvKeys(NamedTuple):
    """`warnings`: variables that hold no usable key, in words without the key."""

    credentials: tuple[Credential, ...]
    warnings: tuple[str, ...]


def environment_keys(
    env: Mapping[str, str],
    providers: Iterable[ProviderSpec],
    stored: Iterable[Credential] = (),
    *,
    further: Mapping[str, Iterable[str]] | None = None,
) -> EnvKeys:
    """The credentials in `env` for these providers.

    Read are `FREELLM_<PROVIDER>_API_KEY`, each provider's usual names and `further` ones (provider id →
    names, from the settings), each also with `_1` to `_99`. The id is `gemini-env`, with the number
    `gemini-env-2`; a second variable for the same id adds its own name. A key that is `stored` already,
    or comes twice, is left out. What a provider needs besides (an account id) is taken from
    `CLOUDFLARE_ACCOUNT_ID` or `FREELLM_CLOUDFLARE_ACCOUNT_ID`, with the key's number if there is one.
    """
    specs = {spec.id: spec for spec in providers}
    variables = key_variables(specs.values(), further)
    order = {name: position for position, name in enumerate(variables)}
    known = {(item.provider, item.secret) for item in stored if item.secret}
    found: list[Credential] = []
    warnings: list[str] = []
    for match, name in sorted(
        _matches(env, variables), key=lambda m: (order[m[0].base], m[0].number)
    ):
        try:
            secret = _cleaned(env[name])
        except UsageError as exc:
            warnings.append(f"the environment variable {name} is not used: {exc.message}")
            continue
        for provider in match.providers:
            if (provider, secret) not in known:
                known.add((provider, secret))
                extra = _needs(env, specs[provider], match.number)
                taken = {item.id for item in found}
                found.append(_credential(provider, secret, name, match.number, extra, taken))
    return EnvKeys(tuple(found), tuple(warnings))


def _cleaned(text: str) -> Secret:
    from freellm_cli.core.key_text import clean_key

    return Secret(clean_key(text).text)


def _matches(
    env: Mapping[str, str], variables: Mapping[str, tuple[str, ...]]
) -> list[tuple[NamedFor, str]]:
    matches = []
    for name, value in env.items():
        if value.strip():
            match = match_variable(name, variables)
            if match is not None:
                matches.append((match, name))
    return matches


def _credential(
    provider: str,
    secret: Secret,
    variable: str,
    number: int,
    extra: Mapping[str, str],
    taken: set[str],
) -> Credential:
    credential_id = f"{provider}-env-{number}" if number else f"{provider}-env"
    if credential_id in taken:
        credential_id = f"{provider}-env-{variable.lower()}"
    return Credential(
        id=credential_id,
        provider=provider,
        source="env",
        secret=secret,
        env_var=variable,
        extra=extra,
    )


def _needs(env: Mapping[str, str], spec: ProviderSpec, number: int) -> dict[str, str]:
    found = {}
    for need in spec.needs:
        own, usual = own_variable(spec.id, need.upper()), f"{spec.id}_{need}".upper()
        for name in (f"{own}_{number}", f"{usual}_{number}", own, usual):
            if env.get(name, "").strip():
                found[need] = env[name].strip()
                break
    return found
