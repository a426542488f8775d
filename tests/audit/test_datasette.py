"""Datasette over the audit: nothing without the login link, no other host name, no hostile text as HTML."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from addons.audit.datasette.guard import App
from addons.audit.datasette.metadata import metadata
from addons.audit.datasette.serve import application
from addons.audit.settings import AuditSettings
from addons.audit.store import Store
from tests.audit.records import message, record

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

PORT = 8001
BASE = f"http://127.0.0.1:{PORT}"
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'

PAGES = [
    "/",
    "/.json",
    "/audit",
    "/audit.json",
    "/audit.db",
    "/audit?sql=select+1",
    "/audit.json?sql=select+*+from+exchanges",
    "/audit/exchanges",
    "/audit/exchanges.json",
    "/audit/exchanges.csv?_stream=1",
    "/audit/exchanges/1",
    "/audit/v_exchanges",
    "/audit/bodies?exchange=1",
    "/audit/search?words=x",
    "/_internal",
    "/_memory",
    "/-/versions.json",
    "/-/settings.json",
    "/-/metadata.json",
    "/-/databases.json",
    "/-/plugins.json",
    "/-/actor.json",
    "/-/permissions",
    "/-/allow-debug",
    "/-/patterns",
    "/nothing-here",
    "/-/static/../../audit.json",
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """Three exchanges, one of them hostile."""
    db = tmp_path_factory.mktemp("pages") / "audit.db"
    store = Store(db, AuditSettings())
    store.write(
        [
            record("good", answer=message("the okapi answered")),
            record("evil", answer=message(HOSTILE), client=HOSTILE, error=HOSTILE, status=200, conversation=HOSTILE),
            record("bad", status=500, error_kind="server", error="broken"),
        ],
        60,
    )
    store.close()
    return application(db, port=PORT, token="the-token")


def browse(app: App, cookies: dict[str, str] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE, cookies=cookies)


@pytest.fixture
async def browser(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(app) as one:
        yield one


@pytest.fixture
async def visitor(browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser that has opened the login link."""
    answer = await browser.get("/-/auth-token?token=the-token")
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    return browser


@pytest.mark.parametrize("page", PAGES)
async def test_nothing_is_readable_without_the_login_link(browser: httpx.AsyncClient, page: str) -> None:
    answer = await browser.get(page)
    assert answer.status_code == 403
    assert "exchange" not in answer.text


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=wrong", "?token=the-toke", "?token=the-token2", "?x=the-token"]
)
async def test_a_wrong_token_opens_nothing(browser: httpx.AsyncClient, query: str) -> None:
    answer = await browser.get(f"/-/auth-token{query}")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert (await browser.get("/audit.json")).status_code == 403


@pytest.mark.parametrize(
    "cookie", ["", "x", "eyJhIjp7ImlkIjoicm9vdCJ9fQ.AAAA", '{"a":{"id":"root"}}', '"', "a" * 5_000]
)
async def test_a_forged_cookie_opens_nothing(browser: httpx.AsyncClient, cookie: str) -> None:
    answer = await browser.get("/audit.json", headers={"cookie": f"ds_actor={cookie}"})
    assert answer.status_code == 403


async def test_the_login_link_of_an_earlier_run_opens_nothing(visitor: httpx.AsyncClient, db: Path) -> None:
    later_run = application(db, port=PORT, token="another")
    async with browse(later_run, {"ds_actor": visitor.cookies["ds_actor"]}) as later:
        assert (await later.get("/audit.json")).status_code == 403
        assert (await later.get("/-/auth-token?token=the-token")).status_code == 403


async def test_the_login_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/-/auth-token?token=the-token")
    assert {"HttpOnly", "SameSite=Lax"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:8002",
        f"localhost.evil:{PORT}",
        f"0.0.0.0:{PORT}",
        "",
    ],
)
async def test_another_host_name_is_refused_also_with_the_cookie(visitor: httpx.AsyncClient, host: str) -> None:
    assert (await visitor.get("/audit.json", headers={"host": host})).status_code == 421


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
async def test_the_names_of_this_machine_are_answered(visitor: httpx.AsyncClient, host: str) -> None:
    cookie = f"ds_actor={visitor.cookies['ds_actor']}"
    assert (await visitor.get("/audit.json", headers={"host": host, "cookie": cookie})).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_nothing_can_be_written(visitor: httpx.AsyncClient, method: str) -> None:
    assert (await visitor.request(method, "/audit/exchanges")).status_code == 405


