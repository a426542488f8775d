"""What a credential of Kiro is: the kind of its login, whose client made it, its region, profile and addresses
(kiro.md §1, §2.4, §4, §5.4). Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from addons.providers.kiro.dialect import CURRENT, LEGACY, Dialect
from addons.vault.credential import Credential

#: §1.5
KEY_PREFIX = "ksk_"
DEFAULT_REGION = "us-east-1"
#: §4: where a valid token may be at home, in the order in which they are tried.
REGIONS = ("us-east-1", "eu-central-1")
BUILDER_START = "view.awsapps.com/start"
_ARN = re.compile(r"arn:aws[a-z-]*:codewhisperer:([a-z0-9-]+):\d{12}:profile/\w+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
#: The words of the CLI for systems, by Python's (§5.3).
_CLI_OS = {"darwin": "macos", "win32": "windows"}


class Method(StrEnum):
    """How its owner signed in."""

    SOCIAL = "social"
    IDC = "idc"
    EXTERNAL = "external_idp"
    API_KEY = "api_key"


#: §1.1: spellings of official files and of third-party exports, in lower case.
_METHODS = {
    "social": Method.SOCIAL,
    "idc": Method.IDC,
    "builder-id": Method.IDC,
    "builderid": Method.IDC,
    "iam": Method.IDC,
    "external_idp": Method.EXTERNAL,
    "external-idp": Method.EXTERNAL,
    "external": Method.EXTERNAL,
}
#: §2.4; what is not there sends no such header.
_TOKEN_TYPES = {
    (Method.EXTERNAL, "ide"): "EXTERNAL_IDP",
    (Method.EXTERNAL, "cli"): "EXTERNAL_IDP",
    (Method.API_KEY, "ide"): "API_KEY",
    (Method.API_KEY, "cli"): "API_KEY",
    (Method.IDC, "ide"): "SSO_OIDC",
}


@dataclass(frozen=True, slots=True)
class Account:
    """`client`: ide or cli, whichever made the login. `login_region` is that of the sign-in, `region` that of the
    runtime; `arn` is "" where it is not known yet."""

    method: Method
    client: str
    dialect: Dialect
    provider: str
    arn: str
    region: str
    login_region: str
    builder_id: bool
    login: Mapping[str, Any]

    @classmethod
    def of(cls, credential: Credential, login: Mapping[str, Any] | None = None) -> Account:
        """`login`: what belongs to the login beside its tokens; that of the credential's settings by default."""
        if login is None:
            found = credential.settings.get("login")
            login = found if isinstance(found, dict) else {}
        method = _method(credential, login)
        told = _text(login, "profile_arn") or credential.setting("profile_arn")
        place = _ARN.fullmatch(told)
        own, at_login = credential.setting("region"), _text(login, "region")
        region = place[1] if place and is_region(place[1]) else own if is_region(own) else DEFAULT_REGION
        provider = _text(login, "provider")
        return cls(
            method,
            _client(credential, login, method),
            LEGACY if credential.setting("generation") == "legacy" else CURRENT,
            provider,
            told if place else "",
            region,
            at_login if is_region(at_login) else DEFAULT_REGION,
            provider.lower() == "builderid" or BUILDER_START in _text(login, "start_url"),
            login,
        )

    @property
    def runtime(self) -> str:
        """§4."""
        if self.dialect is LEGACY:
            return f"https://q.{self.region}.amazonaws.com"
        return f"https://runtime.{self.region}.kiro.dev"

    def management(self, region: str = "") -> str:
        """§5.4."""
        host = "q.{}.amazonaws.com" if self.dialect is LEGACY else "management.{}.kiro.dev"
        return "https://" + host.format(region or self.region)

    @property
    def regions(self) -> list[str]:
        """Where to look for the account, the likeliest first."""
        return list(dict.fromkeys([self.region, *REGIONS]))

    @property
    def sends_arn(self) -> bool:
        """§4: the legacy host refused the profile of a Builder ID."""
        return bool(self.arn) and not (self.dialect is LEGACY and self.builder_id)

    def facts(self, purpose: str) -> dict[str, str]:
        """Places and conditions of the header profile."""
        legacy = self.dialect is LEGACY
        client = "ide" if legacy and purpose != "refresh" else self.client  # of the CLI's own legacy form less is known
        token_type = _TOKEN_TYPES.get((self.method, client), "")
        if token_type == "SSO_OIDC" and (legacy or purpose != "generate"):  # noqa: S105 - no secret, a kind of token
            token_type = ""
        return {
            "client": client,
            "generation": "legacy" if legacy else "current",
            "method": self.method.value,
            "token_type": token_type,
            "internal": "true" if self.provider.lower() == "internal" else "",
            "cli_os": _CLI_OS.get(sys.platform, "linux"),
        }


def is_region(text: str) -> bool:
    """Whether it is the name of one, so that a host may be made of it."""
    return _REGION.fullmatch(text) is not None


def _method(credential: Credential, login: Mapping[str, Any]) -> Method:
    if credential.secret.startswith(KEY_PREFIX):
        return Method.API_KEY
    known = _METHODS.get(_text(login, "auth_method").lower())
    if known is not None:
        return known
    if _text(login, "token_endpoint"):
        return Method.EXTERNAL
    return Method.IDC if _text(login, "client_id") or _text(login, "client_id_hash") else Method.SOCIAL


def _client(credential: Credential, login: Mapping[str, Any], method: Method) -> str:
    """The setting, what the login itself says, the kind of its file; API keys are the CLI's."""
    told = credential.setting("client") or _text(login, "client")
    if told in ("ide", "cli"):
        return told
    by_cli = credential.setting("creds_file_path").endswith((".sqlite3", ".sqlite", ".db"))
    return "cli" if by_cli or method is Method.API_KEY else "ide"


def _text(login: Mapping[str, Any], name: str) -> str:
    value = login.get(name)
    return value if isinstance(value, str) else ""
