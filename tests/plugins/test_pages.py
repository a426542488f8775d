"""Pages of plugins: behind the login, in a sandbox, and nothing but what lies in their `dist`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from addons.audit.datasette.guard import App
from addons.audit.datasette.serve import application
from addons.plugins import config as configs
from addons.plugins import pages
from tests.plugins import making

UI = {"surfaces": ["oauth_providers"], "title": "Acme <& Co>", "icon": "Key", "default_width": 900}
FILES = {"dist/index.html": "<p>hello", "dist/app/main.js": "let x", "dist/style.css": "p {}", "secret.txt": "secret"}


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    root = tmp_path / "plugins"
    described = making.described(ui={**UI, "entry": "dist/index.html"})
    folder = making.write(root, json_=described, files=FILES, config={"settings": {"token": "hidden"}})
    (folder / "dist" / "out").symlink_to(folder / "secret.txt")
    (folder / "dist" / ".hidden").write_text("hidden")
    script = making.described("scripted", ui={"entry": "app/main.js", "styles": ["dist/style.css"], "title": '<b>"'})
    making.write(root, "scripted", json_=script, files=FILES)
    linked = making.write(root, "linked", json_=making.described("linked", ui={"entry": "passwd"}))
    (linked / "dist").symlink_to("/etc")
    making.write(root, "plain")
    return root


def test_pages_are_listed_as_a_ui_offers_them(plugins: Path) -> None:
    rows = {row["name"]: row for row in pages.listed(plugins)}
    assert set(rows) == {"acme", "scripted", "linked"}
    assert rows["acme"] == {
        "name": "acme",
        "title": "Acme <& Co>",
        "icon": "Key",
        "surfaces": ["oauth_providers"],
        "width": 900,
        "height": 0,
    }
    configs.write(plugins / "acme", configs.PluginConfig(enabled=False))
    assert "acme" not in {row["name"] for row in pages.listed(plugins)}
    assert pages.read(plugins, "acme", "") is None


def test_a_page_and_its_files_are_read(plugins: Path) -> None:
    page, script = pages.read(plugins, "acme", ""), pages.read(plugins, "acme", "app/main.js")
    assert page is not None and (page.content, page.type) == (b"<p>hello", "text/html; charset=utf-8")
    assert script is not None and script.type.startswith("text/javascript")


def test_a_script_gets_a_document_around_it(plugins: Path) -> None:
    page = pages.read(plugins, "scripted", "")
    assert page is not None
    assert b'src="app/main.js"' in page.content and b'href="style.css"' in page.content
    assert b"<title>&lt;b>&quot;</title>" in page.content


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("acme", "../secret.txt"),
        ("acme", "../config.json"),
        ("acme", "app/../../config.json"),
        ("acme", "/etc/passwd"),
        ("acme", "//etc/passwd"),
        ("acme", "..\\config.json"),
        ("acme", "app"),
        ("acme", "app/"),
        ("acme", "out"),
        ("acme", ".hidden"),
        ("acme", "index.html\0.png"),
        ("acme", "nothing"),
        ("linked", "passwd"),
        ("linked", ""),
        ("plain", ""),
        ("..", "plugins/acme/dist/index.html"),
        ("acme/dist", "index.html"),
        ("", "acme"),
        (".", "acme/dist/index.html"),
    ],
)
def test_nothing_else_is(plugins: Path, name: str, path: str) -> None:
    assert pages.read(plugins, name, path) is None


# -- over the network


@pytest.fixture
def app(plugins: Path) -> App:
    return application(plugins.parent / "audit.db", port=8001, token="the-token")


@pytest.fixture
async def stranger(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8001") as one:
        yield one


@pytest.fixture
async def visitor(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8001") as one:
        await one.get("/-/auth-token?token=the-token")
        yield one


@pytest.mark.parametrize(
    "path",
    [
        "/-/plugin-pages/",
        "/-/plugin-pages/acme/",
        "/-/plugin-files/acme/index.html",
        "/-/plugin-files//acme/index.html",
        "/-/plugin-files/x/acme/index.html",
    ],
)
async def test_without_the_login_there_are_no_pages(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 403


async def test_a_visitor_is_led_to_the_page_and_the_page_to_its_files(
    visitor: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    told = (await visitor.get("/-/plugin-pages/")).json()["pages"]
    assert next(row["url"] for row in told if row["name"] == "acme") == "/-/plugin-pages/acme/"
    page = await visitor.get("/-/plugin-pages/acme/", follow_redirects=True)
    assert page.text == "<p>hello"
    # a sandboxed page sends no cookie for its files
    script = await stranger.get(str(page.url.join("app/main.js")))
    assert (script.status_code, script.text) == (200, "let x")
    for answer in (page, script):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert policy.startswith("sandbox ") and "allow-same-origin" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "cross-origin-opener-policy" not in answer.headers, "no browser would show it"


@pytest.mark.parametrize(
    "path",
    [
        "../config.json",
        "%2e%2e/config.json",
        "..%2fconfig.json",
        "%2e%2e%2fconfig.json",
        "..%5cconfig.json",
        "%00",
        "out",
    ],
)
async def test_no_way_of_writing_a_path_leads_out(visitor: httpx.AsyncClient, path: str) -> None:
    page = await visitor.get("/-/plugin-pages/acme/", follow_redirects=True)
    url = httpx.URL(scheme="http", host="127.0.0.1", port=8001, raw_path=page.url.raw_path + path.encode())
    answer = await visitor.get(url)
    assert answer.status_code in (403, 404) and "hidden" not in answer.text


async def test_pages_answer_to_no_other_name_and_take_no_writing(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get("/-/plugin-pages/acme/", follow_redirects=True)
    assert (await visitor.get(page.url, headers={"host": "evil.example:8001"})).status_code == 421
    assert (await visitor.post(page.url)).status_code == 405


async def test_an_unknown_page_is_not_there_and_the_audit_still_is(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/-/plugin-pages/plain/")).status_code == 404
    assert (await visitor.get("/-/plugin-pages/%2e%2e/")).status_code == 404
    assert json.loads((await visitor.get("/-/versions.json")).text)["datasette"]
