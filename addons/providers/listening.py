"""A provider whose service says more in an answer than what its headers tell of limits; derive from it to hear that."""

from __future__ import annotations

from addons.providers.api import Headers, Provider, Upstream
from addons.providers.quota import Quota
from addons.vault.credential import Credential


class Listening(Provider):
    """Both are asked in the gateway's own loop: they are quick, and keep nothing of a request's content."""

    def heard(self, credential: Credential, sent: Upstream, headers: Headers) -> None:
        """The head of a good answer to `sent` is there; names of its `headers` in lower case."""

    def told_within(self, body: bytes, model: str, now: float) -> list[Quota]:
        """What an answer said of its credential's limits beside its headers. `body` is the whole of it, or its first
        megabytes, a stream's bytes as they came; `now` in seconds since 1970."""
        return []
