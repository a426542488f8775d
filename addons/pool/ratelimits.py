"""What follows for a credential from what its provider told of its limits. Pure; times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable

from addons.providers.quota import Quota


def spent(quotas: Iterable[Quota], reserve: float, now: float) -> list[Quota]:
    """Those with nothing left, or a share below `reserve`, whose reset is known and still to come."""
    return [
        quota
        for quota in quotas
        if quota.resets > now and (quota.remaining <= 0 or (quota.share is not None and quota.share < reserve))
    ]


def longest(quotas: Iterable[Quota]) -> dict[str | None, Quota]:
    """For each model (None: the whole credential) the limit that keeps it waiting longest."""
    found: dict[str | None, Quota] = {}
    for quota in quotas:
        known = found.get(quota.model)
        if known is None or known.resets < quota.resets:
            found[quota.model] = quota
    return found
