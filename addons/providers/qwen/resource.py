"""The base URL of inference, which a login names as `resource_url` (qwen.md §4)."""

from __future__ import annotations

from urllib.parse import urlsplit

from addons.providers.outbound import LOOPBACK
from translators.canonical.errors import ErrorKind, TranslationError

#: A login is sent to its own service alone (design.md, decision 6), whatever stands in a file.
HOSTS = ("qwen.ai", "aliyuncs.com")


def base_url(named: str) -> str:
    """`named` is a host or a URL; → with scheme and /v1. Raises TranslationError for a host of somebody else."""
    url = named if "://" in named else f"https://{named}"
    url = url.rstrip("/")
    parts = urlsplit(url)
    host = parts.hostname or ""
    ours = parts.scheme == "https" and any(host == known or host.endswith("." + known) for known in HOSTS)
    if not ours and host not in LOOPBACK:
        text = f"the login names {host or 'no host'} as its service, which is not Qwen's: set base_url to go there"
        raise TranslationError(text, kind=ErrorKind.PERMISSION)
    return url if url.endswith("/v1") else url + "/v1"
