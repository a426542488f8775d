"""Where the tools that made a login keep it in their JSON files, as data; reading and changing such a document. Pure.

Unknown fields are never touched: the file is the tool's, we only renew what has expired in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from addons.vault.tokens import Json, Path, Token, at, jwt_expiry, like, put, seconds


class FileFormatError(Exception):
    """The document is not of that format; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Another JSON file of the tool that holds parts of a login (`extra`). `path` is relative to the login's file;
    `{name}` in it stands for a part that is known."""

    path: str
    extra: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """JSON paths of the parts of a login. `unit` (ms, s, iso) is how an expiry is written where there was none;
    `stamp` takes the time of the last refresh; `extra` are further parts, by their name in a token answer; `open`: so
    is whatever else stands at the top. `beside` are further files, which are only read; `store` is how the tool's other
    incarnation keeps the same login in an SQLite file."""

    access: Path
    refresh: Path
    expires: Path = ()
    unit: str = "ms"
    stamp: Path = ()
    extra: Mapping[str, Path] = field(default_factory=dict)
    open: bool = False
    beside: tuple[Beside, ...] = ()
    store: StoreFormat | None = None


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A row with parts of a login, for those that stand at the keys `beside`, or for all."""

    table: str
    key: str
    extra: Mapping[str, Path]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """A login as JSON in a table of `key` and `value`. `tokens`: its keys, the first that is there counts, each with
    what its name says of the login. `also` are rows with further parts."""

    table: str
    tokens: Mapping[str, Json]
    format: FileFormat
    also: tuple[StoreRow, ...] = ()


def read_format(table: Json) -> FileFormat:
    """A manifest's `[oauth.file]` table: as FileFormat, with paths written `tokens.access`. Raises TypeError."""
    fields: Json = {name: _path(value) if name in _PATHS else value for name, value in table.items()}
    fields["extra"] = {name: _path(path) for name, path in table.get("extra", {}).items()}
    fields["beside"] = tuple(
        Beside(row["path"], {name: _path(path) for name, path in row["extra"].items()})
        for row in table.get("beside", [])
    )
    return FileFormat(**fields)


_PATHS = ("access", "refresh", "expires", "stamp")


def _path(text: str) -> Path:
    return tuple(text.split("."))


#: How we keep a login ourselves, as the JSON secret of a credential.
OWN = "proxycast"
#: What of a token answer is of no use later.
_PASSING = ("expires_in", "token_type")

#: kiro.md §1.3
_KIRO_PROFILE = "Kiro/User/globalStorage/kiro.kiroagent/profile.json"

