"""Azure OpenAI: which of its two sets of URLs an operation has (apikey_backends.md §5)."""

from __future__ import annotations

import re
from urllib.parse import quote

from addons.providers.api import Call, Manifest, Operation, Provider
from addons.providers.several import SeveralProtocols
from addons.vault.credential import Credential
from translators.canonical.request import Request

#: What a dated API version begins with; any other value is a channel of the v1 API.
_DATED = re.compile(r"20\d\d-\d\d-\d\d")

#: Ends of the base URLs that Azure's portal and its documentation show.
_ENDS = re.compile(r"(/openai)?(/v1)?$")

#: Below a dated API version, operations of a model live under its deployment. Responses do not.
_DEPLOYMENT_PATHS = ("/chat/completions", "/completions", "/embeddings", "/audio/", "/images/")

#: The first dated version with `/openai/responses`.
_FIRST_WITH_RESPONSES = "2025-03-01"

_PATHS = {"openai_chat": "/chat/completions", "openai_responses": "/responses"}


class AzureOpenAI(SeveralProtocols):
    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        """The client's own dialect; for others Responses, where the API version has it."""
        version = credential.setting("api_version")
        if _DATED.match(version) and version < _FIRST_WITH_RESPONSES:
            return "openai_chat"
        return super().protocol(model, credential, request)

    def url(self, call: Call, credential: Credential) -> str:
        """`/openai/v1/…`, or with a dated `api_version` `/openai/deployments/{deployment}/…`."""
        root = _ENDS.sub("", self.base_url(call.protocol, credential))
        version = credential.setting("api_version")
        query = [call.query] if call.query and not call.translated else []
        if call.operation is Operation.PASS:
            path = call.path.removeprefix("/v1")
        elif call.operation is Operation.MODELS:
            path = "/models"
        else:
            path = _PATHS[call.protocol]
            if call.operation is Operation.COUNT_TOKENS:
                path += "/input_tokens"
        if version and (not query or "api-version=" not in query[0]):
            query.append(f"api-version={quote(version)}")
        if not _DATED.match(version):
            place = "/openai/v1"
        elif path.startswith(_DEPLOYMENT_PATHS):
            place = f"/openai/deployments/{quote(call.model, safe='')}"
        else:
            place = "/openai"
        return root + place + path + ("?" + "&".join(query) if query else "")


def create(manifest: Manifest) -> Provider:
    return AzureOpenAI(manifest)
