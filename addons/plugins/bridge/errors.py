"""How a plugin fails its caller, and what that means in the common vocabulary."""

from __future__ import annotations

from addons.plugins.bridge.protocol import Verdict
from addons.plugins.bridge.rpc import RpcError
from translators.canonical.errors import ErrorInfo, ErrorKind


class PluginDownError(Exception):
    """It does not run now: it has ended, could not be started, was closed, or has too much to do."""


class CallTimeoutError(Exception):
    """It did not answer in time."""


class BadAnswerError(Exception):
    """It answered what the protocol does not know."""


class TooLongError(BadAnswerError):
    """What it was to be told is longer than a message may be: no fault of its own."""


FAULTS = (PluginDownError, CallTimeoutError, BadAnswerError, RpcError)


def info(name: str, error: Exception) -> ErrorInfo:
    """One of FAULTS as the failure of a credential. An error's `data` is a verdict of the plugin's own."""
    if isinstance(error, RpcError):
        if error.data:
            verdict = Verdict.read({"message": error.message, **error.data})
            if verdict is not None:
                return verdict.info(verdict.status)
        return ErrorInfo(ErrorKind.SERVER, f"the plugin {name} refuses: {error.message}", 502, code="plugin_error")
    if isinstance(error, CallTimeoutError):
        return ErrorInfo(ErrorKind.TIMEOUT, f"the plugin {name} {error}", 504, code="plugin_timeout")
    if isinstance(error, TooLongError):
        return ErrorInfo(ErrorKind.TOO_LARGE, f"the plugin {name} {error}", 413, code="plugin_limit")
    return ErrorInfo(ErrorKind.SERVER, f"the plugin {name} {error}", 502, code="plugin_failed")
