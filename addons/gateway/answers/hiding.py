"""Keeps what an upstream was sent out of what the client is told: some errors repeat the key that they refuse."""

from __future__ import annotations

import json
from urllib.parse import quote

from addons.gateway.exchange import Attempt

MARK = "[redacted]"
#: Shorter secrets would hit ordinary text.
SHORTEST = 8


def hidden(text: str, attempt: Attempt) -> str:
    """The text without the secrets that this attempt used."""
    for secret in _secrets(attempt):
        if secret in text:
            text = text.replace(secret, MARK)
    return text


def hidden_in(data: bytes, attempt: Attempt) -> bytes:
    """The bytes of an answer, as they are unless they hold one of those secrets: bare, or escaped for JSON or a URL."""
    for secret in _secrets(attempt):
        for form in {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}:
            needle = form.encode("utf-8", "surrogatepass")
            if needle in data:
                data = data.replace(needle, MARK.encode())
    return data


def _secrets(attempt: Attempt) -> list[str]:
    """The longest first: one may be a part of another."""
    found = {secret for secret in attempt.candidate.credential.secret_values() if len(secret) >= SHORTEST}
    return sorted(found, key=len, reverse=True)