async def test_the_file_itself_cannot_be_fetched(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/audit.db")).status_code == 403


@pytest.mark.parametrize("sql", ["delete from exchanges", "attach 'x' as y", "pragma writable_schema=1", "vacuum"])
async def test_sql_can_only_read(visitor: httpx.AsyncClient, sql: str) -> None:
    answer = await visitor.get("/audit.json", params={"sql": sql, "_shape": "array"})
    assert answer.status_code == 400
    assert len((await visitor.get("/audit/exchanges.json?_shape=array")).json()) == 3


async def test_endless_sql_is_stopped(visitor: httpx.AsyncClient) -> None:
    sql = "with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c"
    assert (await visitor.get("/audit.json", params={"sql": sql})).status_code == 400


TABLES = metadata("audit")["databases"]["audit"]["tables"]
QUERIES = metadata("audit")["databases"]["audit"]["queries"]


@pytest.mark.parametrize("table", TABLES)
async def test_every_table_and_view_has_a_page(visitor: httpx.AsyncClient, table: str) -> None:
    answer = await visitor.get(f"/audit/{table}")
    assert answer.status_code == 200
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("query", QUERIES)
async def test_every_canned_query_runs(visitor: httpx.AsyncClient, query: str) -> None:
    values = dict.fromkeys(re.findall(r":(\w+)", QUERIES[query]["sql"]), "1")
    answer = await visitor.get(f"/audit/{query}.json", params={"_shape": "objects", **values})
    assert answer.status_code == 200
    assert answer.json()["error"] is None


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("today_by_model", {"served_model": "claude-sonnet-4-5", "exchanges": 3, "errors": 1}),
        ("today_by_client", {"client": "claude-code", "exchanges": 2}),
        ("errors", {"status": 500, "error": "broken"}),
        ("slowest", {"duration_s": 1.0}),
        ("cost_by_day", {"exchanges": 3, "cost_unknown": 0}),
        ("conversation?conversation=conv", {"role": "user", "text": "hello"}),
        ("search?words=okapi", {"role": "assistant", "found": "the [okapi] answered"}),
        ("bodies?exchange=1", {"side": "client_request", "truncated": 0}),
    ],
)
async def test_canned_queries_answer_their_question(
    visitor: httpx.AsyncClient, page: str, expected: dict[str, object]
) -> None:
    name, _, query = page.partition("?")
    rows = (await visitor.get(f"/audit/{name}.json?_shape=array&{query}")).json()
    assert expected.items() <= rows[0].items()


async def test_a_body_is_shown_as_it_was(visitor: httpx.AsyncClient) -> None:
    rows = (await visitor.get("/audit/bodies.json?_shape=array&exchange=1")).json()
    bodies = {row["side"]: row["body"] for row in rows}
    assert bodies["client_request"] == record().client_request.body.decode()
    assert bodies["delivered"] == message("the okapi answered").decode()
    assert rows[0]["headers"] == '[["content-type","application/json"]]'


@pytest.mark.parametrize(
    "page",
    ["exchanges", "exchanges/2", "v_exchanges", "messages", "v_errors", "v_conversation", "v_conversations",
     "today_by_client", "bodies?exchange=2", "search?words=script", "exchanges?_facet=client",
     f"conversation?conversation={HOSTILE}", f"exchanges?client={HOSTILE}"],
)  # fmt: skip
async def test_what_a_model_or_client_wrote_is_never_html(visitor: httpx.AsyncClient, page: str) -> None:
    answer = await visitor.get(f"/audit/{page}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


async def test_pages_carry_a_content_policy_that_lets_nothing_out(visitor: httpx.AsyncClient) -> None:
    headers = (await visitor.get("/audit")).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "http" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.fixture
def served(db: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the login link it printed."""
    command = [sys.executable, "-m", "addons.audit.datasette.serve", "--db", str(db), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, line.removeprefix("datasette: ").strip()
    process.kill()
    process.communicate()


def test_it_runs_over_a_database_that_does_not_exist_yet(served: tuple[subprocess.Popen[str], str], db: Path) -> None:
    process, link = served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/-/auth-token\?token=[\w-]{40,}", link)
    assert db.stat().st_mode & 0o777 == 0o600
    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(link.partition("/-/")[0]).status_code == 403
        assert "ProxyCast audit" in browser.get(link).text
        Store(db, AuditSettings()).write([record()], 60)
        base = link.partition("/-/")[0]
        assert browser.get(f"{base}/audit/exchanges.json?_shape=array").json()[0]["id"] == "one"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "token" not in errors
    assert "Traceback" not in errors


def test_a_port_in_use_is_one_clear_line(served: tuple[subprocess.Popen[str], str], db: Path) -> None:
    port = re.findall(r":(\d+)/", served[1])[0]
    command = [sys.executable, "-m", "addons.audit.datasette.serve", "--db", str(db), "--port", port]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
