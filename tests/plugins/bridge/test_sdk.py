"""What the host does for plugins: only what was granted, only on their own, within limits."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from addons.config.home import Home
from addons.plugins.bridge import database, rpc, sdk, web
from addons.plugins.bridge.hosting import Hosting, Notices
from addons.plugins.bridge.rpc import RpcError
from addons.plugins.bridge.sdk import SERVICES, Sdk
from addons.pool.standing_store import StandingStore
from addons.vault.credential import Credential
from tests.flow import upstream as up
from tests.flow.upstream import Upstream
from tests.plugins.bridge.making import hosting, make, session

EVERYTHING = ("database:read", "database:write", "http:request", "crypto:encrypt")


def services(home: Path, *granted: str, host: Hosting | None = None, name: str = "fixture") -> Sdk:
    plugin = make(home, "good.py", name=name, config={"permissions": list(granted)})
    return Sdk(plugin, host or hosting(home), lambda topic, data: None, {})


async def refused(made: Sdk, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await made.serve(method, params)
    return caught.value


# -- permissions

PARAMS: dict[str, dict[str, Any]] = {
    "database.query": {"sql": "SELECT 1"},
    "database.execute": {"sql": "CREATE TABLE t (x)"},
    "http.request": {"url": "https://service.example/"},
    "crypto.encrypt": {"text": "secret"},
    "crypto.decrypt": {"sealed": "secret"},
}


@pytest.mark.parametrize("method", PARAMS)
async def test_what_was_not_granted_is_refused(tmp_path: Path, method: str) -> None:
    others = [permission for permission in EVERYTHING if permission != SERVICES[method]]
    error = await refused(services(tmp_path, *others), method, **PARAMS[method])
    assert error.code == rpc.PERMISSION_DENIED
    assert SERVICES[method] in error.message


async def test_a_grant_that_the_plugin_never_asked_for_is_none(tmp_path: Path) -> None:
    plugin = make(tmp_path, "good.py", config={"permissions": list(EVERYTHING)}, permissions=["database:read"])
    made = Sdk(plugin, hosting(tmp_path), lambda topic, data: None, {})
    assert (await refused(made, "http.request", **PARAMS["http.request"])).code == rpc.PERMISSION_DENIED
    assert (await made.serve("database.query", PARAMS["database.query"]))["rows"] == [[1]]


async def test_an_unknown_service_is_said_to_be_unknown(tmp_path: Path) -> None:
    assert (await refused(services(tmp_path), "files.read", path="/etc/passwd")).code == rpc.METHOD_NOT_FOUND


@pytest.mark.slow
async def test_a_running_plugin_is_answered(tmp_path: Path) -> None:
    plugin = make(tmp_path, "good.py", config={"permissions": ["database:read"]})
    async with session(plugin) as running:
        asked = {"method": "database.query", "params": {"sql": "SELECT 1 + 1 AS two"}}
        told = await running.supervisor.call("test.ask", asked, 10)
        assert told["result"] == {"columns": ["two"], "rows": [[2]], "truncated": False}
        denied = await running.supervisor.call("test.ask", {**asked, "method": "database.execute"}, 10)
        assert denied["error"]["code"] == rpc.PERMISSION_DENIED


# -- database


@pytest.fixture
async def rows(tmp_path: Path) -> Sdk:
    made = services(tmp_path, *EVERYTHING)
    await made.serve("database.execute", {"sql": "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB)"})
    return made


async def test_rows_come_back_as_they_were_written(rows: Sdk, tmp_path: Path) -> None:
    insert = "INSERT INTO t (name, data) VALUES (?, ?)"
    told = await rows.serve("database.execute", {"sql": insert, "params": ["grüße", {"base64": "AAEC"}]})
    assert told == {"changes": 1, "last_id": 1}
    told = await rows.serve("database.query", {"sql": "SELECT name, data FROM t WHERE id = :id", "params": {"id": 1}})
    assert told == {"columns": ["name", "data"], "rows": [["grüße", {"base64": "AAEC"}]], "truncated": False}
    assert (tmp_path / "plugins" / "fixture" / "data" / database.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "DETACH DATABASE main",
        "PRAGMA journal_mode=OFF",
        "PRAGMA max_page_count=1000000000",
        "PRAGMA writable_schema=ON",
        "VACUUM INTO '/tmp/copy.db'",
        "SELECT load_extension('/tmp/evil')",
        "BEGIN",
        "CREATE VIRTUAL TABLE v USING fts5(x)",
        "UPDATE sqlite_master SET sql = ''",
        "SELECT 1; SELECT 2",
        "SELECT zeroblob(1000000000)",
        "not SQL at all",
    ],
)
async def test_statements_that_reach_out_of_the_file_are_refused(rows: Sdk, sql: str) -> None:
    assert (await refused(rows, "database.execute", sql=sql)).code == rpc.FAILED


@pytest.mark.parametrize(
    "sql", ["INSERT INTO t (name) VALUES ('x')", "DROP TABLE t", "CREATE TABLE u (x)", "DELETE FROM t"]
)
async def test_a_query_does_not_write(rows: Sdk, sql: str) -> None:
    assert (await refused(rows, "database.query", sql=sql)).code == rpc.FAILED
    await rows.serve("database.query", {"sql": "SELECT * FROM t"})


async def test_a_statement_without_end_is_ended(tmp_path: Path) -> None:
    endless = database.Database(tmp_path, seconds=0.05)
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(database.DatabaseError, match="too long"):
        await endless.query(sql, None)
    assert (await endless.query("SELECT 1", None))["rows"] == [[1]]


async def test_an_answer_has_an_end(rows: Sdk) -> None:
    sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT x FROM n"
    told = await rows.serve("database.query", {"sql": sql})
    assert (len(told["rows"]), told["truncated"]) == (database.ROWS, True)


async def test_plugins_do_not_see_each_others_rows(tmp_path: Path) -> None:
    mine, theirs = (services(tmp_path, *EVERYTHING, name=name) for name in ("mine", "theirs"))
    await mine.serve("database.execute", {"sql": "CREATE TABLE t (x)"})
    assert (await refused(theirs, "database.query", sql="SELECT * FROM t")).code == rpc.FAILED


@pytest.mark.parametrize(
    "params", [{"sql": 1}, {"sql": ""}, {}, {"sql": "SELECT ?", "params": "x"}, {"sql": "SELECT ?", "params": [[1]]}]
)
async def test_parameters_of_the_wrong_kind_are_said_to_be_wrong(rows: Sdk, params: dict[str, Any]) -> None:
    assert (await refused(rows, "database.query", **params)).code in (rpc.INVALID_PARAMS, rpc.FAILED)


# -- http


async def test_a_request_is_sent_as_it_was_asked_for(tmp_path: Path) -> None:
    service = Upstream(up.answer(201, "grüße".encode(), "text/plain", set_cookie="a=b", x_own="1"))
    made = services(tmp_path, "http:request")
    asked = {"method": "PUT", "url": service.url + "/x", "headers": {"x-mine": "1"}, "body": {"a": 1}}
    for _ in range(2):
        told = await made.serve("http.request", asked)
    service.close()
    assert (told["status"], told["body_text"], dict(told["headers"])["x-own"]) == (201, "grüße", "1")
    first, second = service.requests
    assert (first.method, first.path, first.body) == ("PUT", "/x", b'{"a":1}')
    assert set(second.headers) == {"host", "x-mine", "content-length"}  # no cookie, nothing of ours


async def test_a_redirect_is_shown_and_not_followed(tmp_path: Path) -> None:
    service = Upstream(up.answer(302, b"", location="https://elsewhere.example/"))
    told = await services(tmp_path, "http:request").serve("http.request", {"url": service.url})
    service.close()
    assert (told["status"], dict(told["headers"])["location"]) == (302, "https://elsewhere.example/")


@pytest.mark.parametrize(
    "url",
    ["http://service.example/", "file:///etc/passwd", "ftp://localhost/", "nowhere", "http://127.0.0.1.evil.example/"],
)
async def test_nothing_is_sent_to_where_a_secret_may_not_go(tmp_path: Path, url: str) -> None:
    error = await refused(services(tmp_path, "http:request"), "http.request", url=url)
    assert (error.code, error.message) == (rpc.FAILED, "only https, or http on this machine")


async def test_an_answer_that_is_too_long_or_too_late_is_none(tmp_path: Path) -> None:
    made = services(tmp_path, "http:request")
    long = Upstream(up.answer(200, b"x" * (web.LARGEST + 1)))
    late = Upstream(up.silence)
    assert "longer than" in (await refused(made, "http.request", url=long.url)).message
    assert "too long" in (await refused(made, "http.request", url=late.url, timeout=0.1)).message
    long.close()
    late.close()


async def test_the_proxy_of_a_credential_is_used_where_the_plugin_was_given_that_credential(tmp_path: Path) -> None:
    proxy = Upstream(up.answer(200, b"by proxy"))
    plugin = make(tmp_path, "good.py", config={"permissions": ["http:request"]})
    given = {"mine": Credential("mine", "fixture", "", {"proxy_url": proxy.url})}
    made = Sdk(plugin, hosting(tmp_path), lambda topic, data: None, given)
    told = await made.serve("http.request", {"url": "http://localhost:9/x", "credential": "mine"})
    assert told["body_text"] == "by proxy"
    assert proxy.requests[0].path == "http://localhost:9/x"
    proxy.close()
    assert (
        await refused(made, "http.request", url="http://localhost:9/", credential="other")
    ).code == rpc.INVALID_PARAMS


# -- crypto


async def test_what_is_sealed_is_opened_by_the_same_plugin_alone(tmp_path: Path) -> None:
    host = hosting(tmp_path)
    mine, theirs = (services(tmp_path, "crypto:encrypt", host=host, name=name) for name in ("mine", "theirs"))
    sealed = (await mine.serve("crypto.encrypt", {"text": "a secret, grüße"}))["sealed"]
    assert "secret" not in sealed
    assert await mine.serve("crypto.decrypt", {"sealed": sealed}) == {"text": "a secret, grüße"}
    assert (await refused(theirs, "crypto.decrypt", sealed=sealed)).code == rpc.FAILED
    again = services(tmp_path, "crypto:encrypt", host=hosting(tmp_path), name="mine")
    assert await again.serve("crypto.decrypt", {"sealed": sealed}) == {"text": "a secret, grüße"}


async def test_a_plugins_key_opens_no_credential(tmp_path: Path) -> None:
    host = hosting(tmp_path)
    host.state().add_credential(Credential("mine", "anthropic", "the secret of a credential"))
    database = sqlite3.connect(tmp_path / "state.db")
    (stolen,) = database.execute("SELECT secret FROM credentials").fetchone()
    database.close()
    made = services(tmp_path, "crypto:encrypt", host=host)
    assert (await refused(made, "crypto.decrypt", sealed=stolen.decode())).code == rpc.FAILED


# -- notices and events


async def test_a_notice_reaches_the_user_without_secrets(tmp_path: Path) -> None:
    host = hosting(tmp_path)
    host.state()
    host.redact = lambda text: text.replace("the-token", "[redacted]")
    host.tell = Notices(tmp_path / "state.db").tell
    await services(tmp_path, host=host).serve("notify.error", {"message": "the-token\x1b[31m is over"})
    (notice,) = StandingStore(Home(tmp_path).state).notices()
    assert notice.text == "plugin fixture: [redacted] [31m is over"


async def test_notices_have_an_end(tmp_path: Path) -> None:
    made = services(tmp_path)
    for _ in range(sdk.NOTICES_AT_ONCE):
        await made.serve("notify.info", {"message": "again"})
    assert (await refused(made, "notify.info", message="again")).code == rpc.LIMIT_REACHED


async def test_events_reach_those_who_asked_for_them(tmp_path: Path) -> None:
    host = hosting(tmp_path)
    heard: list[tuple[str, Any]] = []
    plugin = make(tmp_path, "good.py", name="listener")
    listener = Sdk(plugin, host, lambda topic, data: heard.append((topic, data)), {})
    speaker = services(tmp_path, host=host, name="speaker")
    await listener.serve("events.on", {"topic": "plugin.speaker.*"})
    assert await speaker.serve("events.emit", {"topic": "ready", "data": {"n": 1}}) == {"told": 1}
    await listener.close()
    assert await speaker.serve("events.emit", {"topic": "ready"}) == {"told": 0}
    assert heard == [("plugin.speaker.ready", {"n": 1})]


async def test_events_have_an_end(tmp_path: Path) -> None:
    made = services(tmp_path)
    for _ in range(sdk.EVENTS_AT_ONCE):
        await made.serve("events.emit", {"topic": "t"})
    assert (await refused(made, "events.emit", topic="t")).code == rpc.LIMIT_REACHED
    assert (await refused(made, "events.emit", topic="t", data={"x": "x" * 70_000})).code == rpc.INVALID_PARAMS


@pytest.mark.slow
async def test_a_running_plugin_is_told_of_events(tmp_path: Path) -> None:
    plugin = make(tmp_path, "provider.py")
    host = hosting(tmp_path)
    async with session(plugin, host) as running:
        await running.ready()
        host.bus.on(running, "fixture", "exchange.*", running._deliver)
        assert host.bus.emit("exchange.finished", {"status": 200}, only="fixture") == 1
        told = await running.supervisor.call("test.seen", {}, 10)
    assert told["seen"] == [["event", {"topic": "exchange.finished", "data": {"status": 200}}]]


async def test_services_are_at_hand_for_many_at_once(tmp_path: Path) -> None:
    made = services(tmp_path, *EVERYTHING)
    told = await asyncio.gather(*(made.serve("database.query", {"sql": f"SELECT {n}"}) for n in range(50)))
    assert [one["rows"][0][0] for one in told] == list(range(50))
