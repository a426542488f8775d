"""Verifies AWS signatures (version 4) as the service does: botocore signs the received request again, and compares."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
MUST_BE_SIGNED = {"host", "x-amz-date"}
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Account:
    """What the service knows of its caller; with a session token the credential is a temporary one."""

    access_key: str
    secret_key: str
    token: str | None = None
    region: str = "eu-central-1"
    service: str = "bedrock"


def complaint(
    account: Account, method: str, raw_path: str, query: str, headers: Mapping[str, str], body: bytes
) -> tuple[str, str] | None:
    """→ (exception, message) for what is wrong with a signed request; None when it is right."""
    given = FORM.fullmatch(headers.get("authorization", ""))
    if given is None:
        return "IncompleteSignatureException", "Authorization header is not in the form of AWS4-HMAC-SHA256."
    if given["key"] != account.access_key:
        return "UnrecognizedClientException", "The security token included in the request is invalid."
    if account.token is not None and headers.get("x-amz-security-token") != account.token:
        return "ExpiredTokenException", "The security token included in the request is expired"
    if (given["region"], given["service"]) != (account.region, account.service):
        return "InvalidSignatureException", f"Credential should be scoped to {account.region} and {account.service}."
    names = given["headers"].split(";")
    if not set(names) >= MUST_BE_SIGNED | ({"x-amz-security-token"} if account.token else set()):
        return "InvalidSignatureException", f"Headers must be signed, not only {names}."
    stated = headers.get("x-amz-content-sha256")
    if stated is not None and stated != hashlib.sha256(body).hexdigest():
        return "InvalidSignatureException", "The body is not what its hash says."
    at = headers.get("x-amz-date", "")
    if abs(datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - datetime.now(UTC)) > SKEW:
        return "InvalidSignatureException", "Signature expired."
    if (
        signature(account, method, raw_path, query, {name: headers.get(name, "") for name in names}, body, at)
        != (given["signature"])
    ):
        return (
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    return None


def signature(
    account: Account, method: str, raw_path: str, query: str, signed: Mapping[str, str], body: bytes, at: str
) -> str:
    url = f"http://{signed['host']}{raw_path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers=dict(signed), data=body)
    request.context["timestamp"] = at
    signer = SigV4Auth(Credentials(account.access_key, account.secret_key), account.service, account.region)
    found: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return found
