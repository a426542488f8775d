"""Why a login came to nothing."""

from __future__ import annotations


class LoginError(Exception):
    """The text says what happened and what to do."""


class PortsBusyError(LoginError):
    """No port that the service accepts is free; what is pasted needs none."""
