"""A provider whose work is done by a program of its own: a `Provider` in front, JSON-RPC behind.

A plugin that only acquires credentials is asked for them, and its requests then go the native way; the stream never
passes through it. One that transforms requests or answers is reached through the relay.
"""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
import logging
import secrets
import sqlite3
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from addons.plugins.bridge import errors, hosting
from addons.plugins.bridge.errors import FAULTS, BadAnswerError
from addons.plugins.bridge.hosting import Hosting
from addons.plugins.bridge.protocol import Facts, Lease, Method, Serves, ShapeError
from addons.plugins.bridge.relay import HEADER, Relay
from addons.plugins.bridge.session import Session
from addons.plugins.bridge.transit import Outcome, Passage, Transit, credential_params
from addons.plugins.bridge.web import Clients
from addons.plugins.folder import Plugin
from addons.providers.api import Answer, Call, Headers, Manifest, Operation, Provider, UnavailableError, Upstream
from addons.vault.cipher import VaultError
from addons.vault.credential import Credential
from addons.vault.store import NotFoundError
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.request import Request

log = logging.getLogger(__name__)
#: A lease is not used any more this many seconds before it expires.
MARGIN = 30.0
#: Outcomes, and answers to "do you serve this model?", that are remembered.
REMEMBERED = 1024
#: Seconds that an upstream may be silent; the gateway's own deadlines come first.
SILENCE = 900.0
#: Seconds for which nothing may be under way before a retired plugin is let go: an exchange may be between two steps.
LINGER = 3.0
#: The setting that carries `Ready` from `acquire` to `build`.
_READY = "_plugin"


@dataclass(frozen=True, slots=True)
class Ready:
    """What `acquire` made: the credential as it is kept, and on what terms it is used."""

    credential: Credential
    lease: Lease | None


