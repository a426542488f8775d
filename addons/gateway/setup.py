"""Opens what the addons share and lists them in the order of a flow's path. Faults at start-up end in one clear
line."""

from __future__ import annotations

import sqlite3
import sys

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from addons.audit.client import AuditClient
from addons.audit.settings import AuditSettings, Mode
from addons.config.home import Home
from addons.config.settings import Audit as AuditConfig
from addons.config.settings import Settings
from addons.config.store import ConfigError, ConfigStore
from addons.gateway.services import Services
from addons.providers.registry import built_in
from addons.vault.store import StateStore

#: Seconds for which a look at settings and state counts: one request looks a dozen times within them.
FRESH = 0.001


def open_services() -> Services:
    """Everything but the audit, which starts with the proxy. Exits with one line when something cannot be used."""
    home = Home.find()
    try:
        home.ensure()
        config = ConfigStore(home.config, FRESH)
        config.load()
        state = StateStore(home.state, home.vault_key, FRESH)
    except ConfigError as error:
        sys.exit(f"proxycast: {error}")
    except (OSError, sqlite3.Error) as error:
        sys.exit(f"proxycast: cannot use {home.path}: {error}")
    providers = built_in()
    providers.add_custom(lambda: config.known.providers)
    return Services(home, config, state, providers)


def audit_settings(settings: Settings) -> AuditSettings:
    audit = settings.audit
    return AuditSettings(
        mode=Mode(audit.mode),
        max_age_days=audit.max_age_days,
        max_rows=audit.max_rows,
        max_bytes=audit.max_bytes,
        body_cap=audit.body_cap,
    )


class Audit:
    """Starts the audit's writer, and keeps it informed of the secrets that must never be stored."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._version = (-1, -1)
        self._settings: AuditConfig | None = None

    def load(self, _: Loader) -> None:
        settings = self._services.settings()
        self._settings = settings.audit
        client = AuditClient()
        client.start(self._services.home.audit, audit_settings(settings))
        self._services.audit = client

    def running(self) -> None:
        self.refresh()

    def requestheaders(self, _: object) -> None:
        self.refresh()

    def response(self, _: object) -> None:
        self.refresh()  # a login may have been renewed for this very request, which is about to be recorded

    def error(self, _: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        state, audit, settings = self._services.state, self._services.audit, self._services.settings()
        if settings.audit is not self._settings:  # config.toml was read anew
            if audit is not None and settings.audit != self._settings:
                audit.configure(audit_settings(settings))
            self._settings = settings.audit
        refresher = self._services.refresher
        version = (state.version, refresher.version)
        if version == self._version:
            return
        self._version = version
        kept = {secret for c in state.credentials.values() for secret in c.secret_values()}
        self._services.redactor.set_secrets(kept | refresher.secrets)
        if audit is not None:
            audit.set_secrets(kept | refresher.secrets)

    def done(self) -> None:
        # when mitmproxy ends, drain.py closes the audit after the last exchange; here only an addon reload is meant
        if self._services.audit is not None and not ctx.master.should_exit.is_set():
            self._services.audit.close(2.0)
