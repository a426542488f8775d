"""`pytest` in this folder, with the Python that ProxyCast is installed in."""

import asyncio
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from addons.plugins import testing
from addons.providers.api import UnavailableError
from translators.canonical.errors import ErrorKind

FOLDER = Path(__file__).resolve().parents[1]
KEY = {"key_id": "id-1", "key": "a-test-key"}


@pytest.fixture
def provider():
    return testing.load(FOLDER)


@pytest.fixture
def credential(provider):
    return testing.credential(provider, json.dumps(KEY), region="north")


def test_nothing_is_missing():
    assert testing.findings(FOLDER) == []


def test_it_serves_its_models_and_no_others(provider, credential):
    assert provider.serves("tally-large", credential)
    assert not provider.serves("another-model", credential)


def test_a_request_goes_to_its_region(provider, credential):
    upstream = testing.request(provider, credential, text="hello there")
    assert upstream.url == "https://north.tally.example/v1/chat/completions"
    assert json.loads(upstream.body)["messages"] == [{"role": "user", "content": "hello there"}]


def test_a_request_is_signed_and_the_key_stays_here(provider, credential):
    upstream = testing.request(provider, credential)
    headers = dict(upstream.headers)
    right = hmac.new(b"a-test-key", b"POST\n" + upstream.body, hashlib.sha256).hexdigest()
    assert (headers["Authorization"], headers["x-tally-signature"]) == ("Bearer id-1", right)
    assert headers["x-tally-client"] == "proxycast"
    assert not any("a-test-key" in text for text in (upstream.url, str(upstream.headers), str(upstream.body)))


def test_half_a_key_is_said_to_be_one(provider):
    half = testing.credential(provider, json.dumps({"key_id": "id-1"}), region="north")
    with pytest.raises(UnavailableError, match="two parts"):
        asyncio.run(provider.acquire(half))


def test_a_mirror_can_stand_in(provider, credential):
    credential.settings["base_url"] = "http://127.0.0.1:9/v1"
    assert testing.request(provider, credential).url == "http://127.0.0.1:9/v1/chat/completions"


@pytest.mark.parametrize(
    ("status", "code", "kind", "out_of_service"),
    [
        (400, "tally_empty", ErrorKind.BILLING, False),
        (403, "account_closed", ErrorKind.PERMISSION, True),
        (401, "unknown_key", ErrorKind.AUTHENTICATION, False),
        (429, "", ErrorKind.RATE_LIMIT, False),
    ],
)
def test_what_its_errors_mean(provider, status, code, kind, out_of_service):
    error = testing.judged(provider, status, {"error": {"message": "no", "code": code}})
    assert (error.kind, error.out_of_service) == (kind, out_of_service)