class RemoteProvider(Provider):
    """Made by `create`. Implements `Closes` and `Reconfigures` (addons/plugins/contract.py)."""

    reads_request = False

    def __init__(self, plugin: Plugin, manifest: Manifest, host: Hosting | None = None) -> None:
        super().__init__(manifest)
        self.plugin = plugin
        self._host = host
        self._said = manifest  # what the plugin's files say, before it speaks for itself
        self._session_: Session | None = None
        self._relay, self._clients = Relay(), Clients(SILENCE)
        self._leases: dict[str, tuple[Credential, Lease]] = {}
        self._acquiring: dict[str, asyncio.Task[Lease]] = {}
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()
        self._served: OrderedDict[tuple[str, str], bool | None] = OrderedDict()
        self._asking: set[asyncio.Task[None]] = set()
        self._seed, self._numbers = secrets.token_hex(4), itertools.count(1)

    @property
    def session(self) -> Session:
        """Made when it is first needed: by then the gateway has said what it offers."""
        if self._session_ is None:
            host = self._host or hosting.of(self.plugin.folder.parent.parent)
            self._session_ = Session(self.plugin, host, self._learn)
        return self._session_

    @property
    def facts(self) -> Facts | None:
        """What the plugin says of itself; None before its first start."""
        return self._session_.facts if self._session_ is not None else None

    # -- choosing

    def serves(self, model: str, credential: Credential) -> bool:
        """By its patterns, and by what it said when it was asked for this model, which happens behind the scenes."""
        if not super().serves(model, credential):
            return False
        if self.facts is None or not self.facts.has(Method.SERVES):
            return True
        key = (credential.name, model)
        if key not in self._served:
            self._served[key] = None
            if len(self._served) > REMEMBERED:
                self._served.popitem(last=False)
            self._later(self._ask_whether(key, credential))
        return self._served[key] is not False

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        for fact in self.facts.models if self.facts is not None else ():
            if fact.protocol and fnmatch.fnmatchcase(model.lower(), fact.pattern.lower()):
                return fact.protocol
        return super().protocol(model, credential, request)

    # -- asking

    async def acquire(self, credential: Credential) -> Credential:
        credential = self._kept(credential)
        facts, known = self.facts, self._known(credential)
        if facts is not None and known is not None and not facts.relayed:
            return self._ready(credential, known, facts)  # what it gave is good, even while it does not run
        try:
            facts = await self.session.ready()
            self.session.given[credential.name] = credential
            lease = await self._lease(credential) if facts.has(Method.ACQUIRE) else None
            if self._uses_relay(facts):
                await self._relay.start()
        except (*FAULTS, ShapeError, OSError) as error:
            raise self._unavailable(error) from error
        return self._ready(credential, lease, facts)

    async def refresh(self, credential: Credential) -> Credential | None:
        """After a 401: on the terms that the plugin names now, None where it has no others."""
        ready = credential.settings.get(_READY)
        facts = self.facts
        if not isinstance(ready, Ready) or facts is None or not facts.has(Method.REFRESH):
            return None
        kept = ready.credential
        self._leases.pop(kept.name, None)
        try:
            told = await self.session.ask(Method.REFRESH, credential_params(kept, ready.lease))
            if told is None:
                return None
            lease = Lease.of(told, Method.REFRESH)
        except (*FAULTS, ShapeError) as error:
            raise self._unavailable(error) from error
        kept = self._keep(kept, lease)
        return self._ready(kept, lease, facts)

    def auth_headers(self, credential: Credential, protocol: str = "") -> Headers:
        """None beside those that the plugin gave."""
        ready = credential.settings.get(_READY)
        if isinstance(ready, Ready) and ready.lease is not None and ready.lease.headers:
            return []
        return super().auth_headers(credential, protocol)

    def build(self, call: Call, credential: Credential) -> Upstream:
        """To the relay, where the plugin has a say in this call; else as any provider."""
        ready, facts = credential.settings.get(_READY), self.facts
        if not isinstance(ready, Ready) or facts is None or not self._is_relayed(call, credential, facts):
            return super().build(call, credential)
        lease, operation = ready.lease, call.operation
        known_operation = operation is Operation.MODELS or operation.value in facts.operations
        if facts.has(Method.REQUEST) and not known_operation:
            kind = ErrorKind.NOT_FOUND
            raise TranslationError(f"the plugin {self.plugin.name} has no way for {operation.value}", kind=kind)
        if self._relay.port == 0:
            raise self._unavailable(BadAnswerError("is not ready"))

        def native(body: bytes) -> Upstream:
            return Provider.build(self, replace(call, body=body), self._ready(ready.credential, lease, None))

        outcome = Outcome()
        name = f"{self._seed}-{next(self._numbers)}"
        known = tuple(self.models(ready.credential))
        transit = Transit(
            self.session, facts, self._clients, Passage(name, call, ready.credential, lease, native, known), outcome
        )
        ticket = self._relay.ticket(transit.run)
        self._outcomes[ticket] = outcome
        if len(self._outcomes) > REMEMBERED:
            self._outcomes.popitem(last=False)
        url = f"http://127.0.0.1:{self._relay.port}/{self.manifest.id}/{call.operation.value}"
        headers = [(n, v) for n, v in call.headers if n.lower() != "content-type"]
        return Upstream(call.method, url, [*headers, ("content-type", "application/json"), (HEADER, ticket)], call.body)

    # -- judging

    def judge(self, error: ErrorInfo, answer: Answer | None = None) -> ErrorInfo:
        """As the plugin read it, where it did."""
        outcome = self._outcomes.get(answer.headers.get(HEADER, "")) if answer is not None else None
        if outcome is not None and outcome.error is not None:
            return outcome.error
        return super().judge(error, answer)

    def real_url(self, ticket: str) -> str:
        """The address behind an answer of the relay's; "" where none was asked."""
        outcome = self._outcomes.get(ticket)
        return outcome.url if outcome is not None else ""

    def released(self, credential: Credential, outcome: str, error: ErrorInfo | None) -> None:
        """An attempt with this credential is over; a lease that was refused is not used again."""
        if outcome == "authentication":
            self._leases.pop(credential.name, None)
        if self.facts is not None and self.facts.has(Method.RELEASE):
            told: dict[str, Any] = {"credential": credential.name, "outcome": outcome}
            if error is not None:
                told["error"] = {"kind": error.kind.value, "message": error.message, "status": error.status}
            self.session.tell(Method.RELEASE.value, told)

    # -- its life (addons/plugins/contract.py)

    def reconfigure(self, plugin: Plugin) -> bool:
        """A plugin that runs and cannot take new settings is made anew."""
        others = plugin.config.settings != self.plugin.config.settings
        if others and self.facts is not None and not self.facts.has(Method.SETTINGS):
            return False
        self.plugin = plugin
        self._leases.clear()
        if self._session_ is not None:
            self._session_.reconfigured(plugin)
        return True

    async def close(self, grace: float) -> None:
        """Exchanges go on as long as they may; then the process ends, and nothing of it is left."""
        loop = asyncio.get_running_loop()
        deadline, quiet = loop.time() + grace, loop.time() + min(LINGER, grace / 10)
        while (now := loop.time()) < deadline:
            if self._relay.active or self._relay.waiting or self._acquiring:
                quiet = now + min(LINGER, grace / 10)
            elif now >= quiet:
                break
            await asyncio.sleep(0.05)
        for task in (*self._asking, *self._acquiring.values()):
            task.cancel()
        await self._relay.close()
        if self._session_ is not None:
            await self._session_.close()
        await self._clients.close()

    # -- within

    def _learn(self, facts: Facts) -> None:
        """Raises ShapeError for what this version cannot do."""
        protocols = [fact.protocol for fact in facts.models if fact.protocol]
        for name in protocols:
            if name not in registry.client_ids():
                raise ShapeError(
                    f"names the protocol {name[:40]!r}, which is none of {', '.join(registry.client_ids())}"
                )
        if facts.relayed and self._said.protocols[0] not in registry.client_ids():
            raise ShapeError(f"transforms, so its target protocol must be one of {', '.join(registry.client_ids())}")
        manifest = replace(self._said, protocols=tuple(dict.fromkeys((*self._said.protocols, *protocols))))
        if facts.models:
            manifest = replace(manifest, models=tuple(fact.pattern for fact in facts.models))
        if facts.known_models:
            manifest = replace(manifest, known_models=facts.known_models)
        if self._uses_relay(facts):
            manifest = replace(manifest, lists_models=manifest.lists_models or facts.has(Method.MODELS))
        if manifest != self.manifest:
            self.manifest = manifest
            self.session.hosting.changed()

    @staticmethod
    def _uses_relay(facts: Facts) -> bool:
        return facts.relayed or facts.has(Method.MODELS) or facts.has(Method.VALIDATE)

    def _is_relayed(self, call: Call, credential: Credential, facts: Facts) -> bool:
        if call.operation is Operation.MODELS and (facts.has(Method.MODELS) or facts.has(Method.VALIDATE)):
            return not credential.setting("proxy_url")  # whoever asks would take its proxy to get here
        return facts.relayed

    def _ready(self, credential: Credential, lease: Lease | None, facts: Facts | None) -> Credential:
        """As it goes through the gateway. What the relay does itself, the way to it must not do (`facts` given)."""
        settings = {**credential.settings, _READY: Ready(credential, lease)}
        secret = credential.secret
        if lease is not None:
            if lease.base_url:
                settings["base_url"] = lease.base_url
                settings.pop("base_urls", None)
            if lease.headers:
                own = settings.get("headers")
                settings["headers"] = {**(own if isinstance(own, dict) else {}), **dict(lease.headers)}
            for token in lease.tokens:
                self.session.hosting.note(token)
            secret = next(iter(lease.tokens), secret)
        if facts is not None and facts.relayed:
            settings.pop("proxy_url", None)
            settings.pop("ca_file", None)
        return replace(credential, secret=secret, settings=settings)

    def _kept(self, credential: Credential) -> Credential:
        """The credential as it is stored, also of one that `acquire` or `refresh` made; with a login's token of now."""
        ready = credential.settings.get(_READY)
        if not isinstance(ready, Ready):
            return credential
        if self.manifest.oauth is None:
            return ready.credential
        settings = {**ready.credential.settings, "login": credential.settings.get("login")}
        return replace(ready.credential, secret=credential.secret, settings=settings)

    def _known(self, credential: Credential) -> Lease | None:
        """The lease that is still good."""
        known = self._leases.get(credential.name)
        return known[1] if known is not None and known[0] == credential and _is_good(known[1]) else None

    async def _lease(self, credential: Credential) -> Lease:
        """The known one while it is good; else one question for all who wait. Raises what FAULTS names, and
        ShapeError."""
        known = self._known(credential)
        if known is not None:
            return known
        task = self._acquiring.get(credential.name)
        if task is None:
            task = asyncio.create_task(self._ask_for_lease(credential))
            self._acquiring[credential.name] = task
            task.add_done_callback(partial(self._asked, credential.name))
        return await asyncio.shield(task)

    def _asked(self, name: str, task: asyncio.Task[Lease]) -> None:
        self._acquiring.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever waited may have gone away

    async def _ask_for_lease(self, credential: Credential) -> Lease:
        told = await self.session.ask(Method.ACQUIRE, credential_params(credential))
        lease = Lease.of(told, Method.ACQUIRE)
        self._keep(credential, lease)
        return lease

    def _keep(self, credential: Credential, lease: Lease) -> Credential:
        """Remember the lease, and store the secret that it brings along."""
        if lease.secret is not None and lease.secret != credential.secret and self.manifest.oauth is None:
            new = lease.secret
            self.session.hosting.note(new)
            try:
                self.session.hosting.state().change_secret(credential.name, lambda _: new)
            except (NotFoundError, VaultError, sqlite3.Error) as error:
                log.error("proxycast: the new secret of %s cannot be stored: %s", credential.name, error)
            credential = replace(credential, secret=new)
        self._leases[credential.name] = (credential, lease)
        return credential

    async def _ask_whether(self, key: tuple[str, str], credential: Credential) -> None:
        name, model = key
        try:
            told = await self.session.ask(Method.SERVES, {**credential_params(credential), "model": model})
            answer = Serves.of(told, Method.SERVES).serves
        except (*FAULTS, ShapeError) as error:
            log.debug("proxycast: whether %s serves %s is not known: %s", name, model, error)
            self._served.pop(key, None)
            return
        self._served[key] = answer
        if not answer:
            self.session.hosting.changed()

    def _later(self, work: Any) -> None:
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:  # the command lists what there is, without a loop
            work.close()
            return
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _unavailable(self, error: Exception) -> UnavailableError:
        if isinstance(error, ShapeError):
            error = BadAnswerError(str(error))
        if isinstance(error, OSError):
            return UnavailableError(ErrorInfo(ErrorKind.SERVER, f"the plugin's relay cannot start: {error}", 502))
        return UnavailableError(errors.info(self.plugin.name, error))


def _is_good(lease: Lease) -> bool:
    return lease.expires_at is None or lease.expires_at - MARGIN > time.time()


def create(plugin: Plugin, manifest: Manifest, host: Hosting | None = None) -> Provider:
    """The process is started when the provider is first used."""
    return RemoteProvider(plugin, manifest, host)
