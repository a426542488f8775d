"""What Antigravity tells of models and allowances, as quotas (antigravity.md §7). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from addons.providers.antigravity.models import group
from addons.providers.code_assist.quotas import of_share
from addons.providers.quota import Quota

Json = dict[str, Any]

MODELS = "fetchAvailableModels"
SUMMARY = "retrieveUserQuotaSummary"


def of_models(answer: Json, now: float) -> list[Quota]:
    """One for each allowance: of the models that share it, what the lowest says."""
    lowest: dict[str, Quota] = {}
    for name, facts in _objects(answer.get("models")):
        told = facts.get("quotaInfo")
        quota = of_share(told, "the allowance", group(name), MODELS, now) if isinstance(told, dict) else None
        if quota is None:
            continue
        known = lowest.get(group(name))
        if known is None or (quota.remaining, -quota.resets) < (known.remaining, -known.resets):
            lowest[group(name)] = quota
    return list(lowest.values())


def of_groups(answer: Json, now: float) -> list[Quota]:
    """For people: the service names its groups in words, so nothing rests for them."""
    found = []
    listed = answer.get("groups")
    for row in listed if isinstance(listed, list) else ():
        name = row.get("displayName") if isinstance(row, dict) else None
        buckets = row.get("buckets") if isinstance(row, dict) else None
        for bucket in buckets if isinstance(buckets, list) else ():
            if not isinstance(bucket, dict) or not isinstance(name, str):
                continue
            window = bucket.get("window")
            quota = of_share(bucket, f"{window or 'the'} allowance", None, SUMMARY, now)
            if quota is not None:
                found.append(replace(quota, model=name))
    return found


def successors(answer: Json) -> dict[str, str]:
    """Names that are no more → those that took their place."""
    return {
        old: new
        for old, facts in _objects(answer.get("deprecatedModelIds"))
        if isinstance(new := facts.get("newModelId"), str) and new
    }


def _objects(value: Any) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        yield from ((name, facts) for name, facts in value.items() if isinstance(facts, dict))
