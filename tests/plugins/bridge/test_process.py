"""A plugin's process: what it gets of us, how it is asked, and what becomes of it when it misbehaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from addons.audit.redact import Redactor
from addons.plugins.bridge.errors import CallTimeoutError, PluginDownError
from addons.plugins.bridge.rpc import RpcError
from tests.plugins.bridge.making import LIMITS, alive, hosting, make, session, state, until

pytestmark = pytest.mark.slow


async def test_it_is_started_when_it_is_first_asked_and_answers(tmp_path: Path) -> None:
    async with session(make(tmp_path, "good.py")) as plugin:
        assert plugin.supervisor.starts == 0
        answers = await asyncio.gather(*(plugin.supervisor.call("test.echo", {"n": n}, 10) for n in range(20)))
    assert answers == [{"n": n} for n in range(20)]
    assert plugin.supervisor.starts == 1


async def test_its_environment_has_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path))
    monkeypatch.setenv("SOME_API_KEY", "secret-of-another")
    made = make(tmp_path, "good.py")
    async with session(made) as plugin:
        told = await plugin.supervisor.call("test.environment", {}, 10)
    allowed = {"PATH", "HOME", "LANG", "TMPDIR", "PROXYCAST_PLUGIN_DATA"}
    assert set(told["environment"]) - {"PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"} <= allowed
    assert told["environment"]["PROXYCAST_PLUGIN_DATA"] == str(made.data)
    assert Path(told["folder"]) == made.folder
    assert made.data.stat().st_mode & 0o777 == 0o700


async def test_a_call_that_takes_too_long_is_given_up_and_the_next_one_served(tmp_path: Path) -> None:
    async with session(make(tmp_path, "good.py")) as plugin:
        await plugin.ready()
        with pytest.raises(CallTimeoutError):
            await plugin.supervisor.call("test.sleep", {"seconds": 0.3}, 0.05)
        assert await plugin.supervisor.call("test.echo", {"late": "answers are borne"}, 10)
    assert plugin.supervisor.starts == 1


async def test_an_unknown_method_is_its_refusal_not_its_end(tmp_path: Path) -> None:
    async with session(make(tmp_path, "good.py")) as plugin:
        with pytest.raises(RpcError) as caught:
            await plugin.supervisor.call("test.unheard", {}, 10)
        assert caught.value.code == -32601
        assert plugin.supervisor.running


async def test_after_an_end_it_rests_and_is_started_again(tmp_path: Path) -> None:
    async with session(make(tmp_path, "good.py")) as plugin:
        with pytest.raises(PluginDownError):
            await plugin.supervisor.call("test.exit", {"code": 7}, 10)
        assert plugin.supervisor.failures == 1
        with pytest.raises(PluginDownError, match="started again in"):
            await plugin.supervisor.call("test.echo", {}, 10)
        await until(lambda: not plugin.supervisor.resting)
        assert await plugin.supervisor.call("test.echo", {"n": 1}, 10) == {"n": 1}
    assert plugin.supervisor.starts == 2


#: How it behaves → what is said of it.
BAD = {
    "crash_at_start": "has ended",
    "crash_later": "has ended",
    "hang_at_start": "could not be made ready",
    "not_read": "does not read its input",
    "hang": "has left 3 calls in a row unanswered",
    "flood": "talks more than it may",
    "flood_of_requests": "talks more than it may|calls in a row unanswered|does not read its input",
    "flood_of_answers": "writes what is no JSON-RPC",
    "garbage": "writes what is no JSON-RPC",
    "wrong_ids": "writes what is no JSON-RPC",
    "huge_line": "a line is longer",
    "wrong_shape": "could not be made ready",
    "other_version": "could not be made ready",
}


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_program_is_ended_and_nothing_of_it_is_left(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosting(tmp_path, replace(LIMITS, ready=1.0, backoff=(60.0,)))
    async with session(make(tmp_path, "bad.py", how), host) as plugin:
        filler = {"filler": "x" * 200_000} if how == "not_read" else {}
        patience = 0.7 if how in ("hang", "not_read", "flood_of_requests") else 20

        async def torment() -> None:
            while not plugin.supervisor.resting:
                with pytest.raises((PluginDownError, CallTimeoutError, RpcError)):
                    while True:
                        await plugin.supervisor.call("test.anything", filler, patience)

        await asyncio.wait_for(torment(), 30)
        assert plugin.supervisor.failures == 1
        pid = plugin.supervisor.pid
        assert pid is not None
        await until(lambda: not alive(pid))
        with pytest.raises(PluginDownError):
            await plugin.supervisor.call("test.anything", {}, 1)
    assert any(words in caplog.text for words in BAD[how].split("|"))
    assert plugin.supervisor.starts == 1


async def test_a_flood_to_its_log_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with session(make(tmp_path, "bad.py", "flood_stderr")) as plugin:
        for _ in range(50):
            assert await plugin.supervisor.call("test.anything", {}, 10) == {"still": "here"}
    shown = [record.getMessage() for record in caplog.records if record.name == "proxycast.plugins"]
    assert 1 <= len(shown) <= 100
    assert max(map(len, shown)) < 600


async def test_its_last_words_are_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with session(make(tmp_path, "bad.py", "complain_and_crash")) as plugin:
        with pytest.raises(PluginDownError):
            await plugin.supervisor.call("test.anything", {}, 10)
        await until(lambda: "RuntimeError: this is what went wrong" in caplog.text)


async def test_secrets_do_not_reach_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    host = hosting(tmp_path)
    host.redact = Redactor(["the-secret-of-a-credential"]).text
    async with session(make(tmp_path, "good.py"), host) as plugin:
        text = "x" * 480 + " the-secret-of-a-credential \x1b[2J"  # where the line is cut
        await plugin.supervisor.call("test.say", {"text": text}, 10)
        await plugin.supervisor.call("test.say", {"text": "and then"}, 10)
        await until(lambda: "and then" in caplog.text)
    shown = next(r.getMessage() for r in caplog.records if "xxx" in r.getMessage())
    assert "the-secret" not in shown and "[redacted:" in shown
    assert shown.isprintable()


async def test_one_that_ignores_every_request_to_end_is_killed(tmp_path: Path) -> None:
    async with session(make(tmp_path, "bad.py", "ignore_shutdown")) as plugin:
        pid = (await plugin.supervisor.call("test.anything", {}, 10))["pid"]
        assert alive(pid)
    await until(lambda: not alive(pid))


async def test_its_children_end_with_it(tmp_path: Path) -> None:
    async with session(make(tmp_path, "bad.py", "fork_children")) as plugin:
        child = (await plugin.supervisor.call("test.anything", {}, 10))["child"]
        assert alive(child)
    await until(lambda: not alive(child))


async def test_what_it_does_not_read_does_not_pile_up_here(tmp_path: Path) -> None:
    async with session(make(tmp_path, "bad.py", "not_read")) as plugin:
        await plugin.ready()
        connection = plugin.supervisor.running
        assert connection is not None
        calls = [
            asyncio.create_task(plugin.supervisor.call("test.anything", {"x": "x" * 500_000}, 60)) for _ in range(200)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        messages, size = connection.waiting
        assert messages <= plugin.supervisor.limits.waiting
        assert size <= plugin.supervisor.limits.waiting_bytes
        refused = [call for call in calls if call.done()]
        assert len(refused) >= 200 - plugin.supervisor.limits.waiting - 2
        assert all(isinstance(call.exception(), PluginDownError) for call in refused)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_what_it_says_too_fast_stays_in_its_pipe(tmp_path: Path) -> None:
    """One that floods is read at its pace, so that the pipe fills and it has to wait; we hold next to nothing."""
    host = hosting(tmp_path, replace(LIMITS, messages=20.0, burst=20, overrun=1e9))
    heard: list[str] = []
    async with session(make(tmp_path, "bad.py", "flood"), host) as plugin:
        host.bus.on("owner", "test", "plugin.*", lambda topic, _: heard.append(topic))
        await plugin.ready()
        await until(lambda: len(heard) >= 20)
        pid = plugin.supervisor.pid
        assert pid is not None
        await until(lambda: state(pid) == "S")  # its pipe is full
    assert len(heard) < 2000


async def test_nothing_is_started_after_the_end(tmp_path: Path) -> None:
    async with session(make(tmp_path, "good.py")) as plugin:
        pass
    with pytest.raises(PluginDownError):
        await plugin.supervisor.call("test.echo", {}, 1)
    assert plugin.supervisor.starts == 0


def test_a_program_does_not_outlive_a_gateway_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves nobody to clean up: the lifeline does."""
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.plugins.bridge.making import make, session\n"
        "async def main():\n"
        "    async with session(make(Path(sys.argv[1]), 'bad.py', 'ignore_shutdown')) as plugin:\n"
        "        print((await plugin.supervisor.call('test.anything', {}, 10))['pid'], flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[3]
    gateway = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=root, stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    pid = int(gateway.stdout.readline())
    assert alive(pid)
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.wait()
    gateway.stdout.close()
    deadline = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
