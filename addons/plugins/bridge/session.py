"""What a provider has of its plugin: facts, answers in time, events; and what the plugin gets of the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addons.plugins import versions
from addons.plugins.bridge import protocol
from addons.plugins.bridge.connection import Connection
from addons.plugins.bridge.errors import BadAnswerError, PluginDownError
from addons.plugins.bridge.hosting import Hosting
from addons.plugins.bridge.process import Supervisor
from addons.plugins.bridge.protocol import Facts, Json, Method, ShapeError
from addons.plugins.bridge.sdk import Sdk
from addons.plugins.folder import Plugin
from addons.vault.credential import Credential


class Session:
    """One plugin of one process of ours. `on_facts` hears what it says of itself at each start; it may raise
    ShapeError. `given` holds the credentials that it was shown, by name."""

    def __init__(self, plugin: Plugin, hosting: Hosting, on_facts: Callable[[Facts], None]) -> None:
        self.plugin, self.hosting = plugin, hosting
        self.facts: Facts | None = None
        self.given: dict[str, Credential] = {}
        self._on_facts = on_facts
        self._sdk = Sdk(plugin, hosting, self._deliver, self.given)
        self.supervisor = Supervisor(
            plugin.name,
            plugin.argv,
            plugin.folder,
            plugin.data,
            greet=self._greet,
            serve=self._sdk.serve,
            redact=hosting.redact,
            limits=hosting.limits,
        )

    @property
    def name(self) -> str:
        return self.plugin.name

    async def ready(self) -> Facts:
        """Started, if it was not. Raises PluginDownError."""
        await self.supervisor.ready()
        assert self.facts is not None
        return self.facts

    async def ask(self, method: Method, params: Json) -> Any:
        """Within the time that its user allows a call. Raises what errors.FAULTS names."""
        return await self.supervisor.call(method.value, params, self.plugin.config.timeout_ms / 1000)

    def tell(self, method: str, params: Json) -> None:
        """If it runs, and reads."""
        self.supervisor.notify(method, params)

    def reconfigured(self, plugin: Plugin) -> None:
        """Another time-out, other permissions, other settings, which it is told if it can take them."""
        self.plugin = plugin
        self._sdk.granted = plugin.granted
        if self.facts is not None and self.facts.has(Method.SETTINGS):
            told = {"settings": plugin.config.settings, "permissions": sorted(plugin.granted)}
            self.tell(Method.SETTINGS.value, told)

    async def close(self) -> None:
        await self.supervisor.stop()
        await self._sdk.close()

    # -- within

    async def _greet(self, connection: Connection) -> None:
        params = {
            "protocol_version": protocol.VERSION,
            "proxycast_version": versions.own(),
            "name": self.name,
            "settings": self.plugin.config.settings,
            "data_dir": str(self.plugin.data),
            "permissions": sorted(self.plugin.granted),
        }
        answer = await connection.call(Method.INITIALIZE.value, params, self.hosting.limits.ready)
        try:
            facts = Facts.of(answer, Method.INITIALIZE.value)
            if facts.protocol_version != protocol.VERSION:
                raise PluginDownError(
                    f"speaks version {facts.protocol_version} of the protocol, not {protocol.VERSION}"
                )
            self._on_facts(facts)
        except ShapeError as error:
            raise BadAnswerError(str(error)) from None
        self.facts = facts

    def _deliver(self, topic: str, data: Json) -> None:
        self.tell(protocol.EVENT, {"topic": topic, "data": data})
