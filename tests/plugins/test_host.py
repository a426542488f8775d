"""The host: three ways in, faults that stay where they are, and changes while it runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest

from addons.plugins import config as configs
from addons.plugins.folder import Plugin
from addons.plugins.host import Loaded, PluginHost, Status
from addons.providers.api import Call, Operation, Provider, UnavailableError, Upstream
from addons.providers.listening import Listening
from addons.providers.registry import Registry, UnknownProviderError, built_in
from addons.vault.credential import Credential
from translators import registry as protocols
from translators.canonical.errors import ErrorInfo, ErrorKind

from . import making

SECRET = Credential("mine", "acme", "s")
CALL = Call(Operation.GENERATE, "openai_chat", "acme-1", False, b"{}")


@pytest.fixture
def registry() -> Registry:
    return built_in()


@pytest.fixture
def host(tmp_path: Path, registry: Registry) -> PluginHost:
    return PluginHost(tmp_path, registry, points=list)


def at(host: PluginHost, name: str = "acme") -> Loaded:
    found = host.get(name)
    assert found is not None
    return found


def marks(registry: Registry) -> str | None:
    """What the plugin's code puts on its requests."""
    upstream = registry.get("acme").build(CALL, SECRET)
    return dict(upstream.headers).get("x-acme")


def follow(host: PluginHost) -> list[str]:
    return host.apply(host.look(settle=0))


# -- ways in


