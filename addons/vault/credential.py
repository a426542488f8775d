"""A credential: one secret of one provider, with its settings."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from addons.vault.tokens import json_object

#: Shorter secrets would hit ordinary text.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Credential:
    """`secret` is a single key or, for several fields, JSON (design.md, decision 15).

    Settings that every provider knows: `base_url`, `models` (client's model → backend's), `excluded_models`,
    `headers` (extra ones), `proxy_url`, `ca_file`, `max_concurrent`. `priority` orders a profile without an order of
    its own (lower first), `weight` shares among equals.
    """

    name: str
    provider: str
    secret: str = field(default="", repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True
    priority: int = 100
    weight: int = 1
    created: float = 0.0

    def setting(self, name: str, default: str = "") -> str:
        """A text setting; empty counts as unset."""
        value = self.settings.get(name)
        return value if isinstance(value, str) and value else default

    def secret_field(self, name: str) -> str:
        """A field of a JSON secret, or "" where there is none."""
        value = json_object(self.secret).get(name, "")
        return value if isinstance(value, str) else ""

    def secret_values(self) -> list[str]:
        """Every text in the secret and the settings that must never be stored or shown: the whole, each field of a JSON
        one, what sounds like a secret among the settings, and passwords in URLs."""
        values = [self.secret] if self.secret else []
        if self.secret.startswith("{"):
            with suppress(ValueError):
                values += _texts(json.loads(self.secret))
        return values + secrets_among(self.settings)

    def hidden(self, text: str) -> str:
        """The text without this credential's secrets: errors of services may repeat what they were sent."""
        for secret in sorted(set(self.secret_values()), key=len, reverse=True):  # one may be a part of another
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, "[redacted]")
        return text


def secrets_among(settings: dict[str, Any]) -> list[str]:
    """The texts among settings that must never be stored or shown, by their names, and passwords in URLs."""
    return [text for name, value in settings.items() for text in _secret_settings(name, value)]


#: Fields beside secrets that are no secrets, so that they may stand in texts: kinds, names, addresses, times.
_PUBLIC_NAME = re.compile(
    r"type|provider|region|scopes?|email|client_email|auth_method|oauth_flow|plan|tier|universe_domain"
    r"|\w+_(?:type|ur[il]|endpoint|arn|at|domain)"
    r"|(?:\w+_)?(?:project|organi[sz]ation|account|client|user)_id"
)


def _texts(value: Any) -> list[str]:
    """The texts within JSON that are long enough to be secrets."""
    if isinstance(value, dict):
        return [text for name, inner in value.items() if not _PUBLIC_NAME.fullmatch(name) for text in _texts(inner)]
    return [value] if isinstance(value, str) and len(value) >= 8 else []


def _secret_settings(name: str, value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner_name, inner in value.items() for text in _secret_settings(inner_name, inner)]
    if not isinstance(value, str):
        return []
    if _SECRET_NAME.search(name):
        scheme, _, rest = value.partition(" ")
        return [value, rest] if rest and scheme.lower() in ("bearer", "basic", "token") else [value]
    userinfo = _USERINFO.search(value)
    if userinfo is None:
        return []
    user, _, password = userinfo[0][:-1].partition(":")
    pair = f"{unquote(user)}:{unquote(password)}"
    return [password, unquote(password), base64.b64encode(pair.encode()).decode("ascii")] if password else []


def masked(secret: str) -> str:
    """What may be shown of a secret: nothing of a short one or of one with fields, else its first and last
    characters."""
    if secret.startswith("{"):
        return "{••••••••}"
    if len(secret) < 16:
        return "•" * 8
    return f"{secret[:6]}…{secret[-4:]}"


#: Settings and headers whose names sound so hold secrets.
_SECRET_NAME = re.compile(
    r"secret|password|cookie|authori[sz]ation|api[-_]?key|(?:^|[-_])(?:key|token)$", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def shown_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they may be shown: what sounds like a secret is masked, a password in a URL left out."""
    return {name: _shown(name, value) for name, value in settings.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return shown_settings(value)
    if not isinstance(value, str):
        return value
    return masked(value) if _SECRET_NAME.search(name) else _USERINFO.sub("•••@", value)
