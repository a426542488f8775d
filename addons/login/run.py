"""Runs one login from the first step to the last: with a browser, a device code, or a secret that is pasted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from addons.login import pkce
from addons.login.errors import LoginError
from addons.login.flow import Kind
from addons.login.loopback import Loopback
from addons.login.steps import Callback, Device, Pending, Steps, UnreachableError, printable
from addons.providers import outbound
from addons.vault.tokens import Token

#: The most seconds between two polls when the service cannot be reached.
LONGEST_PAUSE = 30.0

Sleep = Callable[[float], Awaitable[None]]


class Terminal(Protocol):
    """Who is in front of it."""

    def say(self, text: str) -> None: ...

    def open(self, url: str) -> bool:
        """Show it in a browser; whether there is one."""

    def ask(self, question: str, *, hidden: bool = False) -> str: ...

    def waiting(self, seconds: float) -> None:
        """So long there is yet for the user to be done."""


async def run(steps: Steps, terminal: Terminal, *, paste: bool = False) -> Token:
    """The login, complete. `paste`: no browser of this machine comes back. Raises LoginError."""
    await steps.begin()
    match steps.flow.kind:
        case Kind.PKCE:
            token = await (_pasted(steps, terminal) if paste else _in_browser(steps, terminal))
        case Kind.DEVICE:
            token = await _by_device(steps, terminal)
        case Kind.SECRET:
            secret = terminal.ask(steps.flow.title or "Secret", hidden=True).strip()
            if not secret:
                raise LoginError("nothing was given")
            token = await steps.redeem(secret)
    token = await steps.finish(token)
    if given := steps.draft.setting("client_secret"):  # a renewal needs it, and settings are not encrypted
        steps.extra["client_secret"] = given
    return replace(token, extra={**token.extra, **steps.extra})


# -- with a browser


async def _in_browser(steps: Steps, terminal: Terminal) -> Token:
    async with Loopback(steps.flow.redirect, steps.state, terminal.say) as loopback:
        steps.redirect_uri = loopback.url
        url = _checked(steps.authorize_url())
        opened = terminal.open(url)
        terminal.say(f"{'Sign in in the browser; if none opened' if opened else 'To sign in'}, open\n\n{url}\n")
        terminal.waiting(steps.flow.timeout)
        callback = await loopback.wait(steps.flow.timeout)
    return await steps.exchange(steps.code(callback))


async def _pasted(steps: Steps, terminal: Terminal) -> Token:
    redirect = steps.flow.redirect
    here = f"http://{redirect.host}:{redirect.ports[0] or 1455}{redirect.paths[0]}"
    steps.redirect_uri = redirect.elsewhere or here
    terminal.say(f"Open this in any browser and sign in:\n\n{_checked(steps.authorize_url())}\n")
    if not redirect.elsewhere:
        terminal.say(f"At the end it goes to {here}…, which cannot be shown: copy that whole address.")
    pasted = terminal.ask("The address it went to, or the code").strip()
    return await steps.exchange(steps.code(_read(pasted, steps)))


def _checked(url: str) -> str:
    if not outbound.is_safe(url):
        raise LoginError(f"the browser is not sent to {url.partition('?')[0]}: https is wanted")
    return url


def _read(pasted: str, steps: Steps) -> Callback:
    """What was pasted: an address, its query, `code#state`, or the code alone."""
    path = ""
    if "://" in pasted:
        parts = urlsplit(pasted)
        path, text = parts.path, parts.query or parts.fragment
        query = dict(parse_qsl(text))
    elif "code=" in pasted or "error=" in pasted:
        query = dict(parse_qsl(pasted.lstrip("?#")))
    else:
        code, separator, state = pasted.partition("#")
        query = {"code": code, **({"state": state} if separator else {})}
    if not pasted or any(c.isspace() for c in pasted):
        raise LoginError("that is neither an address nor a code")
    # A code alone is bound to this login by PKCE's verifier; without one, only `state` shows whose it is.
    if ("state" in query or not steps.verifier) and not pkce.same(query.get("state", ""), steps.state):
        raise LoginError("that is not of this login: its state is another; paste the whole address of this try")
    if "error" in query:
        said = ": ".join(filter(None, (printable(query["error"]), printable(query.get("error_description")))))
        raise LoginError(f"the service refused: {said}")
    return Callback(path, query)


# -- with a device code


async def _by_device(steps: Steps, terminal: Terminal) -> Token:
    device = await steps.ask_device()
    url = device.complete_url or device.url
    opened = terminal.open(url) if outbound.is_safe(url) else False
    code = f" and enter the code  {device.user_code}" if device.user_code else ""
    terminal.say(f"{'In the browser, or on any device, open' if opened else 'On any device, open'}\n")
    terminal.say(f"{device.url or url}{code}\n")
    if device.complete_url and device.complete_url != device.url:
        terminal.say(f"(the same with the code in it: {device.complete_url})\n")
    return await wait_for(steps, device, terminal)


async def wait_for(
    steps: Steps,
    device: Device,
    terminal: Terminal,
    sleep: Sleep = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Token:
    """Poll until the user is done (RFC 8628 §3.5). Raises LoginError when they refused or took too long."""
    factor, summand, most = steps.flow.slower
    until, interval, failed = clock() + device.expires_in, device.interval, 0
    while (left := until - clock()) > 0:
        terminal.waiting(left)
        pause = interval if not failed else max(interval, min(interval * 2**failed, LONGEST_PAUSE))
        await sleep(min(pause, left))
        try:
            answer = await steps.poll(device)
        except UnreachableError as error:
            failed += 1
            terminal.say(f"{error}; still waiting")
            continue
        failed = 0
        if not isinstance(answer, Pending):
            return answer
        if answer.slower:
            interval = max(interval, min(interval * factor + summand, most))
    raise LoginError("the code has expired: nobody signed in with it in time")