def test_a_folder_with_a_manifest_alone_is_a_provider(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    making.write(tmp_path)
    assert host.load() == ["the plugin acme 1.0.0 is active"]
    provider = registry.get("acme")
    assert provider.serves("acme-1", SECRET) and not provider.serves("gpt-5.5", SECRET)
    assert provider.build(CALL, SECRET).url == "https://api.acme.example/v1/chat/completions"


def test_a_provider_block_in_plugin_json_is_enough(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    block = {"id": "acme", "target_protocol": "anthropic", "base_url": "https://acme.example"}
    making.write(tmp_path, manifest=None, json_=making.described(provider=block))
    host.load()
    assert registry.get("acme").manifest.protocols == ("anthropic",)


@pytest.mark.parametrize(
    ("entry", "rename"),
    [
        ("", {}),
        ("main.py", {"__init__.py": "main.py"}),
        ("pack", {n: f"pack/{n}" for n in ("__init__.py", "marks.py")}),
    ],
)
def test_python_code_runs_in_process_and_imports_what_lies_beside_it(
    tmp_path: Path, host: PluginHost, registry: Registry, entry: str, rename: dict[str, str]
) -> None:
    files = {rename.get(name, name): text for name, text in making.with_code("here").items()}
    making.write(tmp_path, json_=making.described(entry=entry), files=files)
    host.load()
    assert marks(registry) == "here"
    assert not list(tmp_path.rglob("__pycache__")), "a cache could outlive what it was made of"


def test_create_is_given_the_plugin_when_it_asks_for_it(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    code = """
from addons.providers.api import Provider
class Acme(Provider):
    def __init__(self, manifest, plugin):
        super().__init__(manifest)
        self.greeting = plugin.config.settings["greeting"]
create = Acme
"""
    making.write(tmp_path, files={"__init__.py": code}, config={"settings": {"greeting": "hello"}})
    host.load()
    assert registry.get("acme").greeting == "hello"  # type: ignore[attr-defined]


def test_an_entry_point_gives_a_module_or_a_factory(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.write(tmp_path / "site", "acme_package", id="acme", files=making.with_code("packaged"))
    making.write(tmp_path / "site", "other_package", id="other", files=making.with_code("made"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    points = [
        EntryPoint("acme", "acme_package", "proxycast.providers"),
        EntryPoint("other", "other_package:create", "proxycast.providers"),
        EntryPoint("broken", "no_such_module", "proxycast.providers"),
        EntryPoint("odd", "os:sep", "proxycast.providers"),
    ]
    plugins = tmp_path / "plugins"
    host = PluginHost(plugins, registry, points=lambda: points)
    host.load()
    assert marks(registry) == "packaged"
    assert registry.get("other").manifest.name == "Acme AI"
    assert {one.name: one.status for one in host.plugins} == {
        "acme": Status.ACTIVE,
        "other": Status.ACTIVE,
        "broken": Status.BROKEN,
        "odd": Status.BROKEN,
    }
    assert "no_such_module" in at(host, "broken").problem
    (plugins / "acme").mkdir(parents=True)
    configs.write(plugins / "acme", configs.PluginConfig(enabled=False))
    follow(host)
    assert at(host).status is Status.DISABLED
    with pytest.raises(UnknownProviderError):
        registry.get("acme")


def test_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.package(tmp_path / "site", "zenith")
    monkeypatch.syspath_prepend(tmp_path / "site")
    host = PluginHost(tmp_path / "plugins", registry)
    host.load()
    found = at(host, "zenith")
    assert (found.status, found.plugin.manifest.version) == (Status.ACTIVE, "2.5")
    assert dict(registry.get("zenith").build(CALL, SECRET).headers)["x-acme"] == "packaged"
    assert not (tmp_path / "plugins").exists()


# -- faults


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no manifest": ({"manifest": None}, "neither manifest.toml nor"),
    "bad TOML": ({"manifest": "id = "}, "manifest.toml: TOMLDecodeError"),
    "unknown field": ({"manifest": 'id="acme"\nname="x"\nprotocols=["gemini"]\ncolour="red"'}, "colour"),
    "text for a list": ({"manifest": 'id="acme"\nname="x"\nprotocols="gemini"'}, "protocols is a list"),
    "number for a text": ({"manifest": 'id="acme"\nname=5\nprotocols=["gemini"]'}, "'name' is no str"),
    "bad id": ({"manifest": 'id="A/B"\nname="x"\nprotocols=["gemini"]'}, "'A/B'"),
    "unknown protocol": ({"manifest": 'id="acme"\nname="x"\nprotocols=["smoke"]'}, "'smoke' is not known"),
    "no protocol": ({"manifest": 'id="acme"\nname="x"\nprotocols=[]'}, "names no protocol"),
    "unknown target": (
        {"manifest": 'id="acme"\nname="x"\nprotocols=["gemini"]\n[[targets]]\nmatch="*"\nwings=2'},
        "wings",
    ),
    "needs a newer gateway": ({"json_": making.described(min_proxycast_version="99.1")}, "needs ProxyCast 99.1"),
    "syntax error": ({"files": {"__init__.py": "def"}}, "cannot be imported: SyntaxError"),
    "exit at import": ({"files": {"__init__.py": "raise SystemExit(3)"}}, "cannot be imported: SystemExit"),
    "create raises": ({"files": {"__init__.py": "def create(m): raise KeyError(1)"}}, "`create` failed: KeyError"),
    "create gives junk": ({"files": {"__init__.py": "def create(m): return 5"}}, "gave a int"),
    "entry missing": ({"json_": making.described(entry="gone.py")}, "gone.py is missing"),
    "program missing": ({"json_": making.described(binary={"binary_name": "gone"})}, "bin/gone is missing"),
    "config broken": ({"files": {"config.json": "{"}}, "config.json"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_plugin_that_fails_to_load_is_listed_with_its_problem_and_harms_nobody(
    tmp_path: Path, host: PluginHost, registry: Registry, fault: str
) -> None:
    shape, problem = BROKEN[fault]
    making.write(tmp_path, **shape)
    making.write(tmp_path, "good")
    host.load()
    assert at(host).status is Status.BROKEN and problem in at(host).problem and "\n" not in at(host).problem
    assert registry.get("good") and registry.get("anthropic")
    with pytest.raises(UnknownProviderError):
        registry.get("acme")


def test_other_types_of_plugin_are_listed_and_left_alone(tmp_path: Path, host: PluginHost) -> None:
    making.write(tmp_path, json_=making.described(plugin_type="theme"), files={"__init__.py": "raise KeyError"})
    host.load()
    assert at(host).status is Status.UNUSED


@pytest.mark.parametrize("taken", ["anthropic", "deepseek"])
def test_a_name_that_proxycast_has_already_is_taken_over_only_when_the_user_says_so(
    tmp_path: Path, host: PluginHost, registry: Registry, taken: str
) -> None:
    own = registry.get(taken)
    folder = making.write(tmp_path, id=taken)
    host.load()
    assert registry.get(taken) is own and "replaces_builtin" in at(host).problem
    configs.write(folder, configs.PluginConfig(replaces_builtin=True))
    follow(host)
    assert registry.get(taken).manifest.name == "Acme AI" and at(host).status is Status.ACTIVE
    configs.write(folder, configs.PluginConfig())
    follow(host)
    assert registry.get(taken) is own, "the permission was taken back"
    configs.write(folder, configs.PluginConfig(replaces_builtin=True))
    follow(host)
    configs.write(folder, configs.PluginConfig(replaces_builtin=True, enabled=False))
    follow(host)
    assert registry.get(taken) is own


def test_an_alias_never_takes_another_providers_name(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    making.write(
        tmp_path,
        manifest='aliases = ["openai"]\n' + making.MANIFEST.format(id="acme", url=""),
        config={"replaces_builtin": True},
    )
    host.load()
    assert "'openai'" in at(host).problem and registry.get("openai").manifest.id == "openai"


def test_a_plugin_never_takes_another_providers_environment_variable(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    making.write(tmp_path, manifest='env = ["OPENAI_API_KEY"]\n' + making.MANIFEST.format(id="acme", url=""))
    host.load()
    assert "OPENAI_API_KEY is a variable of the provider 'openai'" in at(host).problem


def test_a_plugin_s_hosts_are_not_decrypted_by_the_intercepting_proxy(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    before = [provider.manifest.base_url for provider in registry.own()]
    folder = making.write(tmp_path, url="https://login.example")
    host.load()
    assert [provider.manifest.base_url for provider in registry.own()] == before
    making.write(tmp_path, id="openai", url="https://login.example", config={"replaces_builtin": True})
    follow(host)
    assert registry.get("openai").manifest.base_url == "https://login.example"
    assert "https://login.example" not in [provider.manifest.base_url for provider in registry.own()]
    folder.rename(tmp_path / ".gone")
    follow(host)
    assert [provider.manifest.base_url for provider in registry.own()].count("https://login.example") == 0
    assert "openai" in [provider.manifest.id for provider in registry.own()]


def test_of_two_with_one_id_the_second_waits_until_the_first_is_gone(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    first = making.write(tmp_path, "first", id="acme")
    making.write(tmp_path, "second", id="acme")
    host.load()
    assert at(host, "second").problem == "the plugin first has the provider 'acme' already"
    configs.write(first, configs.PluginConfig(enabled=False))
    follow(host)
    follow(host)
    assert at(host, "second").status is Status.ACTIVE and registry.get("acme")


FAULTY = """
from addons.providers.api import Provider
class Acme(Provider):
    def serves(self, model, credential): return 1 / 0
    def models(self, credential): return 5
    def protocol(self, model, credential, request=None): return None
    def build(self, call, credential): return {}["build"]
    def judge(self, *arguments): raise ValueError
    def passes(self, *arguments): raise ValueError
    def limited_as(self, model): return 5
    def told(self, *arguments): raise ValueError
    def again(self, *arguments): raise ValueError
    async def acquire(self, credential): raise RuntimeError("out of luck")
    async def answer(self, call, credential): raise RuntimeError
create = Acme
"""


LISTENING = """
from addons.providers.listening import Listening
class Acme(Listening):
    def heard(self, *arguments): raise ValueError
    def told_within(self, *arguments): return 5
create = Acme
"""


def test_one_that_listens_to_answers_disturbs_none(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    making.write(tmp_path, files={"__init__.py": LISTENING})
    host.load()
    provider = registry.get("acme")
    assert isinstance(provider, Listening)
    provider.heard(SECRET, Upstream("POST", "https://acme.example", [], b""), [])
    assert provider.told_within(b"", "acme-1", 0.0) == []


async def test_code_that_raises_while_it_serves_costs_its_own_credentials_only(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    making.write(tmp_path, files={"__init__.py": FAULTY})
    host.load()
    provider = registry.get("acme")
    error = ErrorInfo(ErrorKind.SERVER, "x")
    assert provider.serves("acme-1", SECRET) is False
    assert list(provider.models(SECRET)) == []
    assert provider.judge(error) is error
    assert provider.passes(Operation.GENERATE, {}, {}) is False
    assert provider.limited_as("acme-1") == "acme-1"
    assert (provider.told({}, "acme-1", 0.0), provider.again(SECRET, error)) == ([], None)
    asked: list[Callable[[], object]] = [
        lambda: provider.protocol("acme-1", SECRET),
        lambda: provider.build(CALL, SECRET),
        lambda: asyncio.run(provider.acquire(SECRET)),
    ]
    for ask in asked:
        with pytest.raises(UnavailableError, match="the plugin acme failed in"):
            await asyncio.to_thread(ask)
    answer = await provider.answer(CALL, SECRET)
    assert answer is not None and answer.status == 502


PROFILE = """
updated = "2026-11-01"
[[headers]]
name = "x-client"
value = "acme/1"
source = "its author"
"""


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("protocol", "'smoke-signals'"),
        ("build", "Upstream('POST', 'https://x', [], 'text')"),
        ("build", "Upstream('POST', b'https://x', [], b'')"),
        ("build", "Upstream('POST', 'https://x', [('a', None)], b'')"),
        ("build", "Upstream('POST', 'https://x', None, b'')"),
    ],
)
def test_what_would_surprise_the_gateway_later_is_a_fault_at_once(
    tmp_path: Path, host: PluginHost, registry: Registry, method: str, result: str
) -> None:
    code = f"""
from addons.providers.api import Provider, Upstream
class Acme(Provider):
    def {method}(self, *arguments): return {result}
create = Acme
"""
    making.write(tmp_path, files={"__init__.py": code})
    host.load()
    provider = registry.get("acme")
    with pytest.raises(UnavailableError, match=f"failed in {method}"):
        provider.build(CALL, SECRET) if method == "build" else provider.protocol("acme-1", SECRET)


HANGS = """
import asyncio, sys, time
import httpx
from addons.providers.api import Provider
class Acme(Provider):
    async def acquire(self, credential): await asyncio.sleep(3600)
    async def quotas(self, credential, client): raise httpx.ConnectError("no way there")
    def serves(self, model, credential): sys.exit(3)
    def models(self, credential):
        time.sleep(0.6)
        return ["acme-1"]
create = Acme
"""


async def test_code_that_hangs_or_exits_is_not_waited_for(
    tmp_path: Path, host: PluginHost, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    making.write(tmp_path, files={"__init__.py": HANGS}, config={"timeout_ms": 20})
    host.load()
    provider = registry.get("acme")
    with pytest.raises(UnavailableError, match=r"failed in acquire \(TimeoutError\)"):
        await asyncio.wait_for(provider.acquire(SECRET), 30)
    assert provider.serves("acme-1", SECRET) is False
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await provider.quotas(SECRET, client)
    assert list(provider.models(SECRET)) == ["acme-1"]
    assert "in models, and everything else had to wait" in caplog.text


# -- changes


def test_an_update_runs_new_code_while_who_holds_the_old_goes_on(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    folder = making.write(tmp_path, files=making.with_code("one"))
    host.load()
    old = registry.get("acme")
    making.replace_file(folder / "marks.py", "MARK = 'two'\n")
    assert follow(host) == ["the plugin acme 1.0.0 is active"]
    assert marks(registry) == "two"
    assert dict(old.build(CALL, SECRET).headers)["x-acme"] == "one"


def test_nothing_is_made_anew_when_nothing_of_the_version_changed(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    folder = making.write(tmp_path, files=making.with_code("one"))
    host.load()
    before, version = registry.get("acme"), registry.version
    assert host.look(settle=0) == []
    (folder / "plugin.json").touch()
    (folder / "data").mkdir()
    assert follow(host) == []
    assert (registry.get("acme"), registry.version) == (before, version)


def test_a_broken_edit_keeps_the_version_before_and_says_why(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    folder = making.write(tmp_path, files=making.with_code("one"))
    host.load()
    (folder / "__init__.py").write_text("def")
    assert "the version before goes on" in follow(host)[0]
    assert marks(registry) == "one" and at(host).status is Status.BROKEN
    making.write(tmp_path, files=making.with_code("three"))
    follow(host)
    assert marks(registry) == "three" and at(host).status is Status.ACTIVE


def test_disabled_enabled_and_removed_while_it_runs(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    assert host.load() == []
    folder = making.write(tmp_path)
    assert follow(host) == ["the plugin acme 1.0.0 is active"]
    configs.write(folder, configs.PluginConfig(enabled=False))
    assert follow(host) == ["the plugin acme 1.0.0 is disabled"]
    with pytest.raises(UnknownProviderError):
        registry.get("acme")
    configs.write(folder, configs.PluginConfig())
    assert follow(host) == ["the plugin acme 1.0.0 is active"]
    folder.rename(tmp_path / ".gone")
    assert follow(host) == ["the plugin acme is gone"]
    assert host.plugins == []


def test_a_folder_that_is_away_for_one_look_is_being_replaced(tmp_path: Path, host: PluginHost) -> None:
    folder = making.write(tmp_path)
    host.load()
    folder.rename(tmp_path / ".old")
    assert host.apply(host.look()) == []
    (tmp_path / ".old").rename(folder)
    assert host.apply(host.look()) == [] and at(host).status is Status.ACTIVE
    folder.rename(tmp_path / ".old")
    host.apply(host.look())
    assert host.apply(host.look()) == ["the plugin acme is gone"]


def test_a_folder_that_is_being_written_is_left_for_the_next_look(tmp_path: Path, host: PluginHost) -> None:
    host.load()
    making.write(tmp_path)
    assert host.look(settle=3600) == []
    assert [found.name for found in host.look(settle=0)] == ["acme"]


CLOSES = """
from addons.providers.api import Provider
class Acme(Provider):
    seen = []
    taken = True
    async def close(self, grace): self.seen.append(grace)
    def reconfigure(self, plugin):
        self.seen.append(dict(plugin.config.settings))
        return self.taken
create = Acme
"""


async def test_a_provider_takes_new_settings_itself_and_is_closed_when_it_was_replaced(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    folder = making.write(tmp_path, files={"__init__.py": CLOSES})
    host.load()
    first: Any = registry.get("acme")
    configs.write(folder, configs.PluginConfig(settings={"a": 1}))
    follow(host)
    same: Any = registry.get("acme")
    assert same is first and first.seen == [{"a": 1}]
    first.taken = False
    configs.write(folder, configs.PluginConfig(settings={"a": 2}))
    follow(host)
    other: Any = registry.get("acme")
    assert other is not first
    await host.close(1.0)
    assert first.seen == [{"a": 1}, {"a": 2}, 660.0, 1.0], "the old one when it was replaced, the new one at the end"


CLOSES_BADLY = """
from addons.providers.api import Provider
class Acme(Provider):
    def close(self, grace): return 5
    def reconfigure(self, plugin): raise KeyError
create = Acme
"""


async def test_what_fails_when_it_is_replaced_keeps_nobody_from_being_replaced(
    tmp_path: Path, host: PluginHost, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    folder = making.write(tmp_path, files={"__init__.py": CLOSES_BADLY})
    other = making.write(tmp_path, "other", files=making.with_code("one"))
    host.load()
    first = registry.get("acme")
    configs.write(folder, configs.PluginConfig(settings={"a": 1}))
    making.replace_file(other / "marks.py", "MARK = 'two'\n")
    follow(host)
    assert registry.get("acme") is not first
    assert dict(registry.get("other").build(CALL, SECRET).headers)["x-acme"] == "two"
    await host.close(1.0)
    assert "failed in reconfigure" in caplog.text and "failed in close" in caplog.text


def test_a_manifest_as_deep_as_the_stack_is_a_problem_and_no_more(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    making.write(tmp_path, manifest="x = " + "[" * 5000 + "]" * 5000)
    making.write(tmp_path, "other", json_={"name": "other", "provider": json.loads("[" * 500 + "]" * 500)})
    making.write(tmp_path, "good")
    host.load()
    assert at(host).status is Status.BROKEN and at(host, "other").status is Status.BROKEN
    assert registry.get("good")


def test_a_surprise_about_one_plugin_is_its_problem(
    tmp_path: Path, host: PluginHost, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.write(tmp_path)
    making.write(tmp_path, "good")
    digest = Plugin.digest

    def surprising(self: Plugin) -> str:
        if self.name == "acme":
            raise RuntimeError("a surprise")
        return digest(self)

    monkeypatch.setattr(Plugin, "digest", surprising)
    host.load()
    assert at(host).problem == "RuntimeError: a surprise" and registry.get("good")


def test_a_header_profile_lies_beside_the_manifest(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    making.write(tmp_path, files={"headers.toml": PROFILE})
    host.load()
    assert ("x-client", "acme/1") in registry.get("acme").identity("generate", SECRET)


@pytest.mark.parametrize(
    "files",
    [
        {"headers.toml": PROFILE + '[[installed]]\nfact="x"\nfiles=[".codex/auth.json"]\njson=["tokens"]\n'},
        {
            "manifest.toml": making.MANIFEST.format(id="acme", url="https://acme.example")
            + '[oauth]\ntoken_url="https://acme.example"\n[oauth.file]\naccess="a"\nrefresh="r"\n'
            '[[oauth.file.beside]]\npath="../.codex/auth.json"\nextra={x="tokens"}\n'
        },
        {"headers.toml": "headers = 5"},
    ],
)
def test_data_alone_has_no_file_of_its_users_read(tmp_path: Path, host: PluginHost, files: dict[str, str]) -> None:
    making.write(tmp_path, files=files)
    host.load()
    assert at(host).status is Status.BROKEN
    assert "only code may look" in at(host).problem or "HeaderProfileError" in at(host).problem


def test_the_registry_is_known_to_have_changed(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    before = registry.version
    making.write(tmp_path)
    host.load()
    assert registry.version != before


def test_built_in_providers_know_no_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(tmp_path))
    making.write(tmp_path / "plugins")
    with pytest.raises(UnknownProviderError):
        built_in().get("acme")


def test_json_of_config_is_what_a_reader_expects(tmp_path: Path) -> None:
    folder = making.write(tmp_path)
    configs.write(folder, configs.PluginConfig())
    assert set(json.loads((folder / "config.json").read_text())) == {
        "enabled",
        "timeout_ms",
        "settings",
        "permissions",
        "replaces_builtin",
        "source",
    }


def test_a_provider_without_code_is_the_plain_class(tmp_path: Path, host: PluginHost, registry: Registry) -> None:
    making.write(tmp_path)
    host.load()
    assert type(registry.get("acme")) is Provider


def test_a_folder_that_nobody_may_read_is_told_and_harms_nobody(
    tmp_path: Path, host: PluginHost, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.write(tmp_path, "good")
    closed = making.write(tmp_path, "closed")
    iterdir = Path.iterdir

    def guarded(self: Path) -> Any:
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", guarded)
    host.load()
    assert "Permission denied" in at(host, "closed").problem and registry.get("good")


WIRE = """
from addons.providers.api import Provider
from translators import registry
from translators.openai_chat import OpenAIChat
class Wire(OpenAIChat):
    id = {id!r}
    version = {version}
registry.register(Wire())
create = Provider
"""


def test_an_exchange_keeps_the_wire_of_the_version_that_it_began_with(
    tmp_path: Path, host: PluginHost, registry: Registry
) -> None:
    manifest = making.MANIFEST.format(id="acme", url="https://acme.example").replace("openai_chat", "acme-wire")
    making.write(tmp_path, manifest=manifest, files={"__init__.py": WIRE.format(id="acme-wire", version=1)})
    host.load()
    old = registry.get("acme")
    making.write(tmp_path, manifest=manifest, files={"__init__.py": WIRE.format(id="acme-wire", version=22)})
    follow(host)
    new = registry.get("acme")
    versions: list[Any] = [provider.wire("acme-wire") for provider in (old, new)]
    assert [wire.version for wire in versions] == [1, 22]
    assert old.wire("anthropic") is new.wire("anthropic")


def test_a_plugin_never_replaces_a_protocol_that_clients_speak(tmp_path: Path, host: PluginHost) -> None:
    before = protocols.get("openai_chat")
    making.write(tmp_path, files={"__init__.py": WIRE.format(id="openai_chat", version=1)})
    host.load()
    assert "registers the protocol 'openai_chat'" in at(host).problem
    assert protocols.get("openai_chat") is before
