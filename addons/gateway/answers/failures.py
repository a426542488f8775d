"""Local troubles as failures: what a connect error, a cut, a time-out or a fault of ours means in the common
vocabulary."""

from __future__ import annotations

import re

from addons.gateway.exchange import Cause, Failure
from translators.canonical.errors import ErrorInfo, ErrorKind

_TLS = re.compile(r"\bTLS\b|certificate|\bSSL\b|handshake", re.IGNORECASE)


def connection_failure(message: str, *, connecting: bool, reused: bool) -> Failure:
    """A connection that could not be made, was closed, or broke the protocol. `message` is mitmproxy's."""
    if connecting:
        cause = Cause.TLS if _TLS.search(message) else Cause.CONNECT
        text = f"cannot connect to the upstream: {message}"
    else:
        cause = Cause.CONNECTION
        text = f"the upstream broke the connection: {message}"
    return Failure(cause, ErrorInfo(ErrorKind.SERVER, text, status=502), reused=reused and not connecting)


#: What each deadline of clock.py means to the user.
_LIMITS = {
    "connect": "the upstream did not accept the connection",
    "first_event": "the upstream sent no answer",
    "silence": "the upstream fell silent in mid-stream",
    "whole": "the upstream did not finish its answer",
}


def timeout(limit: str, seconds: float) -> Failure:
    text = f"{_LIMITS[limit]} within {seconds:g} s"
    return Failure(Cause.TIMEOUT, ErrorInfo(ErrorKind.TIMEOUT, text, status=504))


def internal(error: BaseException | None) -> Failure:
    """A fault of ours. The client learns that it is, not what: the text may hold anything."""
    name = f" ({type(error).__name__})" if error is not None else ""
    text = f"internal error in the gateway{name}; its log says more"
    return Failure(Cause.INTERNAL, ErrorInfo(ErrorKind.SERVER, text, status=500))
