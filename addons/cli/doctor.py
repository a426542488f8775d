"""`proxycast doctor`: looks at everything that commonly goes wrong and says what to do about it."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

import click
import httpx

from addons.audit import reader
from addons.cli.context import Context, json_option, pass_context
from addons.cli.run import port_problem
from addons.clients import pointing
from addons.clients.kept import KeptClients
from addons.clients.known import CLIENTS, Place
from addons.config.home import Home
from addons.config.settings import Settings
from addons.config.store import ConfigError, ConfigStore
from addons.plugins.host import PluginHost, Status
from addons.pool.candidates import DEMO
from addons.pool.standing import State as Standing
from addons.pool.standing_store import StandingStore
from addons.providers.registry import UnknownProviderError, built_in
from addons.vault.store import StateStore

NOTICES = 5  # of the latest that are shown
KEY_VARIABLE = "PROXYCAST_KEY"
OLDEST_MITMPROXY, NEXT_MITMPROXY = (12, 2, 2), (13,)


class State(StrEnum):
    OK = "ok"
    NOTE = "note"  # worth knowing, nothing is wrong
    WRONG = "wrong"


_COLOURS = {State.OK: "green", State.NOTE: "yellow", State.WRONG: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` says what to do; empty when there is nothing to do."""

    check: str
    state: State
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, State.OK, found)


def python_fits(version: tuple[int, int]) -> bool:
    return version >= (3, 12)


def programs() -> Iterator[Finding]:
    """The versions of Python and mitmproxy."""
    python = platform.python_version()
    if python_fits(sys.version_info[:2]):
        yield ok("python", python)
    else:
        yield Finding("python", State.WRONG, python, "3.12 or newer is needed: remove .venv and run scripts/run")
    text = metadata.version("mitmproxy")
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    if OLDEST_MITMPROXY <= version < NEXT_MITMPROXY:
        yield ok("mitmproxy", text)
    else:
        yield Finding("mitmproxy", State.WRONG, text, "12.2.2 or newer of 12 is needed: remove .venv, run scripts/run")


def home(place: Home) -> Iterator[Finding]:
    """Nobody else can read what is kept."""
    if not place.path.is_dir():
        yield Finding("home", State.NOTE, f"{place.path} is not there yet", "the first scripts/run makes it")
        return
    files = [place.config, place.vault_key]
    for database in (place.state, place.audit):
        files += [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]
    readable = [path for path in (place.path, *files) if path.exists() and path.stat().st_mode & 0o077]
    if not readable:
        yield ok("home", str(place.path))
    for path in readable:
        mode = "700" if path.is_dir() else "600"
        yield Finding("home", State.WRONG, f"others can read {path}", f"chmod {mode} {path}")


def configuration(place: Home) -> tuple[Settings | None, Finding]:
    """The settings, if they can be read."""
    try:
        settings = ConfigStore(place.config).load()
    except (ConfigError, OSError, UnicodeDecodeError) as error:
        return None, Finding("config", State.WRONG, str(error), "mend that line; until then the gateway cannot start")
    return settings, ok("config", f"{place.config}, active profile {settings.active_profile!r}")


def state(place: Home, settings: Settings | None) -> Iterator[Finding]:
    """Keys exist, credentials open and belong to providers that exist, profiles name credentials that exist."""
    if not place.state.exists():
        yield Finding("keys", State.NOTE, "no state.db yet", "the first scripts/run makes it, with a client key")
        return
    try:
        store = StateStore(place.state, place.vault_key)
        credentials, keys = store.credentials, store.keys
    except sqlite3.Error as error:
        yield Finding("state.db", State.WRONG, str(error), f"restore {place.state} from a backup, or move it away")
        return
    if any(key.enabled for key in keys):
        yield ok("keys", f"client keys: {len(keys)}")
    else:
        yield Finding("keys", State.WRONG, "no client key that works", "proxycast keys create NAME")
    for name, problem in store.problems.items():
        yield Finding("credentials", State.WRONG, f"{name}: {problem}", f"or: proxycast credentials remove {name}")
    registry = built_in()
    if settings is not None:
        custom = settings.providers
        registry.add_custom(lambda: custom)
    host = PluginHost(place.plugins, registry)
    host.load()
    for name in settings.providers if settings is not None else ():
        if registry.takes(name):
            text = f"[providers.{name}] does nothing: a provider has that name already"
            yield Finding("config", State.WRONG, text, "give it another name, in its credentials too")
    for plugin in host.plugins:
        if plugin.status is Status.BROKEN:
            yield Finding(
                "plugins", State.WRONG, f"{plugin.name}: {plugin.problem}", "proxycast plugins info, or remove"
            )
    for name, credential in credentials.items():
        try:
            registry.get(credential.provider)
        except UnknownProviderError as error:
            yield Finding("credentials", State.WRONG, f"{name}: {error}", f"proxycast credentials remove {name}")
        for setting in ("creds_file_path", "ca_file"):
            path = credential.setting(setting)
            if path and not os.access(Path(path).expanduser(), os.R_OK):
                text = f"{name}: its {setting} {path} cannot be read"
                yield Finding("credentials", State.WRONG, text, f"proxycast credentials edit {name} --set {setting}=…")
    if credentials:
        yield ok("credentials", f"that can be opened: {len(credentials)}; their key is in {store.key_place}")
    elif not store.problems:
        yield Finding("credentials", State.NOTE, "none: the demo answers", "proxycast credentials add --help")
    try:
        yield from standings(place)
    except sqlite3.Error as error:
        yield Finding(
            "notices", State.WRONG, f"cannot be read: {error}", f"see whether another program has {place.state}"
        )
    known = {*credentials, *store.problems, DEMO.name}
    for profile_name, profile in (settings.profiles if settings is not None else {}).items():
        for missing in (name for name in profile.credentials() if name not in known):
            text = f"profile {profile_name!r} names {missing!r}, which is not there"
            yield Finding("profiles", State.WRONG, text, "proxycast credentials add, or mend the profile")
    store.close()


