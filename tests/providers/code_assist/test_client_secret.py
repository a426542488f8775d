"""The client secret: of the installed client, the owner's, or a clear word that there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from addons.login.errors import LoginError
from addons.login.steps import Callback
from addons.providers import antigravity, gemini_oauth
from addons.providers.api import Factory
from addons.providers.code_assist.client_secret import ClientSecrets
from addons.providers.code_assist.provider import InternalApi
from addons.providers.installed import Installation
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from addons.vault.oauth import RefreshError
from addons.vault.tokens import Token

#: Assembled: no scanner shall take it for a real one.
FOUND = "GOCSPX-" + "Installed" * 3 + "x"
OTHER = "GOCSPX-" + "Elsewhere" * 3 + "x"
ID = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"
CODE = f'var OAUTH_CLIENT_ID = "{ID}";\nvar OAUTH_CLIENT_SECRET = "{FOUND}";\n'
REGISTRY = built_in()
FACTORIES: dict[str, Factory] = {"gemini_oauth": gemini_oauth.create, "antigravity": antigravity.create}
GEMINI = gemini_oauth.GeminiOAuth.installation

Layout = Callable[[Path], Path]


def install(root: Path, files: dict[str, str]) -> Path:
    """An npm package `@google/gemini-cli` with these files, its command on PATH; → the folder of commands."""
    package = root / "lib/node_modules/@google/gemini-cli"
    for name, text in {"bundle/gemini.js": "#!/usr/bin/env node\n", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (package / "bundle/gemini.js").chmod(0o755)
    commands = root / "bin"
    commands.mkdir()
    (commands / "gemini").symlink_to(package / "bundle/gemini.js")
    return commands


LAYOUTS = {
    "in a chunk of the bundle": {"bundle/a.js": "x" * 5000, "bundle/chunk-5F.js": f"{'y' * 9000}{CODE}{'z' * 9000}"},
    "in the core package inside": {"node_modules/@google/gemini-cli-core/dist/src/code_assist/oauth2.js": CODE},
    "in the core package beside": {"../gemini-cli-core/dist/oauth2.js": CODE},
    "before the id": {"bundle/b.js": f'const s="{FOUND}",i="{ID}"'},
    "beside another client's": {"bundle/b.js": f'const a="1-x.apps",s="{OTHER}";{"." * 4000}{CODE}'},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_stands_in_the_installed_clients_code(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(install(tmp_path, LAYOUTS[layout])))
    assert ClientSecrets().find(ID, GEMINI) == FOUND


def test_an_applications_folder_is_looked_into(tmp_path: Path):
    app = tmp_path / "Antigravity/resources/app/out"
    app.mkdir(parents=True)
    (app / "main.js").write_text(CODE)
    installed = Installation(folders=(f"{tmp_path}/[Aa]ntigravity/resources/app",), files=("out/main.js",))
    assert ClientSecrets().find(ID, installed) == FOUND


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"bundle/b.js": f'const s="{FOUND}"'},
        {"bundle/b.js": f'const i="{ID}"'},
        {"bundle/b.js": f'const i="{ID}";{"." * 9000};"{FOUND}"'},
        {"bundle/b.txt": CODE},
    ],
    ids=["no such file", "no id", "no secret", "far apart", "no code"],
)
def test_what_is_not_it_is_not_taken_for_it(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(install(tmp_path, files)))
    assert ClientSecrets().find(ID, GEMINI) == ""


def test_a_command_of_the_same_name_that_is_another_program_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "gemini").write_text(CODE)
    (tmp_path / "gemini").chmod(0o755)
    (tmp_path / "other.js").write_text(CODE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ClientSecrets().find(ID, GEMINI) == ""


def test_it_is_looked_for_once_and_not_at_every_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(install(tmp_path, LAYOUTS["before the id"])))
    secrets = ClientSecrets()
    assert secrets.find(ID, GEMINI) == FOUND
    monkeypatch.setenv("PATH", os.devnull)
    assert secrets.find(ID, GEMINI) == FOUND


# -- where it is used


def provider(name: str = "gemini_oauth") -> InternalApi:
    made = FACTORIES[name](REGISTRY.get(name).manifest)
    assert isinstance(made, InternalApi)
    return made


def posts(answer: dict[str, Any]) -> tuple[httpx.AsyncClient, list[dict[str, str]]]:
    seen: list[dict[str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(dict(parse_qsl(request.content.decode())))
        return httpx.Response(200, json=answer)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle)), seen


OLD = Token("old", "the-refresh-token", 1.0, {"scope": "a"})
RENEWED = {"access_token": "new", "expires_in": 3599, "scope": "a b", "token_type": "Bearer", "id_token": "i"}


@pytest.mark.parametrize("name", ["gemini_oauth", "antigravity"])
async def test_a_refresh_is_googles_plain_grant_and_keeps_the_refresh_token(name: str):
    credential = Credential("c", name, "", {"client_secret": "set-by-hand"})
    client, seen = posts(RENEWED)
    token = await provider(name).renew(OLD, credential, client)
    how = provider(name).manifest.oauth
    assert how is not None
    assert seen == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "the-refresh-token",
            "client_id": how.client_id,
            "client_secret": "set-by-hand",
        }
    ]
    assert (token.access, token.refresh) == ("new", "the-refresh-token")


async def test_a_refresh_takes_the_installed_clients_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(install(tmp_path, LAYOUTS["before the id"])))
    client, seen = posts(RENEWED)
    await provider().renew(OLD, Credential("c", "gemini_oauth"), client)
    assert seen[0]["client_secret"] == FOUND


async def test_one_in_the_logins_own_json_goes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(install(tmp_path, LAYOUTS["before the id"])))
    client, seen = posts(RENEWED)
    secret = json.dumps({"refresh_token": "the-refresh-token", "client_secret": "of-the-login"})
    await provider().renew(OLD, Credential("c", "gemini_oauth", secret), client)
    assert seen[0]["client_secret"] == "of-the-login"


async def test_without_one_nothing_is_sent_and_the_owner_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", os.devnull)
    client, seen = posts(RENEWED)
    with pytest.raises(RefreshError, match=r"install it, or .* --set client_secret=") as caught:
        await provider().renew(OLD, Credential("mine", "gemini_oauth"), client)
    assert not caught.value.final and seen == [], "it may be installed yet"


async def test_signing_in_takes_it_too_or_says_that_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (flow,) = provider().manifest.login
    draft = Credential("mine", "gemini_oauth")
    client, seen = posts({**RENEWED, "refresh_token": "first"})
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(LoginError, match="install -g @google/gemini-cli"):
        await provider().login_steps(flow, draft, client).begin()
    monkeypatch.setenv("PATH", str(install(tmp_path, LAYOUTS["before the id"])))
    steps = provider().login_steps(flow, draft, client)
    await steps.begin()
    assert steps.extra == {"client_secret": FOUND}, "kept with the login"
    steps.redirect_uri = "http://127.0.0.1:1234/oauth2callback"
    query = dict(parse_qsl(steps.authorize_url().partition("?")[2]))
    assert query["access_type"] == "offline" and query["code_challenge_method"] == "S256"
    token = await steps.exchange(steps.code(Callback("/oauth2callback", {"code": "c", "state": steps.state})))
    assert token.refresh == "first" and token.extra == {"id_token": "i"}
    (form,) = seen
    assert form["grant_type"] == "authorization_code" and form["client_secret"] == FOUND
    assert form["code_verifier"] and form["redirect_uri"] == steps.redirect_uri


def test_antigravitys_login_is_as_its_sheet_says():
    (flow,) = provider("antigravity").manifest.login
    assert (flow.redirect.host, flow.redirect.ports, flow.redirect.paths) == (
        "localhost",
        (51121,),
        ("/oauth-callback",),
    )
    assert flow.query == {"access_type": "offline", "prompt": "consent"}
    assert {scope.rpartition("/")[2] for scope in flow.scopes} == {
        "cloud-platform",
        "userinfo.email",
        "userinfo.profile",
        "cclog",
        "experimentsandconfigs",
    }
