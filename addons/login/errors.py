"""Why a login came to nothing."""

from __future__ import annotations


class LoginError(Exception):
    """The text says what happened and what to do."""


class ClientSecretError(LoginError):
    """The client secret is nowhere to be found; its owner may have it."""


class PortsBusyError(LoginError):
    """No port that the service accepts is free; what is pasted needs none."""
