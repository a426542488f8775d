"""A login in front of a fake authorization server, and who signs in there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from addons.login.flow import Flow, Kind, Redirect
from addons.login.steps import Steps
from addons.vault.credential import Credential
from tests.login.server import AuthServer

FLOW = Flow(
    "browser",
    Kind.PKCE,
    client_id="the-client",
    scopes=("read", "write"),
    redirect=Redirect(paths=("/callback",)),
    timeout=5.0,
)
DEVICE = replace(FLOW, id="device", kind=Kind.DEVICE)


@dataclass
class Person:
    """A terminal and who sits there. `browser` does what is to be done with an address; `answers` are typed in turn, or
    what `reply` makes of the address that was shown."""

    browser: Callable[[str], Any] | None = None
    answers: list[str] = field(default_factory=list)
    reply: Callable[[str], str] | None = None
    said: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    tasks: list[asyncio.Future[Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def open(self, url: str) -> bool:
        self.opened.append(url)
        if self.browser is not None:
            self.tasks.append(asyncio.ensure_future(asyncio.to_thread(self.browser, url)))
        return self.browser is not None

    def ask(self, question: str, *, hidden: bool = False) -> str:
        if self.reply is not None:
            shown = (line for text in self.said for line in text.splitlines())
            return self.reply(next(line for line in shown if line.startswith("http")))
        return self.answers.pop(0)

    def waiting(self, seconds: float) -> None:
        pass


@pytest.fixture
def server() -> Iterator[AuthServer]:
    made = AuthServer()
    yield made
    made.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as made:
        yield made


@pytest.fixture
def steps(server: AuthServer, client: httpx.AsyncClient) -> Callable[..., Steps]:
    """`steps(FLOW)`: a login by that flow at the fake server."""

    def make(flow: Flow, kind: type[Steps] = Steps, **settings: Any) -> Steps:
        found = replace(
            flow,
            authorize_url=flow.authorize_url or server.base + "/authorize",
            token_url=flow.token_url or server.base + "/token",
            device_url=flow.device_url or server.base + "/device",
        )
        return kind(found, None, Credential("c", "p", "", settings), client)

    return make


def visit(url: str, **options: Any) -> httpx.Response:
    """What a browser does."""
    return httpx.get(url, trust_env=False, timeout=5, **options)


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