#: The formats of tools by id; a provider may bring its own instead (`[oauth.file]` of its manifest).
FORMATS: dict[str, FileFormat] = {
    OWN: FileFormat(("access_token",), ("refresh_token",), ("expires_at",), "s", open=True),
    # claude_oauth.md §1. Sibling keys such as mcpOAuth hold tokens of others.
    "claude_code": FileFormat(
        ("claudeAiOauth", "accessToken"),
        ("claudeAiOauth", "refreshToken"),
        ("claudeAiOauth", "expiresAt"),
        extra={"subscription_type": ("claudeAiOauth", "subscriptionType"), "scopes": ("claudeAiOauth", "scopes")},
    ),
    # codex.md §1: the expiry is in the access token, a JWT.
    "codex": FileFormat(
        ("tokens", "access_token"),
        ("tokens", "refresh_token"),
        stamp=("last_refresh",),
        extra={"id_token": ("tokens", "id_token"), "account_id": ("tokens", "account_id")},
    ),
    # gemini_code_assist.md §1
    "gemini_cli": FileFormat(
        ("access_token",), ("refresh_token",), ("expiry_date",), extra={"id_token": ("id_token",), "scope": ("scope",)}
    ),
    # qwen.md §1, §3: a new resource_url replaces the old one.
    "qwen_code": FileFormat(
        ("access_token",), ("refresh_token",), ("expiry_date",), extra={"resource_url": ("resource_url",)}
    ),
    # iflow.md §1: models are called with the API key.
    "iflow": FileFormat(("access_token",), ("refresh_token",), ("expiry_date",), extra={"api_key": ("apiKey",)}),
    # kiro.md §1.1 to §1.4: the IDE's files, and the store of kiro-cli
    "kiro": FileFormat(
        ("accessToken",),
        ("refreshToken",),
        ("expiresAt",),
        "iso",
        extra={
            "profile_arn": ("profileArn",),
            "auth_method": ("authMethod",),
            "provider": ("provider",),
            "region": ("region",),
            "client_id_hash": ("clientIdHash",),
            "client_id": ("clientId",),
            "start_url": ("startUrl",),
            "token_endpoint": ("tokenEndpoint",),
            "issuer_url": ("issuerUrl",),
            "scopes": ("scopes",),
        },
        beside=(
            Beside("{client_id_hash}.json", {"client_id": ("clientId",), "client_secret": ("clientSecret",)}),
            *(
                Beside(f"../../../{base}/{_KIRO_PROFILE}", {"profile_arn": ("arn",)})
                for base in (".config", "Library/Application Support", "AppData/Roaming")
            ),
        ),
        store=StoreFormat(
            "auth_kv",
            {
                "kirocli:social:token": {"auth_method": "social"},
                "kirocli:odic:token": {"auth_method": "IdC"},
                "kirocli:external-idp:token": {"auth_method": "external_idp"},
                "codewhisperer:odic:token": {"auth_method": "IdC"},
                "codewhisperer:social:token": {"auth_method": "social"},
            },
            FileFormat(("access_token",), ("refresh_token",), ("expires_at",), "iso", open=True),
            also=(
                *(
                    StoreRow(
                        "auth_kv",
                        f"{prefix}:odic:device-registration",
                        {name: (name,) for name in ("client_id", "client_secret", "region", "scopes")},
                        (f"{prefix}:odic:token",),
                    )
                    for prefix in ("kirocli", "codewhisperer")
                ),
                StoreRow("state", "api.codewhisperer.profile", {"profile_arn": ("arn",)}),
            ),
        ),
    ),
}


def parse(text: str, format_: FileFormat) -> tuple[Json, Token]:
    """The document and the login in it. Raises FileFormatError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise FileFormatError(f"it is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise FileFormatError("it does not hold a JSON object")
    token = token_of(data, format_)
    if not token.access and not token.refresh:
        raise FileFormatError(f"there is no login in it (nothing at {'.'.join(format_.access)})")
    return data, token


def token_of(data: Json, format_: FileFormat) -> Token:
    access, refresh = _text(at(data, format_.access)), _text(at(data, format_.refresh))
    expires = seconds(at(data, format_.expires)) if format_.expires else None
    extra = {name: value for name, path in format_.extra.items() if (value := at(data, path)) is not None}
    if format_.open:
        known = {path[0] for path in (format_.access, format_.refresh, format_.expires)}
        extra = {name: value for name, value in data.items() if name not in known and value is not None} | extra
    return Token(access, refresh, jwt_expiry(access) if expires is None else expires, extra)


def with_token(data: Json, format_: FileFormat, token: Token, now: float) -> Json:
    """The document with a renewed login. A part that `token` does not have stays as it was."""
    parts: list[tuple[Path, Any]] = [(format_.access, token.access)]
    if token.refresh:
        parts.append((format_.refresh, token.refresh))
    if format_.expires and token.expires is not None:
        parts.append((format_.expires, like(at(data, format_.expires), token.expires, format_.unit)))
    if format_.stamp:
        parts.append((format_.stamp, like(at(data, format_.stamp), now, "iso")))
    parts += [(path, token.extra[name]) for name, path in format_.extra.items() if token.extra.get(name) is not None]
    if format_.open:
        parts += [((name,), value) for name, value in token.extra.items() if name not in _PASSING and value is not None]
    for path, value in parts:
        data = put(data, path, value)
    return data


def render(data: Json, before: str) -> str:
    """The document as text, indented as it was `before`."""
    lines = before.splitlines()
    second = lines[1] if len(lines) > 1 else ""
    indent = second[: len(second) - len(second.lstrip())]
    text = json.dumps(data, ensure_ascii=False, indent=indent or None)
    return text + "\n" if before.endswith("\n") else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
