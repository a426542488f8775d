"""Google Cloud without a key: the machine's metadata server, and the login that gcloud keeps for other programs."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from addons.providers import outbound
from addons.providers.api import Call, Operation, Provider, UnavailableError
from addons.providers.registry import built_in
from addons.vault.credential import Credential

URL = "http://127.0.0.1:9/computeMetadata/v1"


class Google:
    """The metadata server and the token endpoint; `flavor` is what it calls itself."""

    def __init__(self) -> None:
        self.flavor = "Google"
        self.asked: list[httpx.Request] = []

    def client(self, *_: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        headers = {"metadata-flavor": self.flavor}
        match request.url.path.rpartition("/")[2]:
            case "project-id":
                return httpx.Response(200, text="the-project\n", headers=headers)
            case "token":
                body = {"access_token": f"token-{len(self.asked)}", "expires_in": 3599, "token_type": "Bearer"}
                return httpx.Response(200, json=body, headers=headers)
        return httpx.Response(404, headers=headers)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Google:
    made = Google()
    monkeypatch.setattr(outbound, "client", made.client)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv("CLOUDSDK_CONFIG", raising=False)
    return made


@pytest.fixture
def vertex() -> Provider:
    return built_in().get("vertex")


def credential(**settings: str) -> Credential:
    return Credential("c", "vertex", "", {"metadata_url": URL, **settings})


@pytest.mark.parametrize("source", ["metadata", "default"])
async def test_the_machines_own_account_is_used(vertex: Provider, google: Google, source: str):
    for _ in range(3):
        ready = await vertex.acquire(credential(source=source))
    call = Call(Operation.GENERATE, "gemini", "gemini-3.5-flash", False, b'{"contents":[]}', translated=True)
    upstream = vertex.build(call, ready)
    assert "/projects/the-project/locations/global/" in upstream.url
    assert dict(upstream.headers)["Authorization"] == "Bearer token-2"
    assert [str(request.url) for request in google.asked] == [
        f"{URL}/project/project-id",
        f"{URL}/instance/service-accounts/default/token",
    ]
    assert all(request.headers["metadata-flavor"] == "Google" for request in google.asked)


async def test_a_refused_token_is_asked_for_anew(vertex: Provider, google: Google):
    ready = await vertex.acquire(credential(source="metadata", project="p"))
    fresh = await vertex.refresh(ready)
    assert fresh is not None
    assert (ready.secret_field("access_token"), fresh.secret_field("access_token")) == ("token-1", "token-2")


@pytest.mark.parametrize("where", ["gcloud", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"])
async def test_googles_own_login_comes_before_the_machines(
    vertex: Provider, google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
):
    folder = tmp_path / (".config/gcloud" if where == "gcloud" else "elsewhere")
    folder.mkdir(parents=True)
    file = folder / "application_default_credentials.json"
    login = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}
    file.write_text(json.dumps({**login, "quota_project_id": "its-project"}))
    if where != "gcloud":
        monkeypatch.setenv(where, str(file if where.startswith("GOOGLE") else folder))
    ready = await vertex.acquire(credential(source="default", token_url="https://token.example/token"))
    assert ready.secret_field("project_id") == "its-project"
    (request,) = google.asked
    assert b"grant_type=refresh_token" in request.content and b"refresh_token=r" in request.content


FAULTS = {
    "somebody else": ({}, "other", "no metadata server"),
    "another machine": ({"metadata_url": "http://far.example/v1"}, "Google", "must be https"),
}


@pytest.mark.parametrize(("settings", "flavor", "said"), FAULTS.values(), ids=FAULTS)
async def test_nobody_else_is_believed(
    vertex: Provider, google: Google, settings: dict[str, str], flavor: str, said: str
):
    google.flavor = flavor
    with pytest.raises(UnavailableError, match=said):
        await vertex.acquire(credential(source="metadata", **settings))


async def test_without_a_word_nothing_is_guessed(vertex: Provider, google: Google):
    with pytest.raises(UnavailableError, match="neither a secret nor a creds_file_path nor a source"):
        await vertex.acquire(credential())
    assert google.asked == []


async def test_workload_identity_says_that_it_is_not_understood(vertex: Provider, google: Google, tmp_path: Path):
    file = tmp_path / "external.json"
    file.write_text(json.dumps({"type": "external_account", "project_id": "p"}))
    with pytest.raises(UnavailableError, match="external_account"):
        await vertex.acquire(credential(creds_file_path=str(file)))
