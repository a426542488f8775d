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

from addons.providers.api import LocalAnswer, Provider, UnavailableError, Upstream
from addons.vault.credential import Credential
from addons.vault.oauth import RefreshError
from addons.vault.tokens import Token
from translators.canonical.errors import ErrorInfo, ErrorKind, TranslationError
from translators.canonical.target import Target

log = logging.getLogger(__name__)
ANSWERS = (UnavailableError, RefreshError, TranslationError)
#: Seconds between two reports of the same method's faults: they may come with every request.
REPORT_EVERY = 60.0
#: What a method must give; those that are not here may give anything.
_RESULTS: dict[str, type | tuple[type, ...]] = {
    "serves": bool,
    "models": (list, tuple),
    "limited_as": str,
    "passes": bool,
    "told": list,
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
    "again": lambda *_: None,
    "answer": _failed_answer,
    "renew": _no_token,
}


def guard(provider: Provider, name: str) -> Provider:
    """The same object; the methods of `Provider` that its class overrides now keep their faults to themselves. `name`
    is the plugin's, for reports."""
    for method, own in inspect.getmembers(type(provider), callable):
        base = getattr(Provider, method, None)
        if method.startswith("_") or base is None or own is base:
            continue
        wrap = _guarded_async if asyncio.iscoroutinefunction(base) else _guarded
        setattr(provider, method, wrap(getattr(provider, method), method, _Report(name, method)))
    return provider


class _Report:
    """Logs faults of one method, and says them in a line."""

    def __init__(self, plugin: str, method: str) -> None:
        self._plugin, self._method, self._last = plugin, method, float("-inf")

    def __call__(self, error: Exception) -> str:
        if time.monotonic() - self._last >= REPORT_EVERY:
            self._last = time.monotonic()
            log.error("proxycast: the plugin %s failed in %s", self._plugin, self._method, exc_info=error)
        return f"the plugin {self._plugin} failed in {self._method} ({type(error).__name__})"


def _checked(method: str, result: Any) -> Any:
    wanted = _RESULTS.get(method)
    if wanted is not None and not isinstance(result, wanted):
        raise TypeError(f"{method} gave a {type(result).__name__}")
    return result


def _instead(method: str, text: str, arguments: tuple[Any, ...]) -> Any:
    stands_in: Callable[..., Any] = _INSTEAD.get(method, _unavailable)
    return stands_in(text, *arguments)


def _guarded(call: Callable[..., Any], method: str, report: _Report) -> Callable[..., Any]:
    @functools.wraps(call)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            return _checked(method, call(*arguments, **named))
        except ANSWERS:
            raise
        except Exception as error:
            return _instead(method, report(error), arguments)

    return guarded


def _guarded_async(call: Callable[..., Any], method: str, report: _Report) -> Callable[..., Any]:
    @functools.wraps(call)
    async def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            result = await call(*arguments, **named)
            return _checked(method, result)
        except ANSWERS:
            raise
        except Exception as error:
            return _instead(method, report(error), arguments)

    return guarded
