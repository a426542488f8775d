"""Google's access tokens: for a service account by a signed assertion, for gcloud's own login by its refresh token.

Source: apikey_backends.md §4; RFC 7523.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from addons.providers import outbound
from addons.providers.api import UnavailableError
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorInfo, ErrorKind, kind_of_status

Json = dict[str, Any]

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600  # seconds, the longest that Google allows
TIMEOUT = 15.0

#: Errors of the token endpoint that no waiting mends (RFC 6749 §5.2).
_FINAL = frozenset(
    ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type")
)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`expires` is on the caller's clock, in seconds."""

    text: str
    expires: float


def unavailable(message: str, kind: ErrorKind = ErrorKind.AUTHENTICATION, status: int = 401) -> UnavailableError:
    return UnavailableError(ErrorInfo(kind, message, status=status))


def assertion(info: Json, now: float) -> str:
    """The signed JWT of a service account, valid for an hour. Raises UnavailableError for a key that cannot sign."""
    claims = {
        "iss": info.get("client_email"),
        "scope": SCOPE,
        "aud": info.get("token_uri") or TOKEN_URL,
        "iat": int(now),
        "exp": int(now) + LIFETIME,
    }
    header: Json = {"alg": "RS256", "typ": "JWT"}
    if info.get("private_key_id"):
        header["kid"] = info["private_key_id"]
    signed = f"{_segment(header)}.{_segment(claims)}"
    try:
        key = serialization.load_pem_private_key(str(info.get("private_key")).encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise unavailable("the service account's private_key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise unavailable("the service account's private_key is no RSA key")
    return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def form(info: Json, now: float) -> dict[str, str]:
    """What is posted to the token endpoint. Raises UnavailableError for JSON of another kind."""
    match info.get("type"):
        case "service_account":
            return {"grant_type": JWT_GRANT, "assertion": assertion(info, now)}
        case "authorized_user":
            fields = ("client_id", "client_secret", "refresh_token")
            return {"grant_type": "refresh_token", **{name: str(info.get(name, "")) for name in fields}}
        case other:
            raise unavailable(
                f"credentials of type {other!r} are not understood: service_account or authorized_user is"
            )


async def exchange(credential: Credential, info: Json, now: float) -> AccessToken:
    """One POST to the token endpoint. Raises UnavailableError."""
    url = credential.setting("token_url") or str(info.get("token_uri") or TOKEN_URL)
    if not outbound.is_safe(url):
        raise unavailable(f"token_url must be https: {url}", ErrorKind.SERVER, 502)
    try:
        async with outbound.client(credential, TIMEOUT) as client:
            response = await client.post(url, data=form(info, now))
            body = response.json() if response.content else {}
    except (httpx.HTTPError, OSError) as error:
        raise unavailable(f"no token could be had: {error or type(error).__name__}", ErrorKind.SERVER, 502) from None
    except ValueError:
        raise unavailable("no token could be had: the answer is no JSON", ErrorKind.SERVER, 502) from None
    return token_in(response.status_code, body if isinstance(body, dict) else {}, now)


def token_in(status: int, body: Json, now: float) -> AccessToken:
    """What an answer gives. Raises UnavailableError."""
    text, seconds = body.get("access_token"), body.get("expires_in")
    if status == httpx.codes.OK and isinstance(text, str) and text:
        return AccessToken(text, now + (float(seconds) if isinstance(seconds, int | float) else LIFETIME))
    word = str(body.get("error") or f"HTTP {status}")
    message = f"no token could be had: {word}: {body.get('error_description') or 'no reason given'}"
    if word in _FINAL:
        raise unavailable(message)
    kind = kind_of_status(status) if status >= 400 else ErrorKind.SERVER
    raise unavailable(message, ErrorKind.SERVER if kind is ErrorKind.INVALID_REQUEST else kind, max(status, 400))


def _segment(value: Json) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
