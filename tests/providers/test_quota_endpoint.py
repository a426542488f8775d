"""What services say is left when asked: each preset's table against the answer that its documentation shows."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from addons.providers import asking
from addons.providers.api import UnavailableError
from addons.providers.quota_endpoint import QuotaEndpoint, read
from addons.providers.registry import built_in
from addons.vault.credential import Credential

REGISTRY = built_in()
ROOT = "http://127.0.0.1:9"
OPENROUTER = {"data": {"label": "sk-or-v1-…", "limit": 100, "limit_remaining": 74.5, "usage": 25.5}}
DEEPSEEK = {
    "is_available": True,
    "balance_infos": [
        {"currency": "CNY", "total_balance": "0.00", "granted_balance": "0.00"},
        {"currency": "USD", "total_balance": "9.75", "granted_balance": "0.00"},
    ],
}
MOONSHOT = {"code": 0, "data": {"available_balance": -0.5, "voucher_balance": 0, "cash_balance": -0.5}, "status": True}
NEW_API = {"code": True, "data": {"total_granted": 500, "total_used": 500, "total_available": 0}}

ANSWERS: dict[str, tuple[str, str, Any, list[tuple[str, float, float | None]]]] = {
    "openrouter": ("openrouter", "/api/v1/key", OPENROUTER, [("USD", 74.5, 100)]),
    "openrouter without a limit": (
        "openrouter",
        "/api/v1/key",
        {"data": {"limit": None, "limit_remaining": None, "usage": 3}},
        [],
    ),
    "deepseek, one purse empty": ("deepseek", "/user/balance", DEEPSEEK, [("USD", 9.75, None)]),
    "deepseek, nothing to be had": (
        "deepseek",
        "/user/balance",
        {**DEEPSEEK, "is_available": False},
        [("CNY", 0, None), ("USD", 0, None)],
    ),
    "deepseek by Anthropic's protocol": ("deepseek-anthropic", "/user/balance", DEEPSEEK, [("USD", 9.75, None)]),
    "moonshot in debt": ("moonshot", "/v1/users/me/balance", MOONSHOT, [("USD", 0, None)]),
    "moonshot, China": ("moonshot-cn", "/v1/users/me/balance", MOONSHOT, [("CNY", 0, None)]),
    "new-api": ("new_api", "/api/usage/token/", NEW_API, [("units", 0, 500)]),
    "new-api without a limit": (
        "new_api",
        "/api/usage/token/",
        {"data": {**NEW_API["data"], "unlimited_quota": True}},  # type: ignore[dict-item]
        [],
    ),
}


class Service:
    """`answers` by path; what is not among them is not there."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.asked = answers, list[httpx.Request]()

    def connect(self, _: Credential, timeout: float) -> httpx.AsyncClient:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            answer = self.answers.get(request.url.path, httpx.Response(404))
            return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

        return httpx.AsyncClient(transport=httpx.MockTransport(handle), timeout=timeout)

    async def told(self, provider: str, **settings: Any) -> list[tuple[str, float, float | None]]:
        credential = Credential("c", provider, "the-key", {"base_url": ROOT, **settings})
        found = await asking.quotas(REGISTRY.get(provider), credential, self.connect)
        return [(quota.counts, quota.remaining, quota.limit) for quota in found]


@pytest.mark.parametrize(("provider", "path", "answer", "left"), ANSWERS.values(), ids=ANSWERS)
async def test_what_is_left_is_read_where_the_service_says_it(provider: str, path: str, answer: Any, left: Any):
    service = Service({path: answer})
    assert await service.told(provider, base_url=ROOT + "/v1") == left
    (request,) = service.asked
    assert request.method == "GET"
    assert request.headers["authorization"] == "Bearer the-key"


async def test_another_address_can_stand_in():
    service = Service({"/mirror/key": OPENROUTER})
    assert await service.told("openrouter", quota_url=ROOT + "/mirror/key") == [("USD", 74.5, 100)]


@pytest.mark.parametrize(
    ("hard_limit", "cents", "left"),
    [(10, 250, [("USD", 7.5, 10)]), (10, 2000, [("USD", 0, 10)]), (1e8, 250, [])],
)
@pytest.mark.parametrize("missing", [httpx.Response(404), httpx.Response(200, text="<!doctype html>")])
async def test_one_api_is_asked_for_its_bill(hard_limit: float, cents: float, left: Any, missing: httpx.Response):
    answers = {
        "/api/usage/token/": missing,
        "/v1/dashboard/billing/subscription": {"object": "billing_subscription", "hard_limit_usd": hard_limit},
        "/v1/dashboard/billing/usage": {"object": "list", "total_usage": cents},
    }
    assert await Service(answers).told("new_api") == left


BAD = {
    "refused": (httpx.Response(401), "HTTP 401", None),
    "limited": (httpx.Response(429, headers={"retry-after": "7"}), "HTTP 429", 7.0),
    "redirected": (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "HTTP 302", None),
    "a page": (httpx.Response(200, text="<html>"), "no JSON", None),
}


@pytest.mark.parametrize(("answer", "said", "wait"), BAD.values(), ids=BAD)
async def test_what_is_no_answer_is_said(answer: httpx.Response, said: str, wait: float | None):
    with pytest.raises(UnavailableError, match=said) as caught:
        await Service({"/api/v1/key": answer}).told("openrouter")
    assert caught.value.info.retry_after == wait


async def test_a_key_is_sent_over_tls_or_not_at_all():
    service = Service({})
    with pytest.raises(UnavailableError, match="is not sent to"):
        await service.told("openrouter", base_url="http://far.example")
    assert service.asked == []


@pytest.mark.parametrize(
    "answer", [None, 7, [], {}, {"data": None}, {"data": {"left": "much"}}, {"data": {"left": True}}]
)
def test_what_makes_no_sense_is_left_out(answer: Any):
    assert read(QuotaEndpoint("/", "x", remaining="data.left"), answer, 0) == []


def test_what_is_used_tells_what_remains_and_times_are_read_in_any_form():
    row = QuotaEndpoint("/", "x", limit="max", used="spent", resets="again")
    (quota,) = read(row, {"max": "50", "spent": 20, "again": "2026-11-21T00:00:00Z"}, 5)
    assert (quota.remaining, quota.limit, quota.resets, quota.seen) == (30, 50, 1795219200, 5)
