"""The stand-in as a test uses it: a backend of four protocols on a loopback port, its script and its records."""

from __future__ import annotations

import socket
import threading
from collections import deque
from types import TracebackType
from typing import Self

import uvicorn

from .app import App
from .ask import Dialect, Policy
from .failures import Failure
from .records import Recorded
from .script import HELLO, Chooser, Scenario

# Assembled, so that no scanner takes it for a real one.
DEFAULT_KEY = "-".join(("standin", "backend", "key"))
START_SECONDS = 10.0


class StandIn:
    """A strict scripted backend; a context manager that serves on ``.url`` (no path, no trailing slash).

    Settings, which may be changed between requests: ``scenario`` (a :class:`Scenario`, or a callable that takes the
    :class:`Recorded` request and returns one), ``key`` (the only accepted credential; None accepts any), ``dialect``,
    ``bind_prefix`` and ``account`` (see :class:`~tests.standin.ask.Policy`), ``models`` (the listed ones; with
    ``strict_models`` any other is a 404), ``interleave`` (chat: parallel calls in interleaved fragments), ``shred``
    (cut streams every N bytes), ``pace`` (seconds between two events), ``compress`` (gzip for clients that accept it),
    ``restart_ids`` (chat: call ids begin at ``call_0`` in every answer, as with some local servers).
    """

    def __init__(
        self,
        scenario: Scenario | Chooser = HELLO,
        *,
        key: str | None = DEFAULT_KEY,
        host: str = "127.0.0.1",
        port: int = 0,
        account: str = "standin",
        dialect: Dialect = "compatible",
        bind_prefix: bool = False,
        models: tuple[str, ...] = ("standin-1",),
        strict_models: bool = False,
        interleave: bool = False,
        shred: int = 0,
        pace: float = 0.0,
        compress: bool = False,
        restart_ids: bool = False,
    ) -> None:
        self.scenario = scenario
        self.key = key
        self.host = host
        self.port = port
        self.account = account
        self.dialect = dialect
        self.bind_prefix = bind_prefix
        self.models = models
        self.strict_models = strict_models
        self.interleave = interleave
        self.shred = shred
        self.pace = pace
        self.compress = compress
        self.restart_ids = restart_ids
        self._recorded: list[Recorded] = []
        self._failures: deque[Failure] = deque()
        self._turn_failures: dict[int, Failure] = {}
        self._app = App(self)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def policy(self) -> Policy:
        return Policy(self.key, self.account, self.dialect, self.bind_prefix)

    @property
    def url(self) -> str:
        """Where it listens, for example ``http://127.0.0.1:40123``."""
        return f"http://{self.host}:{self.port}"

    @property
    def requests(self) -> list[Recorded]:
        """Every request since the start or the last :meth:`reset`, in order of arrival."""
        return list(self._recorded)

    @property
    def main_requests(self) -> list[Recorded]:
        """Those that a scripted turn answered."""
        return [request for request in self.requests if request.is_main]

    @property
    def refusals(self) -> list[Recorded]:
        """Those that a rule refused; ``str(request.refusal)`` says why."""
        return [request for request in self.requests if request.refusal is not None]

    def fail_next(self, n: int, how: Failure) -> None:
        """The next ``n`` valid generation requests (any protocol, side calls too) fail so; calls queue up."""
        self._failures.extend([how] * n)

    def fail_turn(self, index: int, how: Failure) -> None:
        """The next request that the scripted turn ``index`` answers fails so; side calls pass."""
        self._turn_failures[index] = how

    def take_failure(self, index: int | None) -> Failure | None:
        """The failure that a request for that turn has coming (for the application)."""
        if self._failures:
            return self._failures.popleft()
        return None if index is None else self._turn_failures.pop(index, None)

    def record(self, request: Recorded) -> None:
        """Takes down a request (for the application)."""
        self._recorded.append(request)

    def scenario_for(self, request: Recorded) -> Scenario:
        """The scenario that a request is answered from (for the application)."""
        return self.scenario if isinstance(self.scenario, Scenario) else self.scenario(request)

    def reset(self) -> None:
        """Forgets requests, waiting failures and stored objects; settings and scenario stay."""
        self._recorded.clear()
        self._failures.clear()
        self._turn_failures.clear()
        self._app.reset()

    def start(self) -> Self:
        """Starts serving; returns when the port is open."""
        # Named as TCP, for asyncio turns Nagle's delay off only on such sockets (40 ms an answer otherwise).
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._app, log_level="critical", lifespan="off", ws="none", http="h11", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="standin", daemon=True)
        self._thread.start()
        deadline = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if self._server.started:
                return self
            deadline.wait(0.01)
        raise RuntimeError("the stand-in did not start")

    def stop(self) -> None:
        """Stops serving and drops open connections."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(START_SECONDS)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
