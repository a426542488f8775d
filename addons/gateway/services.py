"""What the addons share: settings, state, providers, and what is remembered between exchanges. One object, passed
in."""

from __future__ import annotations

from dataclasses import dataclass, field

from addons.audit.client import AuditClient
from addons.audit.redact import Redactor
from addons.config.home import Home
from addons.config.settings import Settings
from addons.config.store import ConfigStore
from addons.gateway.local.metrics import Metrics
from addons.gateway.makers import Makers
from addons.gateway.proxies import Proxies
from addons.gateway.trust import Authorities
from addons.pool.pool import Pool
from addons.pool.refresh import Refresher
from addons.pool.standing_store import StandingStore
from addons.providers.registry import Registry
from addons.vault.store import StateStore
from translators.canonical.memory import ReasoningMemory


@dataclass(slots=True)
class Services:
    home: Home
    config: ConfigStore
    state: StateStore
    providers: Registry
    audit: AuditClient | None = None
    memory: ReasoningMemory = field(default_factory=ReasoningMemory)
    makers: Makers = field(default_factory=Makers)
    metrics: Metrics = field(default_factory=Metrics)
    redactor: Redactor = field(default_factory=Redactor)  # for what is logged or kept outside of the audit
    proxies: Proxies = field(default_factory=Proxies)
    authorities: Authorities = field(default_factory=Authorities)
    refresher: Refresher = field(init=False)
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        self.refresher = Refresher(self.state, self.home.path)
        self.pool = Pool(StandingStore(self.home.state), self.refresher.forgive)

    def settings(self) -> Settings:
        """The newest good settings."""
        return self.config.current
