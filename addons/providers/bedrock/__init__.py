"""Amazon Bedrock: which wire a model is asked on, where, and how the request is signed (apikey_backends.md §6)."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from addons.providers.api import Call, Headers, Manifest, Operation, Provider, UnavailableError, Upstream
from addons.providers.bedrock import signing
from addons.providers.bedrock.profiles import Profiles, profile_of
from addons.providers.bedrock.wire import PROTOCOL as INVOKE
from addons.vault.credential import Credential
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.request import Request
from translators.canonical.target import Target

CONVERSE = "bedrock"
DEFAULT_REGION = "us-east-1"

#: Setting `api` → protocol id.
WIRES = {
    "converse": CONVERSE,
    "invoke": INVOKE.id,
    "chat": "openai_chat",
    "responses": "openai_responses",
    "messages": "anthropic",
}

#: (protocol, streamed) → the action behind `/model/{id}/`.
_ACTIONS = {
    (CONVERSE, False): "converse",
    (CONVERSE, True): "converse-stream",
    (INVOKE.id, False): "invoke",
    (INVOKE.id, True): "invoke-with-response-stream",
}

#: What the other dialects' endpoints lie below, where a base URL of one's own does not say it.
_ROOTS = {"openai_chat": "/openai/v1", "openai_responses": "/openai/v1", "anthropic": "/anthropic"}

_REGION_IN_HOST = re.compile(r"//bedrock[a-z-]*\.([a-z]{2}(?:-[a-z]+)+-\d+)\.")


class Bedrock(Provider):
    reads_request = False

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self._profiles = Profiles()

    async def acquire(self, credential: Credential) -> Credential:
        """With the keys, and the region, of the profile of AWS's configuration that a setting names."""
        if credential.secret:
            return credential
        if not profile_of(credential):
            text = f"{credential.name} has neither a secret nor a profile: `proxycast credentials edit` gives it one"
            raise UnavailableError(ErrorInfo(ErrorKind.AUTHENTICATION, text, 401))
        found = await self._profiles.find(credential)
        settings = credential.settings if _region_of(credential) else {**credential.settings, "region": found.region}
        return replace(credential, secret=found.secret, settings=settings)

    async def refresh(self, credential: Credential) -> Credential | None:
        """With the keys that the profile has now, after the service has refused those of before."""
        bare = replace(credential, secret="")
        if not profile_of(bare):
            return None
        self._profiles.refused(bare)
        found = await self._profiles.find(bare)
        return None if found.secret == credential.secret else replace(credential, secret=found.secret)

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        """The wire set by the user; else Claude's own for Claude (it says most), Converse for all others."""
        chosen = WIRES.get(credential.setting("api"))
        if chosen is not None:
            return chosen
        return INVOKE.id if "claude" in stands_for(model, credential).lower() else CONVERSE

    def target(self, protocol: str, model: str, credential: Credential) -> Target:
        """Facts of the model that a profile stands for; its own name only where the body carries it."""
        target = super().target(protocol, stands_for(model, credential), credential)
        return target if (protocol, False) in _ACTIONS else replace(target, model=model)

    def base_url(self, protocol: str, credential: Credential) -> str:
        base = super().base_url(protocol, replace(credential, settings=_with_region(credential)))
        root = _ROOTS.get(protocol, "")
        own = bool(credential.setting("base_url"))
        return base + root if own and not base.endswith((root, "/v1")) else base

    def url(self, call: Call, credential: Credential) -> str:
        """`/model/{id}/…` with the id as one segment: an ARN's slashes and colons are encoded."""
        action = _ACTIONS.get((call.protocol, call.stream))
        if call.operation is Operation.COUNT_TOKENS and action is not None:
            action = "count-tokens"
        if call.operation not in (Operation.GENERATE, Operation.COUNT_TOKENS) and call.protocol in (
            CONVERSE,
            INVOKE.id,
        ):
            raise TranslationError("Bedrock's runtime does not list its models", kind=ErrorKind.NOT_FOUND)
        if action is None or call.operation not in (Operation.GENERATE, Operation.COUNT_TOKENS):
            return super().url(call, credential)
        return f"{self.base_url(call.protocol, credential)}/model/{quote(call.model, safe='-._~')}/{action}"

    def auth_headers(self, credential: Credential, protocol: str = "") -> Headers:
        """An API key; access keys are no header but a signature, which `build` writes."""
        key = signing.api_key(credential)
        return super().auth_headers(replace(credential, secret=key), protocol) if key else []

    def build(self, call: Call, credential: Credential) -> Upstream:
        upstream = super().build(call, credential)
        keys = signing.access_keys(credential)
        if keys is None:
            return upstream
        service = credential.setting("service") or (
            "bedrock-mantle" if "//bedrock-mantle." in upstream.url else "bedrock"
        )
        return signing.signed(upstream, keys, _region(credential), service)


def stands_for(model: str, credential: Credential) -> str:
    """The model behind an inference profile's ARN or name, as the setting `stands_for` says; else `model`."""
    known = credential.settings.get("stands_for")
    found = known.get(model) if isinstance(known, dict) else None
    return found if isinstance(found, str) and found else model


def _region(credential: Credential) -> str:
    return _region_of(credential) or DEFAULT_REGION


def _region_of(credential: Credential) -> str:
    """The setting, else what the endpoint's host says, else ""."""
    found = _REGION_IN_HOST.search(credential.setting("base_url"))
    return credential.setting("region") or (found[1] if found is not None else "")


def _with_region(credential: Credential) -> dict[str, object]:
    return {**credential.settings, "region": _region(credential)}


def create(manifest: Manifest) -> Provider:
    registry.register(INVOKE)
    return Bedrock(manifest)
