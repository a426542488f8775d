"""httpx as a credential wants it: its proxy, its CA, no environment. For what is no flow: tokens, probes, quotas."""

from __future__ import annotations

import functools
import logging
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from addons.vault.credential import Credential

# It tells every address at "info", which mitmproxy prints, and some services want a token in theirs (iflow.md §2).
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


def is_safe(url: str) -> bool:
    """Whether a secret may be sent there: over TLS, or over plain HTTP within this machine (design.md, decision 6)."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


@functools.cache
def _usual_trust() -> ssl.SSLContext:
    """Made once: reading all authorities takes tens of milliseconds, in which nothing else would go on."""
    return httpx.create_ssl_context(trust_env=False)


def client(credential: Credential, timeout: float, limits: httpx.Limits | None = None) -> httpx.AsyncClient:
    """Follows no redirect. Raises OSError (ssl.SSLError is one) for a CA file that cannot be used."""
    ca_file = credential.setting("ca_file")
    verify = ssl.create_default_context(cafile=str(Path(ca_file).expanduser())) if ca_file else _usual_trust()
    return httpx.AsyncClient(
        timeout=timeout,
        verify=verify,
        proxy=credential.setting("proxy_url") or None,
        trust_env=False,
        limits=limits or httpx.Limits(max_connections=100, max_keepalive_connections=20),
    )
