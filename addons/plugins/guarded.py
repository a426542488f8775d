"""Keeps the faults of a plugin's code to its own credentials: what it overrides is called through a guard.

An exception that api.py names goes through: it is an answer. Any other, or a result of the wrong type, becomes "does
not serve", "no models", an error left as it was, or UnavailableError, so that the next candidate is tried.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any

import httpx

from addons.providers.api import LocalAnswer, Provider, UnavailableError, Upstream
from addons.providers.listening import Listening
from addons.vault.credential import Credential
from addons.vault.oauth import RefreshError
from addons.vault.tokens import Token
from translators import registry
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.target import Target

log = logging.getLogger(__name__)
ANSWERS = (UnavailableError, RefreshError, TranslationError)
#: Seconds between two reports of the same method's faults: they may come with every request.
REPORT_EVERY = 60.0
#: Seconds in a method that does not wait, from which on it is to be heard of: the whole gateway stands still meanwhile.
SLOW = 0.5
#: Methods that ask the service; what their network says is for their callers to judge.
_ASKING = frozenset(("renew", "quotas", "enrol"))
#: Methods that exchanges wait for.
_LIMITED = _ASKING | {"acquire", "refresh"}
#: What a method must give; those that are not here may give anything.
_RESULTS: dict[str, type | tuple[type, ...]] = {
    "serves": bool,
    "models": (list, tuple),
    "limited_as": str,
    "passes": bool,
    "told": list,
    "told_within": list,
    "again": (Credential, type(None)),
    "protocol": str,
    "target": Target,
    "acquire": Credential,
    "renew": Token,
    "base_url": str,
    "url": str,
    "auth_headers": list,
    "build": Upstream,
    "answer": (LocalAnswer, type(None)),
    "judge": ErrorInfo,
    "refresh": (Credential, type(None)),
}


def _check_upstream(upstream: Upstream) -> None:
    """Raises TypeError."""
    sound = isinstance(upstream.method, str) and isinstance(upstream.url, str) and isinstance(upstream.body, bytes)
    if not sound or not all(isinstance(text, str) for pair in upstream.headers for text in pair):
        raise TypeError("method and url are texts, headers pairs of texts, and the body is bytes")


def _check_answer(answer: LocalAnswer | None) -> None:
    """Raises TypeError."""
    if answer is not None and not (isinstance(answer.status, int) and isinstance(answer.body, bytes)):
        raise TypeError("the status is a number, and the body is bytes")


#: What else would surprise the gateway later.
_CHECKS: dict[str, Callable[[Any], object]] = {
    "build": _check_upstream,
    "answer": _check_answer,
    "protocol": registry.get,
}


def _failed_answer(text: str, *_: Any) -> LocalAnswer:
    return LocalAnswer(502, [("content-type", "text/plain")], text.encode())


def _unavailable(text: str, *_: Any) -> Any:
    raise UnavailableError(ErrorInfo(ErrorKind.SERVER, text, status=502))


def _no_token(text: str, *_: Any) -> Any:
    raise RefreshError(text)


#: What stands for a result that did not come: gets the fault's text and the call's arguments.
_INSTEAD: dict[str, Callable[..., Any]] = {
    "serves": lambda *_: False,
    "models": lambda *_: [],
    "judge": lambda _, error, *rest: error,
    "passes": lambda *_: False,
    "limited_as": lambda _, model: model,
    "told": lambda *_: [],
    "told_within": lambda *_: [],
    "heard": lambda *_: None,
    "again": lambda *_: None,
    "answer": _failed_answer,
    "renew": _no_token,
}


def guard(provider: Provider, name: str, seconds: float) -> Provider:
    """The same object; the methods of `Provider` that its class overrides now keep their faults to themselves. `name`
    is the plugin's, for reports; `seconds` is how long it may be waited for."""
    for method, own in inspect.getmembers(type(provider), callable):
        base = getattr(Listening, method, None)
        if method.startswith("_") or base is None or own is base:
            continue
        guarded = _Guarded(getattr(provider, method), name, method, seconds if method in _LIMITED else None)
        made = guarded.wait if asyncio.iscoroutinefunction(base) else guarded.call
        setattr(provider, method, functools.wraps(own)(made))
    return provider


class _Guarded:
    """One method of one plugin. `limit` is in seconds."""

    def __init__(self, own: Callable[..., Any], plugin: str, method: str, limit: float | None) -> None:
        self._own, self._plugin, self._method, self._limit = own, plugin, method, limit
        self._wanted = _RESULTS.get(method)
        self._answers = (*ANSWERS, httpx.HTTPError) if method in _ASKING else ANSWERS
        self._instead: Callable[..., Any] = _INSTEAD.get(method, _unavailable)
        self._quiet_until = {"fault": 0.0, "slow": 0.0}

    # functions, not methods: functools.wraps makes them look like the plugin's own
    @property
    def call(self) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.monotonic()
            try:
                return self._checked(self._own(*arguments, **named))
            except self._answers:
                raise
            except (Exception, SystemExit) as error:
                return self._instead(self._failed(error), *arguments)
            finally:
                self._note_slow(time.monotonic() - began)

        return call

    @property
    def wait(self) -> Callable[..., Any]:
        async def wait(*arguments: Any, **named: Any) -> Any:
            try:
                async with asyncio.timeout(self._limit):
                    result = await self._own(*arguments, **named)
                return self._checked(result)
            except self._answers:
                raise
            except (Exception, SystemExit) as error:
                return self._instead(self._failed(error), *arguments)

        return wait

    def _checked(self, result: Any) -> Any:
        if self._wanted is not None and not isinstance(result, self._wanted):
            raise TypeError(f"{self._method} gave a {type(result).__name__}")
        if self._method in _CHECKS:
            _CHECKS[self._method](result)
        return result

    def _failed(self, error: BaseException) -> str:
        """Logged now and then, and said in a line."""
        if self._is_time_for("fault"):
            log.error("proxycast: the plugin %s failed in %s", self._plugin, self._method, exc_info=error)
        return f"the plugin {self._plugin} failed in {self._method} ({type(error).__name__})"

    def _note_slow(self, seconds: float) -> None:
        if seconds > SLOW and self._is_time_for("slow"):
            text = "proxycast: the plugin %s took %.1f s in %s, and everything else had to wait"
            log.warning(text, self._plugin, seconds, self._method)

    def _is_time_for(self, report: str) -> bool:
        now = time.monotonic()
        if now < self._quiet_until[report]:
            return False
        self._quiet_until[report] = now + REPORT_EVERY
        return True