def standings(place: Home) -> Iterator[Finding]:
    """Credentials that only their owner can bring back, and the latest that gateways had to tell of any."""
    kept = StandingStore(place.state)
    for name, standing in kept.load(time.time()):
        if standing.state is Standing.OUT_OF_SERVICE:
            advice = f"proxycast credentials enable {name}, once that is settled"
            yield Finding("credentials", State.WRONG, f"{name} is out of service: {standing.cause}", advice)
    for notice in kept.notices(NOTICES):
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(notice.at))
        yield Finding("notices", State.NOTE, f"{at} {notice.text}")
    kept.close()


def ports(settings: Settings) -> Iterator[Finding]:
    """While the gateway is not running, all that it and Datasette will listen on is free."""
    wanted = [(settings.gateway.host, settings.gateway.port, "gateway")]
    wanted += [(settings.gateway.host, settings.proxy.port, "proxy")] if settings.proxy.enabled else []
    wanted += [("127.0.0.1", settings.datasette.port, "datasette")] if settings.datasette.enabled else []
    for host, port, section in wanted:
        problem = port_problem(host, port)
        if problem:
            text = f"cannot listen on {host}:{port}: {problem}"
            yield Finding("ports", State.WRONG, text, f"set another [{section}] port, or end what has it")


def gateway(settings: Settings) -> Iterator[Finding]:
    """It answers `/health` and, where a key is given, a request that needs one (field.md, case 105)."""
    url = settings.gateway.url
    key = os.environ.get(KEY_VARIABLE, "")
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
        try:
            health = client.get("/health")
        except httpx.ConnectError:
            yield Finding("gateway", State.NOTE, f"nothing listens on {url}", "scripts/run, or proxycast run")
            yield from ports(settings)
            return
        except httpx.HTTPError as error:
            yield Finding("gateway", State.WRONG, f"{url}/health: {error}", "another program may have that port")
            return
        try:
            body = health.json()
            running = body["status"] == "ok"
        except (ValueError, KeyError, TypeError):
            running = False
        if not running:
            text = f"{url} is not ProxyCast (HTTP {health.status_code})"
            yield Finding("gateway", State.WRONG, text, "set another [gateway] port, or end that program")
            return
        yield ok("gateway", f"{url} answers")
        if body.get("config_error"):
            yield Finding(
                "gateway", State.WRONG, f"it keeps older settings: {body['config_error']}", "mend config.toml"
            )
        if not key:
            advice = f"{KEY_VARIABLE}=… proxycast doctor sends a request with it"
            yield Finding("client key", State.NOTE, "not tried", advice)
            return
        try:
            answer = client.get("/v1/models", headers={"x-proxycast-key": key})
        except httpx.HTTPError as error:
            yield Finding("client key", State.WRONG, f"/v1/models: {error}", "see the gateway's log")
            return
        if answer.status_code == httpx.codes.OK:
            yield ok("client key", "accepted")
        else:
            text = f"/v1/models answers HTTP {answer.status_code}"
            yield Finding("client key", State.WRONG, text, "proxycast keys list; proxycast keys create NAME")


def clients(place: Home, settings: Settings) -> Iterator[Finding]:
    """Clients that were connected still are, and to where the gateway listens."""
    if not place.state.exists():
        return  # nothing is connected
    url, whose = settings.gateway.url, Place(Path.home(), os.environ)
    with (
        closing(StateStore(place.state, place.vault_key)) as store,
        closing(KeptClients(place.state, store.own_cipher)) as kept,
    ):
        connected = list(kept.key_names())
    for name in connected:
        said = str(pointing.value(*CLIENTS[name].address(whose)))
        if said.startswith(url):
            yield ok("clients", f"{name} is pointed at {url}")
        else:
            advice = f"proxycast client connect {name} points it there again; disconnect forgets it"
            yield Finding("clients", State.NOTE, f"{name} is pointed at {said}, not at {url}", advice)


def audit(place: Home) -> Finding:
    """The audit can be read."""
    if not place.audit.exists():
        return Finding("audit", State.NOTE, "nothing is recorded yet", "send a request")
    try:
        rows = reader.recent(place.audit, limit=1)
    except sqlite3.Error as error:
        return Finding(
            "audit", State.WRONG, f"{place.audit}: {error}", "move it away: a new one is made at the next start"
        )
    size = place.audit.stat().st_size
    return ok("audit", f"{place.audit}, {size / 1e6:.1f} MB" + ("" if rows else ", no exchange yet"))


def findings(place: Home) -> Iterator[Finding]:
    """Everything, in the order in which it should be mended."""
    yield from programs()
    yield from home(place)
    settings, finding = configuration(place)
    yield finding
    yield from state(place, settings)
    if settings is not None:
        yield from gateway(settings)
        with suppress(sqlite3.Error):  # said above
            yield from clients(place, settings)
    yield audit(place)


@click.command()
@json_option
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Look at everything that commonly goes wrong, and say what to do. Exits with 1 when something is.

    With a client key in PROXYCAST_KEY it also sends a request that needs one.
    """
    found = list(findings(context.home))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
    else:
        for one in found:
            click.echo(f"{click.style(f'{one.state:<6}', fg=_COLOURS[one.state])} {one.check:<12} {one.found}")
            if one.advice:
                click.echo(f"{'':<20}→ {one.advice}")
    if any(one.state is State.WRONG for one in found):
        sys.exit(1)
