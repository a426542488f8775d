"""Whose login it is: what the claims of its tokens say (codex.md §1.1). Signatures are their issuer's affair. Pure."""

from __future__ import annotations

from typing import Any

from addons.vault.credential import Credential
from addons.vault.tokens import jwt_claims

Json = dict[str, Any]
_AUTH = "https://api.openai.com/auth"
_PROFILE = "https://api.openai.com/profile"


def account_id(credential: Credential) -> str:
    """The setting, else what the login says: in so many words, or in a token. `credential` is ready for use; "" where
    nobody says."""
    login = _login(credential)
    said = credential.setting("account_id") or login.get("account_id")
    if isinstance(said, str) and said:
        return said
    tokens = (login.get("id_token"), credential.secret)
    return next((found for token in tokens if (found := _text(_auth(token).get("chatgpt_account_id")))), "")


def described(credential: Credential) -> Json:
    """What a person knows the account by: `email` and `plan`, as far as the tokens tell."""
    login, found = _login(credential), Json()
    for token in (login.get("id_token"), credential.secret):
        known = jwt_claims(token)
        profile = known.get(_PROFILE)
        email = known.get("email") or (profile.get("email") if isinstance(profile, dict) else None)
        told = {"email": _text(email), "plan": _text(_auth(token).get("chatgpt_plan_type"))}
        found = {**{name: value for name, value in told.items() if value}, **found}
    return found


def _login(credential: Credential) -> Json:
    login = credential.settings.get("login")
    return login if isinstance(login, dict) else {}


def _auth(token: object) -> Json:
    found = jwt_claims(token).get(_AUTH)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
