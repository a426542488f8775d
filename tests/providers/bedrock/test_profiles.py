"""Keys of AWS's own configuration: profiles, assumed roles and SSO, against stand-ins of AWS's services."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import SSOProvider

from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.loopback import Answer, Asked, Loopback
from translators.canonical.errors import ErrorKind

KEY, SECRET = "AKIA" + "PROFILE", "the-secret-of-a-test"
FILES = f"""
[plain]
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
[temporary]
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
aws_session_token = a-session
"""
CONFIG = """
[profile plain]
region = eu-west-3
[profile role]
role_arn = arn:aws:iam::123456789012:role/Models
source_profile = plain
region = eu-central-1
[profile single]
sso_start_url = https://company.example/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = Models
[profile nothing]
region = eu-west-1
"""


class Aws:
    """STS and the SSO portal. `lifetime` of the keys that they give, in seconds; `refuses` makes STS say no."""

    def __init__(self) -> None:
        self.lifetime, self.refuses = 3600, False
        self.asked: list[dict[str, str]] = []
        self._server = Loopback(self._answer)
        self.url, self.close = self._server.url, self._server.close

    def _answer(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            self.asked.append(asked.form)
            status, text = self.assumed()
            return status, text.encode(), {}
        self.asked.append({"path": asked.path, "token": asked.headers.get("x-amz-sso_bearer_token", "")})
        return 200, {"roleCredentials": self.keys("sso")}, {}

    def keys(self, kind: str) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        number = len(self.asked)
        return {
            "accessKeyId": f"ASIA{kind}{number}",
            "secretAccessKey": "s",
            "sessionToken": f"session-{number}",
            "expiration": int(until.timestamp() * 1000),
        }

    def assumed(self) -> tuple[int, str]:
        if self.refuses:
            error = "<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>"
            return 403, f"<ErrorResponse>{error}</ErrorResponse>"
        keys = self.keys("role")
        until = datetime.fromtimestamp(keys["expiration"] / 1000, UTC).isoformat()
        return 200, (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>{keys['accessKeyId']}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>{keys['sessionToken']}</SessionToken><Expiration>{until}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    yield made
    made.close()


@pytest.fixture
def bedrock() -> Provider:
    return built_in().get("bedrock")


@pytest.fixture
def credential(tmp_path: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch):
    """Of a profile, on a machine whose own configuration is not looked at."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "credentials").write_text(FILES)
    (tmp_path / "config").write_text(CONFIG)

    def made(profile: str, name: str = "profile", **settings: Any) -> Credential:
        usual = {
            "config_file": str(tmp_path / "config"),
            "credentials_file": str(tmp_path / "credentials"),
            "sts_url": aws.url,
            "sso_url": aws.url,
        }
        return Credential("c", "bedrock", "", {name: profile, **usual, **settings})

    return made


def fields(credential: Credential) -> dict[str, str]:
    found: dict[str, str] = json.loads(credential.secret)
    return found


async def test_a_profile_gives_its_keys_and_its_region(bedrock: Provider, credential):
    ready = await bedrock.acquire(credential("plain"))
    assert fields(ready) == {"access_key_id": KEY, "secret_access_key": SECRET}
    call = Call(Operation.GENERATE, "bedrock", "amazon.nova-pro-v1:0", False, b"{}", translated=True)
    upstream = bedrock.build(call, ready)
    assert upstream.url.startswith("https://bedrock-runtime.eu-west-3.amazonaws.com/")
    assert f"Credential={KEY}/" in dict(upstream.headers)["Authorization"]


@pytest.mark.parametrize("name", ["profile", "aws_profile"])
async def test_the_credentials_own_region_goes_first(bedrock: Provider, credential, name: str):
    ready = await bedrock.acquire(credential("temporary", name, region="us-west-2"))
    assert (fields(ready)["session_token"], ready.settings["region"]) == ("a-session", "us-west-2")


async def test_two_hundred_requests_assume_a_role_once(bedrock: Provider, credential, aws: Aws):
    made = credential("role")
    ready = await asyncio.gather(*(bedrock.acquire(made) for _ in range(200)))
    assert {fields(one)["access_key_id"] for one in ready} == {"ASIArole1"}
    assert [asked["RoleArn"] for asked in aws.asked] == ["arn:aws:iam::123456789012:role/Models"]
    assert ready[0].settings["region"] == "eu-central-1"


async def test_keys_that_end_soon_are_renewed(bedrock: Provider, credential, aws: Aws):
    aws.lifetime = 120
    made = credential("role")
    assert [fields(await bedrock.acquire(made))["access_key_id"] for _ in range(2)] == ["ASIArole1", "ASIArole2"]


async def test_keys_that_the_service_refuses_are_looked_for_anew(bedrock: Provider, credential):
    ready = await bedrock.acquire(credential("role"))
    fresh = await bedrock.refresh(ready)
    assert fresh is not None and fields(fresh)["access_key_id"] == "ASIArole2"
    assert await bedrock.refresh(await bedrock.acquire(credential("plain"))) is None, "they are the same"


async def test_keys_that_another_tool_writes_are_taken(bedrock: Provider, credential, tmp_path: Path):
    made = credential("plain")
    await bedrock.acquire(made)
    (tmp_path / "credentials").write_text(FILES.replace(KEY, "AKIA" + "OTHER"))
    assert fields(await bedrock.acquire(made))["access_key_id"] == "AKIA" + "OTHER"


async def test_sso_gives_keys_for_the_login_that_the_cli_made(
    bedrock: Provider, credential, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    name = hashlib.sha1(b"https://company.example/start").hexdigest()
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (tmp_path / f"{name}.json").write_text(json.dumps({"accessToken": "an-sso-token", "expiresAt": until}))
    ready = await bedrock.acquire(credential("single"))
    assert fields(ready)["session_token"] == "session-1"
    assert aws.asked[0]["token"] == "an-sso-token" and "role_name=Models" in aws.asked[0]["path"]


FAULTS = {
    "unknown": ("missing", "could not be found"),
    "empty": ("nothing", "there are none in it"),
    "no SSO login": ("single", "SSO"),
}


@pytest.mark.parametrize(("profile", "said"), FAULTS.values(), ids=FAULTS)
async def test_a_profile_without_keys_says_so(
    bedrock: Provider, credential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str, said: str
):
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(UnavailableError, match=said) as caught:
        await bedrock.acquire(credential(profile))
    assert caught.value.info.kind is ErrorKind.AUTHENTICATION


async def test_a_role_that_is_refused_says_so(bedrock: Provider, credential, aws: Aws):
    aws.refuses = True
    with pytest.raises(UnavailableError, match="AccessDenied"):
        await bedrock.acquire(credential("role"))


async def test_without_a_secret_or_a_profile_nothing_is_guessed(bedrock: Provider):
    with pytest.raises(UnavailableError, match="neither a secret nor a profile"):
        await bedrock.acquire(Credential("c", "bedrock"))
