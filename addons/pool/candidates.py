"""The credentials that may answer a request, in the order to try them, each with the reason for its place."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from addons.config.settings import Profile
from addons.pool.models import override
from addons.providers.api import Provider
from addons.providers.registry import Registry, UnknownProviderError
from addons.vault.credential import Credential

DEMO = Credential("demo", "demo")
NONE_LOCKED: Mapping[str, str] = MappingProxyType({})
#: Stands for the model of a request that names none, or one that nobody lists (files, images, embeddings).
ANY_MODEL = "*"


@dataclass(frozen=True, slots=True)
class Candidate:
    """`model` is what this credential is asked for; `why` one sentence for the audit; `position` its rank in the
    profile."""

    credential: Credential
    provider: Provider
    model: str
    why: str
    position: int = 0
    group: str = ""  # models that share their limits, where that is not `model` alone

    @property
    def limited(self) -> str:
        """Whose limits the request counts against."""
        return self.group or self.model

    @property
    def name(self) -> str:
        return self.credential.name

    @property
    def service(self) -> tuple[str, str]:
        """Whose account it is: the provider, and where (one provider may stand for services at several addresses)."""
        return self.provider.manifest.id, self.credential.setting("base_url")

    @property
    def pacing(self) -> Mapping[str, Any]:
        """The credential's settings, behind them what its provider paces by default (decision 8)."""
        usual = self.provider.manifest.pacing
        return {**usual, **self.credential.settings} if usual else self.credential.settings


class NoCandidateError(Exception):
    """Nobody can be asked; the text says why and what to do."""


def find(
    profile_name: str,
    profile: Profile,
    model: str,
    credentials: Mapping[str, Credential],
    registry: Registry,
    locked: Mapping[str, str] = NONE_LOCKED,
) -> list[Candidate]:
    """Candidates for `model`, best first; raises NoCandidateError.

    A named credential is asked whatever its provider usually serves, as the user chose it, but for what the user
    excluded. Without a list, every enabled
    credential that serves the model (all of them for ANY_MODEL) is a candidate, and the built-in demo when there is no
    credential at all. `locked` are those that there are and that cannot be opened, each with the reason.
    """
    use, wanted, reason = _chosen(profile_name, profile, model)
    if use:
        found = _named(use, wanted, reason, credentials, registry)
        if not found:
            raise NoCandidateError(
                f"no credential of profile {profile_name!r} is usable for {wanted!r}: see `proxycast credentials list`"
            )
        return found
    if not credentials and locked:
        name, reason = next(iter(locked.items()))
        raise NoCandidateError(f"no credential can be opened. {name}: {reason}")
    if not credentials:
        return [Candidate(DEMO, registry.get("demo"), wanted, "no credential is configured: the demo answers")]
    serving = []
    for position, credential in enumerate(credentials.values()):
        candidate = _candidate(credential, wanted, registry, f"{reason}; priority {credential.priority}", position)
        if candidate is not None and (model == ANY_MODEL or candidate.provider.serves(candidate.model, credential)):
            serving.append(candidate)
    if not serving and model == ANY_MODEL:
        raise NoCandidateError("no credential is enabled: see `proxycast credentials list`")
    if not serving:
        raise NoCandidateError(
            f"no credential serves the model {wanted!r}: add one with `proxycast credentials add`, or send the model "
            "to one that you have with `proxycast profiles add NAME --use CREDENTIAL --model MODEL`"
        )
    return serving


def _chosen(profile_name: str, profile: Profile, model: str) -> tuple[Sequence[str | list[str]], str, str]:
    """→ (credential names in order, the model to ask for, why)."""
    for route in profile.routes:
        if fnmatch.fnmatchcase(model, route.match):
            wanted = route.model or profile.model or override(model, profile.models) or model
            return route.use or profile.use, wanted, f"route {route.match!r} of profile {profile_name!r}"
    wanted = profile.model or override(model, profile.models) or model
    return profile.use, wanted, f"profile {profile_name!r}"


def _named(
    use: Sequence[str | list[str]],
    model: str,
    reason: str,
    credentials: Mapping[str, Credential],
    registry: Registry,
) -> list[Candidate]:
    found = []
    for position, entry in enumerate(use):
        for name in [entry] if isinstance(entry, str) else entry:
            credential = DEMO if name == "demo" and name not in credentials else credentials.get(name)
            if credential is None:
                continue
            candidate = _candidate(credential, model, registry, f"{reason}, place {position + 1}", position)
            if candidate is not None:
                found.append(candidate)
    return found


def _candidate(credential: Credential, model: str, registry: Registry, why: str, position: int) -> Candidate | None:
    if not credential.enabled:
        return None
    try:
        provider = registry.get(credential.provider)
    except UnknownProviderError:
        return None
    aliases = credential.settings.get("models")
    asked = override(model, aliases) if isinstance(aliases, dict) else None
    model = asked or model
    if any(fnmatch.fnmatchcase(model, pattern) for pattern in credential.settings.get("excluded_models") or ()):
        return None
    return Candidate(credential, provider, model, why, position, provider.limited_as(model))
