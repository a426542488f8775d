"""`proxycast run`: the gateway and Datasette together, until Ctrl-C."""

from __future__ import annotations

import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx

from addons.cli import banner
from addons.cli.children import Child
from addons.cli.context import Context, fail, guarded, pass_context
from addons.config.sample import write_sample
from addons.config.settings import Settings
from addons.config.store import ConfigStore
from addons.vault import keys as client_keys
from addons.vault.store import StateStore

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
DATASETTE_SECONDS = 20
#: A little more than the gateway allows itself to finish what is under way (addons/gateway/drain.py).
STOP_SECONDS = 30
_URL_LINE = "datasette: http"


@dataclass(slots=True)
class Plan:
    """What is to be started, where."""

    host: str
    port: int
    proxy_port: int | None
    datasette_port: int | None

    @classmethod
    def of(
        cls, settings: Settings, port: int | None, proxy_port: int | None, datasette_port: int | None, datasette: bool
    ) -> Plan:
        """The settings, with the ports of the command line in place of theirs."""
        proxied = settings.proxy.enabled or proxy_port is not None
        return cls(
            settings.gateway.host,
            port or settings.gateway.port,
            (proxy_port or settings.proxy.port) if proxied else None,
            (datasette_port or settings.datasette.port) if datasette and settings.datasette.enabled else None,
        )

    def modes(self) -> list[str]:
        """The listeners as mitmproxy's options; the upstream of a reverse one is only a placeholder."""
        modes = ["--mode", f"reverse:http://127.0.0.1:9@{self.port}"]
        return modes if self.proxy_port is None else [*modes, "--mode", f"regular@{self.proxy_port}"]

    def url(self, port: int) -> str:
        """How a client on this machine reaches `port`."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@dataclass(slots=True)
class Datasette:
    """The audit's pages in a process of their own. `url` is set once they are there; `said` is the last it printed."""

    url: str = ""
    said: str = ""
    child: Child | None = field(default=None, repr=False)

    def start(self, database: Path, port: int) -> None:
        self.child = Child(
            "addons.audit.datasette.serve", "--db", str(database), "--port", str(port), on_line=self._line
        )

    def _line(self, line: str) -> None:
        if line.startswith(_URL_LINE):
            self.url = line.partition(" ")[2]
        elif line.strip():
            self.said = line.strip()

    @property
    def starting(self) -> bool:
        return self.child is not None and not self.url and self.child.running


