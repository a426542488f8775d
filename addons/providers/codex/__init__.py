"""Codex with a ChatGPT login: Codex CLI's own requests as they are, others' in the service's own dialect (codex.md)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import httpx

from addons.login.flow import Flow, Kind
from addons.login.steps import Steps
from addons.providers import outbound
from addons.providers.api import Answer, Call, Headers, Json, Manifest, Operation, Provider, UnavailableError, Upstream
from addons.providers.codex import account, errors, limits
from addons.providers.codex.body import fitted, is_codex
from addons.providers.codex.cookies import Cookies
from addons.providers.codex.login import DeviceSteps
from addons.providers.codex.turns import HEADER, Turns, turn_of
from addons.providers.codex.wire import RESPONSES, CodexWire
from addons.providers.listening import Listening
from addons.providers.quota import Quota
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo, TranslationError
from translators.canonical.request import Request

_ACCOUNT = "ChatGPT-Account-ID"
#: Endpoints beside the models' own that Codex CLI asks for (§4).
PASSED = frozenset(
    (
        "/v1/responses/compact",
        "/v1/images/generations",
        "/v1/images/edits",
        "/v1/alpha/search",
        "/v1/memories/trace_summarize",
    )
)
#: Conversations become threads below it: always the same one for a conversation.
_THREADS = uuid.uuid5(uuid.NAMESPACE_URL, "https://chatgpt.com/backend-api/codex")


class Codex(Listening):
    reads_request = False

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self._turns, self._cookies = Turns(), Cookies()

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return RESPONSES if request is not None and request.origin == RESPONSES else CodexWire.id

    def passes(self, operation: Operation, headers: Mapping[str, str], body: Json) -> bool:
        """Other clients of the same protocol want things that the service refuses, and answers that it does not give
        (whole ones, and an `output` in the last event)."""
        return operation is Operation.GENERATE and is_codex(lambda name, default: headers.get(name, default))

    def url(self, call: Call, credential: Credential) -> str:
        base = self.base_url(call.protocol, credential)
        if call.operation is Operation.MODELS:
            return f"{base}/models?client_version={self._version(credential)}"
        path = call.path.removeprefix("/v1") if call.operation is Operation.PASS else "/responses"
        return base + path + (f"?{call.query}" if call.query and not call.translated else "")

    def auth_headers(self, credential: Credential, protocol: str = "") -> Headers:
        headers = super().auth_headers(credential, protocol)
        known = account.account_id(credential)
        return [*headers, (_ACCOUNT, known)] if known else headers

    def build(self, call: Call, credential: Credential) -> Upstream:
        received = {name.lower(): value for name, value in call.received}
        own = not call.translated and is_codex(lambda name, default: received.get(name, default))
        if call.operation is Operation.PASS and not (own and call.path in PASSED):
            raise TranslationError(
                f"a ChatGPT login has no {call.path} for this client: it needs an API key of OpenAI's"
            )
        upstream = super().build(call, credential)
        if not any(name == _ACCOUNT for name, _ in upstream.headers):  # the client's would be of another login
            upstream.headers = [(n, v) for n, v in upstream.headers if n.lower() != _ACCOUNT.lower()]
        if cookie := self._cookies.header(credential.name, urlsplit(upstream.url).netloc, time.time()):
            upstream.headers.append(("Cookie", cookie))
        if call.operation is not Operation.GENERATE:
            return upstream
        thread = _thread(call.conversation)
        body = jsonio.loads(upstream.body)
        target = self.target(call.protocol, call.model, credential)
        mended, upstream.notes = fitted(body, target.efforts, own=own)
        if call.translated:
            mended.setdefault("prompt_cache_key", thread)
            state = self._turns.token(credential.name, thread, turn_of(mended))
            upstream.headers += self.identity("conversation", credential, thread=thread, turn_state=state)
        if mended is not body:
            upstream.body = jsonio.dumps(mended)
        return upstream

    def heard(self, credential: Credential, sent: Upstream, headers: Headers) -> None:
        """Codex CLI keeps the tokens of its threads itself; its cookies it has never seen."""
        lines = (value for name, value in headers if name == "set-cookie")
        self._cookies.note(credential.name, urlsplit(sent.url).netloc, lines, time.time())
        token = next((value for name, value in headers if name == HEADER), "")
        thread = next((value for name, value in sent.headers if name == "thread-id"), "")
        if token and _is_conversations(thread):
            self._turns.note(credential.name, thread, turn_of(jsonio.loads(sent.body)), token)

    def told(self, headers: Mapping[str, str], model: str, now: float) -> list[Quota]:
        return limits.from_headers(headers, model, now)

    def told_within(self, body: bytes, model: str, now: float) -> list[Quota]:
        return limits.from_stream(body, now)

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        now = time.time()
        quotas = [] if answer is None else limits.from_headers(answer.headers, "the one asked for", now)
        return errors.judged(super().judge(error, answer), answer, quotas, now)

    async def enrol(self, credential: Credential, client: httpx.AsyncClient) -> Json:
        return account.described(credential)

    async def quotas(self, credential: Credential, client: httpx.AsyncClient) -> Sequence[Quota]:
        beside = self.base_url(CodexWire.id, credential).removesuffix("/codex")
        url = credential.setting("quota_url", f"{beside}/{limits.USAGE}")
        if not outbound.is_safe(url):
            raise ValueError(f"a login is not sent to {url or 'nowhere'}: set quota_url to an https address")
        headers = [*self.auth_headers(credential), *self.identity("models", credential)]
        response = await client.get(url, headers=headers)
        if response.status_code >= 300:
            fields = {name.lower(): value for name, value in response.headers.items()}
            info = registry.get(RESPONSES).decode_error(response.status_code, fields, response.content)
            raise UnavailableError(self.judge(info, Answer(response.status_code, fields, response.content)))
        told = jsonio.loads(response.content)
        return limits.from_usage(told, time.time()) if isinstance(told, dict) else ()

    def login_steps(self, flow: Flow, draft: Credential, client: httpx.AsyncClient) -> Steps:
        kind = DeviceSteps if flow.kind is Kind.DEVICE else Steps
        return kind(flow, self.manifest.oauth, draft, client, self.identity("login", draft))

    def _version(self, credential: Credential) -> str:
        profile = self.manifest.header_profile
        return "0.0.0" if profile is None else profile.facts(credential).get("version", "0.0.0")


def _thread(conversation: str) -> str:
    """The thread of a conversation; a request of none is one of its own."""
    return str(uuid.uuid5(_THREADS, conversation) if conversation else uuid.uuid4())


def _is_conversations(thread: str) -> bool:
    """Whether it is one of `_thread`'s that more requests belong to; Codex CLI's own are of version 7."""
    try:
        return uuid.UUID(thread).version == 5
    except ValueError:
        return False


def create(manifest: Manifest) -> Provider:
    registry.register(CodexWire())
    return Codex(manifest)
