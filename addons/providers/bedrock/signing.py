"""AWS Signature Version 4 by botocore, and the forms in which AWS's secrets come (apikey_backends.md §6, Auth)."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from addons.providers.api import Upstream
from addons.vault.credential import Credential
from addons.vault.tokens import json_object

#: Field → the other names that AWS gives it: of the environment and files, and of `aws sts`.
_NAMES = {
    "access_key_id": ("aws_access_key_id", "accesskeyid", "access_key"),
    "secret_access_key": ("aws_secret_access_key", "secretaccesskey", "secret_key"),
    "session_token": ("aws_session_token", "sessiontoken"),
    "api_key": ("aws_bearer_token_bedrock", "bearer_token"),
}

#: Headers of a call that are signed; what a proxy on the way may change stays outside.
_SIGNED = ("content-type",)


def access_keys(credential: Credential) -> Credentials | None:
    """The access key of a secret that is one, in whichever spelling; None for an API key."""
    fields = _fields(credential.secret)
    key, secret = fields.get("access_key_id"), fields.get("secret_access_key")
    if not key or not secret:
        return None
    return Credentials(key, secret, fields.get("session_token") or None)


def api_key(credential: Credential) -> str:
    """The API key of a secret that is one, bare or as a field; "" for an access key."""
    if not credential.secret.lstrip().startswith("{"):
        return credential.secret
    return _fields(credential.secret).get("api_key", "")


@lru_cache(maxsize=64)
def _fields(secret: str) -> dict[str, str]:
    """The fields of a JSON secret under our names; {} for anything else."""
    whole = json_object(secret)
    found = whole.get("Credentials", whole)
    if not isinstance(found, dict):
        return {}
    given = {name.lower(): value for name, value in found.items() if isinstance(value, str)}
    return {
        field: value
        for field, others in _NAMES.items()
        if (value := next((given[name] for name in (field, *others) if name in given), None)) is not None
    }


def signed(upstream: Upstream, keys: Credentials, region: str, service: str) -> Upstream:
    """The request with date, body hash, session token and signature; none of them as a client may have sent it."""
    headers = [(name, value) for name, value in upstream.headers if name.lower() in _SIGNED]
    headers.append(("X-Amz-Content-SHA256", hashlib.sha256(upstream.body).hexdigest()))
    request = AWSRequest(upstream.method, upstream.url, headers=dict(headers), data=upstream.body)
    SigV4Auth(keys, service, region).add_auth(request)
    ours = [(name, value) for name, value in request.headers.items() if name.lower() not in _SIGNED]
    replaced = {name.lower() for name, _ in ours} | {"x-amz-security-token", "x-amz-date", "authorization"}
    kept = [(name, value) for name, value in upstream.headers if name.lower() not in replaced]
    return Upstream(upstream.method, upstream.url, [*kept, *ours], upstream.body)