def port_problem(host: str, port: int) -> str | None:
    """Why nothing can listen there, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
    return None


@click.command(epilog="Options of mitmproxy go after --, e.g. `proxycast run --web -- --set web_port=8082`.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the gateway listens, instead of [gateway] port.")
@click.option("--proxy-port", type=click.IntRange(1, 65535), help="The intercepting proxy, instead of [proxy] port.")
@click.option("--datasette-port", type=click.IntRange(1, 65535), help="Datasette, instead of [datasette] port.")
@click.option("--web", is_flag=True, help="Start mitmweb instead of mitmdump: flows live in the browser.")
@click.option("--no-datasette", is_flag=True, help="Only the gateway.")
@click.option("-v", "--verbose", is_flag=True, help="Show mitmproxy's own output.")
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- MITMPROXY-OPTIONS]")
@pass_context
@guarded
def run(
    context: Context,
    port: int | None,
    proxy_port: int | None,
    datasette_port: int | None,
    web: bool,
    no_datasette: bool,
    verbose: bool,
    extra: tuple[str, ...],
) -> None:
    """Start the gateway and Datasette; Ctrl-C stops both.

    The first start makes PROXYCAST_HOME, a commented config.toml, and a client key, which is printed this once.
    """
    context.home.ensure()
    write_sample(context.home.config)
    settings = context.settings()
    plan = Plan.of(settings, port, proxy_port, datasette_port, not no_datasette)
    for wanted in (plan.port, plan.proxy_port):
        problem = None if wanted is None else port_problem(plan.host, wanted)
        if problem:
            fail(f"cannot listen on {plan.host}:{wanted}: {problem}")
    Runner(context, plan).run(_gateway_command(plan, web=web, verbose=verbose, extra=extra))


def _gateway_command(plan: Plan, *, web: bool, verbose: bool, extra: tuple[str, ...]) -> list[str]:
    command = ["mitmweb" if web else "mitmdump", "-s", str(ROOT / "proxycast.py"), *plan.modes()]
    if not verbose:
        command += ["-s", str(ROOT / "addons" / "gateway" / "console.py")]
        command += ["--set", "termlog_verbosity=warn"]
        command += [] if web else ["--set", "flow_detail=0"]
    if web:
        command += ["--set", "web_open_browser=false"]
    return [*command, *extra]


class Runner:
    """Starts both, says where they are, watches, and stops both, whatever ends the run."""

    def __init__(self, context: Context, plan: Plan) -> None:
        self._home = context.home
        self._plan = plan
        self._config = ConfigStore(context.home.config)
        self._config.load()
        self._datasette = Datasette()
        self._gateway: Child | None = None
        self._stopping = False

    def run(self, command: list[str]) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        code: int | None = None
        try:
            self._gateway = Child(*command)
            self._start_datasette()
            code = self._await_health()
            if code is None:
                self._welcome()
                code = self._watch()
        finally:
            for child in (self._gateway, self._datasette.child):
                if child is not None:
                    child.stop(STOP_SECONDS)
        if self._stopping:
            return
        fail(f"the gateway ended (status {code})", code if code and code > 0 else 1)

    def _stop(self, *_: object) -> None:
        """Pass a signal on: the first lets exchanges under way finish, a second one cuts them off."""
        self._stopping = True
        if self._gateway is not None:
            self._gateway.signal(signal.SIGINT)

    def _start_datasette(self) -> None:
        port = self._plan.datasette_port
        if port is None:
            return
        problem = port_problem("127.0.0.1", port)
        if problem:
            self._datasette.said = f"cannot listen on 127.0.0.1:{port}: {problem}"
        else:
            self._datasette.start(self._home.audit, port)

    def _await_health(self) -> int | None:
        """None once the gateway answers, or its exit status if it ended before."""
        assert self._gateway is not None
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(base_url=self._plan.url(self._plan.port), timeout=2, trust_env=False) as client:
            while time.monotonic() < deadline:
                code = self._gateway.wait(0.1)
                if code is not None:
                    return code
                try:
                    if client.get("/health").status_code == httpx.codes.OK:
                        return None
                except httpx.TransportError:
                    continue
        return fail(f"the gateway did not answer on {self._plan.url(self._plan.port)}/health within {START_SECONDS} s")

    def _welcome(self) -> None:
        deadline = time.monotonic() + DATASETTE_SECONDS
        while self._datasette.starting and not self._stopping and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._stopping:
            return
        plan = self._plan
        click.echo(
            banner.text(
                gateway=plan.url(plan.port),
                proxy=None if plan.proxy_port is None else plan.url(plan.proxy_port),
                datasette=self._datasette_line(),
                home=self._home.path,
                key=self._first_key(),
            )
        )

    def _datasette_line(self) -> str:
        if self._plan.datasette_port is None:
            return "not started"
        if self._datasette.url:
            return self._datasette.url
        return f"could not start ({self._datasette.said or 'it said nothing'}); the gateway goes on without it"

    def _first_key(self) -> str | None:
        """Make the first client key, once it can be shown; None where there is one."""
        state = StateStore(self._home.state, self._home.vault_key)
        try:
            if state.keys:
                return None
            key = client_keys.generate()
            state.add_key("default", key)
            return key
        finally:
            state.close()

    def _watch(self) -> int:
        """Until the gateway ends; says when config.toml breaks or is mended, and when Datasette ends."""
        assert self._gateway is not None
        told, served = None, bool(self._datasette.url)
        while (code := self._gateway.wait(0.5)) is None:
            _ = self._config.current
            if self._config.error != told:
                told = self._config.error
                click.echo(
                    f"proxycast: {told}; the settings before stay in force"
                    if told
                    else "proxycast: config.toml is fine again"
                )
            if (
                served
                and self._datasette.child is not None
                and not self._datasette.child.running
                and not self._stopping
            ):
                served = False
                why = self._datasette.said or f"status {self._datasette.child.wait(0)}"
                click.echo(f"proxycast: Datasette ended ({why}); the gateway goes on without it")
        return code
