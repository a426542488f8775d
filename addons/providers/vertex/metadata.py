"""Google's access tokens where there is no key: of the machine's own service account, from its metadata server.

Source: Google's "Access the metadata server" and "How Application Default Credentials works".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from addons.providers import outbound
from addons.providers.vertex.grant import TIMEOUT, AccessToken, token_in, unavailable
from addons.vault.credential import Credential
from translators.canonical.errors import ErrorKind

Json = dict[str, Any]

TYPE = "metadata"
URL = "http://metadata.google.internal/computeMetadata/v1"
#: Plain HTTP is this server's own way: it is a part of the machine, and nothing secret is sent to it.
HOSTS = frozenset(("metadata.google.internal", "169.254.169.254", "fd20:ce::254"))
_FLAVOR = {"Metadata-Flavor": "Google"}
#: Where gcloud keeps the login that other programs may use.
_GCLOUD = "~/.config/gcloud/application_default_credentials.json"


def default_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that Google's libraries would take; None where there is none."""
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    folder = environ.get("CLOUDSDK_CONFIG")
    usual = Path(folder) / Path(_GCLOUD).name if folder else Path(_GCLOUD)
    path = (Path(named) if named else usual).expanduser()
    return path if named or path.is_file() else None


async def fetch(credential: Credential, now: float) -> AccessToken:
    """A token of the machine's default service account. Raises UnavailableError."""
    response = await _get(credential, "instance/service-accounts/default/token")
    try:
        body = response.json()
    except ValueError:
        body = {}
    return token_in(response.status_code, body if isinstance(body, dict) else {}, now)


async def project(credential: Credential) -> str:
    """The project that the machine belongs to. Raises UnavailableError."""
    response = await _get(credential, "project/project-id")
    return response.text.strip() if response.status_code == httpx.codes.OK else ""


async def _get(credential: Credential, path: str) -> httpx.Response:
    url = f"{credential.setting('metadata_url', URL).rstrip('/')}/{path}"
    if not outbound.is_safe(url) and urlsplit(url).hostname not in HOSTS:
        raise unavailable(f"metadata_url must be https or the metadata server itself: {url}", ErrorKind.SERVER, 502)
    try:
        async with outbound.client(credential, TIMEOUT) as client:
            response = await client.get(url, headers=_FLAVOR)
    except (httpx.HTTPError, OSError) as error:
        text = f"no metadata server answers here: {error or type(error).__name__}"
        raise unavailable(text, ErrorKind.SERVER, 502) from None
    if response.headers.get("metadata-flavor") != "Google":
        raise unavailable("what answers is no metadata server", ErrorKind.SERVER, 502)
    return response
