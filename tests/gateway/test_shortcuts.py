"""Shortcuts past mitmproxy's insides do what it does, and are not taken where it works otherwise than we know."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.http import Headers, HTTPFlow, MessageData, Response
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons, tflow

from addons.gateway.mitm import shortcuts
from addons.gateway.mitm.hookcache import HookCache
from addons.gateway.mitm.lean import Lean

# -- what this mitmproxy is


def test_this_mitmproxy_is_as_we_know_it() -> None:
    assert shortcuts.only_checks_types(MessageData)
    assert shortcuts.calls_hooks_plainly(AddonManager)
    assert shortcuts.pauses_for_hooks()


# -- what another would be


class NoCheck:
    pass


class ChecksMore:
    def __post_init__(self) -> None:
        self.normalised = True


@pytest.mark.parametrize("message", [NoCheck, ChecksMore])
def test_messages_that_do_something_else_when_made_keep_it(message: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shortcuts.only_checks_types(message)
    monkeypatch.setattr("addons.gateway.mitm.lean.MessageData", message)
    before = dict(vars(message))
    Lean().load(None)
    assert dict(vars(message)) == before


def test_messages_are_made_without_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MessageData, "__post_init__", MessageData.__post_init__)  # to be put back
    with pytest.raises(TypeError):
        Response(b"HTTP/1.1", "200", b"OK", Headers(), b"", None, 0.0, 0.0)  # type: ignore[arg-type]
    Lean().load(None)
    assert Response(b"HTTP/1.1", "200", b"OK", Headers(), b"", None, 0.0, 0.0).data.status_code == "200"  # type: ignore[arg-type]


def test_what_start_up_made_is_not_looked_through_again() -> None:
    made = [[]]  # something that the collector follows
    try:
        Lean().running()
        assert not any(one is made for one in gc.get_objects())
        later = [[]]
        assert any(one is later for one in gc.get_objects())
    finally:
        gc.unfreeze()


class TellsMore(AddonManager):
    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        await super().handle_lifecycle(event)
        self.told = event


class FindsElsewhere(AddonManager):
    _iter_hooks = None


@pytest.mark.parametrize("manager", [TellsMore, FindsElsewhere])
def test_a_manager_that_calls_hooks_otherwise_is_left_alone(manager: type[AddonManager]) -> None:
    with taddons.context(loadcore=False) as context:
        context.master.addons = made = manager(context.master)
        HookCache().load(None)  # type: ignore[arg-type]
        assert "trigger_event" not in vars(made)
        assert "handle_lifecycle" not in vars(made)


Handled = Generator[commands.Command, Any, None]


class Talkative(layer.Layer):
    """Says something more when it is paused."""

    def handle_event(self, event: events.Event) -> Handled:
        yield from super().handle_event(event)
        if self._paused:
            yield commands.Log("paused")


class Restless(layer.Layer):
    """Does not wait for hooks."""

    def handle_event(self, event: events.Event) -> Handled:
        yield from self._handle_event(event)


class Forgetful(layer.Layer):
    """Goes on from the beginning."""

    def handle_event(self, event: events.Event) -> Handled:
        self._paused = None
        yield from super().handle_event(event)


class Broken(layer.Layer):
    def handle_event(self, event: events.Event) -> Handled:
        raise NotImplementedError
        yield


@pytest.mark.parametrize("base", [Talkative, Restless, Forgetful, Broken])
def test_hooks_are_not_run_at_once_in_layers_that_wait_otherwise(base: type[layer.Layer]) -> None:
    assert not shortcuts.pauses_for_hooks(base)


# -- that hooks are called in the same way


Call = tuple[str, str]


class Noting:
    """Notes its calls; `fault` is raised by its `request`."""

    def __init__(
        self, name: str, calls: list[Call], fault: Exception | None = None, inner: tuple[Any, ...] = ()
    ) -> None:
        self.name, self._calls, self._fault, self.addons = name, calls, fault, inner

    def request(self, _: HTTPFlow) -> None:
        self._calls.append((self.name, "request"))
        if self._fault is not None:
            raise self._fault

    def update(self, flows: list[HTTPFlow]) -> None:
        self._calls.append((self.name, f"update {len(flows)}"))


class Waiting(Noting):
    async def request(self, flow: HTTPFlow) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().request(flow)


@dataclass
class Scene:
    manager: AddonManager
    calls: list[Call]

    def add(self, name: str, make: Callable[..., Noting] = Noting, **more: Any) -> Noting:
        made = make(name, self.calls, **more)
        self.manager.add(made)
        return made

    async def ask(self) -> list[Call]:
        self.calls.clear()
        await self.manager.handle_lifecycle(HttpRequestHook(tflow.tflow()))
        return list(self.calls)


@pytest.fixture(params=["mitmproxy's own way", "cached"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with taddons.context(loadcore=False) as context:
        if request.param == "cached":
            context.master.addons.add(HookCache())
        assert ("trigger_event" in vars(context.master.addons)) == (request.param == "cached")
        yield Scene(context.master.addons, [])


def requests(calls: list[Call]) -> list[str]:
    return [name for name, what in calls if what == "request"]


async def test_addons_hear_in_their_order_and_then_of_the_update(scene: Scene) -> None:
    scene.add("a")
    scene.add("b", Waiting)
    scene.add("c")
    heard = [("a", "request"), ("b", "request"), ("c", "request")]
    assert await scene.ask() == [*heard, ("a", "update 1"), ("b", "update 1"), ("c", "update 1")]


async def test_an_error_ends_its_own_addon_with_those_inside_it_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    inner = (Noting("inner", scene.calls),)
    scene.add("a", fault=ValueError("mine"), inner=inner)
    scene.add("b")
    assert requests(await scene.ask()) == ["a", "b"]
    assert "Addon error: mine" in caplog.text


async def test_a_halt_ends_the_event(scene: Scene) -> None:
    scene.add("a", fault=exceptions.AddonHalt())
    scene.add("b")
    assert requests(await scene.ask()) == ["a"]


async def test_addons_that_come_and_go_are_noticed(scene: Scene) -> None:
    first = scene.add("a")
    assert requests(await scene.ask()) == ["a"]
    scene.add("b")
    assert requests(await scene.ask()) == ["a", "b"]
    scene.manager.remove(first)
    assert requests(await scene.ask()) == ["b"]
