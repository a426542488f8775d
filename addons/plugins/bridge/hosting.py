"""What the bridge needs of the process it runs in: the home, the vault's key, who hides secrets, who tells the user."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from addons.config.home import Home
from addons.plugins.bridge.bus import Bus
from addons.plugins.bridge.limits import Limits
from addons.pool.standing_store import StandingStore
from addons.vault.store import StateStore

if TYPE_CHECKING:
    from addons.gateway.services import Services

log = logging.getLogger("proxycast.plugins")
_LEVELS = {"error": logging.ERROR, "success": logging.INFO, "info": logging.INFO}


def _alone(plugin: str, level: str, text: str) -> None:
    log.log(_LEVELS[level], "plugin %s: %s", plugin, text)


@dataclass(slots=True)
class Hosting:
    """`state` opens `state.db` when it is first needed. `note` hears of secrets that must be hidden, `redact` hides
    them. `tell` (plugin, level, text) shows the user something. `changed` says that a provider serves other models
    than before."""

    home: Home
    state: Callable[[], StateStore]
    note: Callable[[str], None] = lambda _: None
    redact: Callable[[str], str] = lambda text: text
    tell: Callable[[str, str, str], None] = _alone
    changed: Callable[[], None] = lambda: None
    bus: Bus = field(default_factory=Bus)
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def alone(cls, home: Path) -> Hosting:
        """Of the command, or of a test: nobody else shares it."""
        place = Home(home)
        opened: list[StateStore] = []

        def state() -> StateStore:
            if not opened:
                opened.append(StateStore(place.state, place.vault_key))
            return opened[0]

        return cls(place, state)

    @classmethod
    def of_gateway(cls, services: Services) -> Hosting:
        """Of the gateway: secrets go to its redactor, notices to state.db, where `proxycast doctor` shows them."""
        notices = Notices(services.home.state)

        def changed() -> None:
            services.providers.version += 1

        return cls(
            services.home,
            lambda: services.state,
            services.refresher.note,
            services.redactor.text,
            notices.tell,
            changed,
        )

    def cipher(self, plugin: str) -> Fernet:
        """A key of the plugin's own, derived from the vault's. Raises VaultError; asking a keyring may take long."""
        return self.state().own_cipher(f"plugin {plugin}")


_PROVIDED: dict[Path, Hosting] = {}


def provide(hosting: Hosting) -> None:
    """For all plugins in that home, from now on."""
    _PROVIDED[hosting.home.path.absolute()] = hosting


def of(home: Path) -> Hosting:
    """The one that was provided for that home, else one of its own."""
    found = _PROVIDED.get(home.absolute())
    if found is None:
        found = _PROVIDED[home.absolute()] = Hosting.alone(home)
    return found


class Notices:
    """Writes what plugins tell the user to the log and among the notices."""

    def __init__(self, state: Path) -> None:
        self._path = state
        self._store: StandingStore | None = None

    def tell(self, plugin: str, level: str, text: str) -> None:
        """Raises sqlite3.Error."""
        _alone(plugin, level, text)
        if self._store is None:
            self._store = StandingStore(self._path)
        self._store.add_notice(f"plugin {plugin}", f"plugin {plugin}: {text}")
