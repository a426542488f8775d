"""Asks a service what is left of a credential's limits, where a table of the manifest describes the one GET for it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from addons.providers import outbound
from addons.providers.quota import Quota
from addons.vault.tokens import at, seconds

USER_AGENT = "proxycast/0.1"


@dataclass(frozen=True, slots=True)
class QuotaEndpoint:
    """A row of a manifest's `[[quota]]` table.

    `path` is that of the URL, on the host of the base URL. The others but `counts` are places in its JSON answer,
    written `data.limit`: what `remains` of the `limit` and when it `resets`, or what is `used` of it. `each`: a list
    whose elements the places are in; `counts_at`: where an element says what it counts (a currency). `usable`: whether
    anything can be had, which goes before the figures; `unlimited`: whether there is no limit at all."""

    path: str
    counts: str = ""
    remaining: str = ""
    limit: str = ""
    used: str = ""
    resets: str = ""
    each: str = ""
    counts_at: str = ""
    usable: str = ""
    unlimited: str = ""


async def ask(
    rows: Sequence[QuotaEndpoint],
    base_url: str,
    headers: Sequence[tuple[str, str]],
    client: httpx.AsyncClient,
    url: str = "",
) -> list[Quota]:
    """One GET for each path; `url` goes before them. Raises httpx.HTTPError for whatever is no such answer."""
    found: list[Quota] = []
    answers: dict[str, Any] = {}
    for row in rows:
        address = url or _origin(base_url) + row.path
        if address not in answers:
            answers[address] = await get(client, address, headers)
        found += read(row, answers[address], time.time())
    return found


async def get(client: httpx.AsyncClient, url: str, headers: Sequence[tuple[str, str]]) -> Any:
    """The JSON there. Raises httpx.HTTPError, also for an address that no credential may be sent to."""
    if not outbound.is_safe(url):
        raise httpx.UnsupportedProtocol(f"a credential is not sent to {url or 'nowhere'}: https is wanted")
    answer = await client.get(url, headers=[("accept", "application/json"), ("user-agent", USER_AGENT), *headers])
    if not answer.is_success:  # a redirect is not followed, and none either
        raise httpx.HTTPStatusError(f"it answered HTTP {answer.status_code}", request=answer.request, response=answer)
    try:
        return json.loads(answer.content)
    except ValueError:
        raise httpx.DecodingError("it answered with something that is no JSON", request=answer.request) from None


def read(row: QuotaEndpoint, answer: Any, now: float) -> list[Quota]:
    """The limits in an answer; what makes no sense is left out."""
    usable = _place(answer, row.usable) if row.usable else None
    if row.unlimited and _place(answer, row.unlimited) is True:
        return []
    found = []
    for part in _parts(answer, row.each):
        limit = number(_place(part, row.limit))
        remaining = number(_place(part, row.remaining))
        used = number(_place(part, row.used))
        if remaining is None and limit is not None and used is not None:
            remaining = limit - used
        if usable is False:
            remaining = 0.0
        if remaining is None or (usable is True and remaining <= 0):
            continue  # nothing of one currency is no lack where there is another
        counts = _place(part, row.counts_at) if row.counts_at else row.counts
        resets = seconds(_place(part, row.resets)) or 0.0
        name = counts if isinstance(counts, str) and counts else row.counts
        found.append(Quota(name, max(remaining, 0.0), limit or None, resets, source=f"GET {row.path}", seen=now))
    return found


def number(value: Any) -> float | None:
    """A figure, also one written as text."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and not isinstance(value, bool) else None


def _parts(answer: Any, each: str) -> Iterator[Any]:
    if not each:
        yield answer
        return
    parts = _place(answer, each)
    if isinstance(parts, list):
        yield from parts


def _place(data: Any, path: str) -> Any:
    return at(data, path.split(".")) if path else None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
