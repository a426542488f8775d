"""new-api: all public protocols below one root, whichever of their bases was pasted (apikey_backends.md §8)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx

from addons.providers import quota_endpoint
from addons.providers.api import Manifest, Provider
from addons.providers.quota import Quota
from addons.providers.quota_endpoint import number
from addons.providers.several import SeveralProtocols
from addons.vault.credential import Credential

#: What one-api says of a token without a limit, in USD.
_UNLIMITED = 1e8


class NewApi(SeveralProtocols):
    def base_url(self, protocol: str, credential: Credential) -> str:
        """The root, with `/v1` for the OpenAI dialects alone."""
        root = self._root(credential)
        return root + "/v1" if protocol.startswith("openai") else root

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        """new-api's address first, which the manifest describes; its ancestor one-api has two others instead."""
        try:
            return await super().quotas(credential, client)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
        except httpx.DecodingError:
            pass  # one-api answers unknown paths with its page
        root, headers = self._root(credential) + "/v1/dashboard/billing", self.auth_headers(credential)
        limit = await quota_endpoint.get(client, root + "/subscription", headers)
        usage = await quota_endpoint.get(client, root + "/usage", headers)
        most, cents = number(limit.get("hard_limit_usd")), number(usage.get("total_usage"))
        if most is None or cents is None or most >= _UNLIMITED:
            return ()
        left = max(most - cents / 100, 0.0)
        return [Quota("USD", left, most, source="GET /v1/dashboard/billing/usage", seen=time.time())]

    def _root(self, credential: Credential) -> str:
        base = super().base_url("", credential)
        return base.removesuffix("/v1beta").removesuffix("/v1")


def create(manifest: Manifest) -> Provider:
    return NewApi(manifest)
