"""Loads the user's plugins, and follows installations, updates and settings while the gateway runs."""

from __future__ import annotations

import asyncio
import logging

from mitmproxy import ctx

from addons.gateway.services import Services
from addons.gateway.upkeep.background import Background
from addons.plugins.host import PluginHost
from addons.vault.credential import secrets_among

INTERVAL = 1.0  # seconds between two looks at the folder
GRACE = 3.0  # seconds that plugins have to end with the gateway
log = logging.getLogger(__name__)


class Plugins:
    """Comes after Drain in the list: plugins end when the last exchange has."""

    name = "proxycast_plugins"

    def __init__(self, services: Services) -> None:
        self._services = services
        self._host = PluginHost(services.home.plugins, services.providers)
        self._background = Background(self._follow)
        self._sentences = self._host.load()
        self._note_secrets()

    def running(self) -> None:
        self._say(self._sentences)
        self._sentences = []
        self._background.start()

    def done(self) -> object:  # not `async def`: hot reload calls done synchronously
        self._background.stop()
        return asyncio.create_task(self._host.close(GRACE))

    async def _follow(self) -> None:
        while not ctx.master.should_exit.is_set():
            await asyncio.sleep(INTERVAL)
            try:
                found = await asyncio.to_thread(self._host.look)
                self._say(self._host.apply(found))
                if found:
                    self._note_secrets()
            except Exception:
                log.exception("proxycast: looking after plugins failed")

    def _note_secrets(self) -> None:
        """What users told plugins in their settings stays out of the audit and the log."""
        for loaded in self._host.plugins:
            self._services.refresher.note(*secrets_among(loaded.plugin.config.settings))

    @staticmethod
    def _say(sentences: list[str]) -> None:
        for sentence in sentences:
            log.log(logging.WARNING if "cannot be used" in sentence else logging.INFO, "proxycast: %s", sentence)
