"""A Claude plan's login for Claude Code's own requests, untouched; for nobody else's (claude_oauth.md §0)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import httpx

from addons.providers import quota_endpoint
from addons.providers.api import Answer, Call, Headers, Json, Manifest, Operation, Provider, Upstream
from addons.providers.claude_oauth import errors, limits
from addons.providers.claude_oauth.recognise import is_claude_code
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError

BETA = "oauth-2025-04-20"
#: The beta that goes before it on the wire (§3.2).
FIRST_BETA = "claude-code-20250219"
_BETAS = "anthropic-beta"
#: Headers of the client that are not its own any more when they go out.
_REPLACED = frozenset(("authorization", "accept-encoding"))
#: Least seconds between two questions about the usage, which is tightly limited itself (§2).
USAGE_PAUSE = 180.0
#: Content codings that an answer can be read in while it passes.
_READABLE = frozenset(("gzip", "deflate", "br", "zstd", "identity"))
_REFUSED = (
    "this is a Claude plan's login, which Anthropic allows for Claude Code alone: this request is not Claude Code's. "
    "Other clients need an API key: `proxycast credentials add anthropic`"
)


class ClaudeLogin(Provider):
    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self._usage: dict[str, tuple[float, Sequence[Quota]]] = {}  # credential → when it was asked, and what it said

    def limited_as(self, model: str) -> str:
        return limits.group(model)

    def build(self, call: Call, credential: Credential) -> Upstream:
        """Claude Code's request as it came, in its order; the login takes the place of what it presented to us."""
        received = {name.lower(): value for name, value in call.received}
        body = _body(call) if call.operation is Operation.GENERATE else None
        if call.translated or not is_claude_code(received, body):
            raise TranslationError(_REFUSED, kind=ErrorKind.PERMISSION)
        upstream = super().build(call, credential)
        upstream.headers = _in_order(call, upstream.headers)
        return upstream

    def told(self, headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
        return limits.from_headers(headers, model, now)

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        return errors.judged(super().judge(error, answer), answer)

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        """Which plan it is, as far as Claude Code wrote it down: nothing is asked."""
        login = credential.settings.get("login")
        plan = login.get("subscription_type") if isinstance(login, dict) else None
        return {"plan": plan} if isinstance(plan, str) and plan else {}

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        """A setup token may not ask (403), and says nothing of limits but in the headers of answers."""
        asked, known = self._usage.get(credential.name, (0.0, ()))
        now = time.monotonic()
        if asked and now < asked + USAGE_PAUSE:
            return known
        self._usage[credential.name] = now, known
        url = credential.setting("quota_url", self.base_url("anthropic", credential) + limits.USAGE)
        headers = [*self.auth_headers(credential), *self.identity("usage", credential)]
        told = await quota_endpoint.get(client, url, headers)
        found = limits.from_usage(told, time.time()) if isinstance(told, dict) else []
        self._usage[credential.name] = now, found
        return found


def _body(call: Call) -> Json:
    found = jsonio.loads(call.body)
    return found if isinstance(found, dict) else {}


def _in_order(call: Call, headers: Headers) -> Headers:
    """`headers` (what may go out) in the order in which Claude Code sent its own: the login where its credential stood,
    the codings that it accepts, and the beta that a plan's token needs in its place among its own (§3.1, §3.2)."""
    left, ordered = list(headers), Headers()
    ours = {name.lower(): (name, value) for name, value in headers if name.lower() in _REPLACED}
    for name, value in call.received:
        lowered = "authorization" if name.lower() == "x-api-key" else name.lower()
        sent = ours.pop(lowered, None) if lowered in _REPLACED else (name, value)
        if sent not in left:
            continue
        left.remove(sent)
        ordered.append((name, value) if lowered == "accept-encoding" and _is_readable(value) else sent)
    betas = [place for place, (name, _) in enumerate(ordered) if name.lower() == _BETAS]
    if not betas:
        ordered.append((_BETAS, BETA))
    elif not any(BETA in (beta.strip() for beta in ordered[place][1].split(",")) for place in betas):
        name, value = ordered[betas[0]]
        ordered[betas[0]] = (name, _with_beta(value))
    return ordered + left


def _with_beta(betas: str) -> str:
    first, comma, others = betas.partition(",")
    return f"{first},{BETA}{comma}{others}" if first.strip() == FIRST_BETA else f"{BETA},{betas}"


def _is_readable(codings: str) -> bool:
    return all(part.partition(";")[0].strip().lower() in _READABLE for part in codings.split(","))


def create(manifest: Manifest) -> Provider:
    return ClaudeLogin(manifest)
