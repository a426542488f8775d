"""Installing from each kind of source: what is verified, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from addons.plugins import config as configs
from addons.plugins import folder as folders
from addons.plugins.folder import Plugin, PluginError
from addons.plugins.install import download, sources
from addons.plugins.install.installer import Installer
from addons.plugins.install.releases import API_VARIABLE
from addons.plugins.platforms import here
from tests.plugins import making

from . import packing
from .server import Server

PROGRAM = making.PROGRAM.encode()
BLOCK = {"id": "acme", "target_protocol": "openai", "supported_models": ["acme-*"]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        monkeypatch.setenv(API_VARIABLE, running.url)
        yield running


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


def install(plugins: Path, source: str | Path, sha256: str = "", name: str = "") -> Plugin:
    with Installer(plugins).prepared(sources.parse(str(source), sha256), name) as prepared:
        return prepared.install()


def made(tmp_path: Path, version: str = "1.0.0", mark: str = "one", **more: Any) -> Path:
    """A plugin's folder as its author has it."""
    described = making.described(version=version, **more)
    return making.write(tmp_path / "author", json_=described, files=making.with_code(mark))


def nothing_left(plugins: Path) -> bool:
    return not plugins.exists() or {path.name for path in plugins.iterdir()} <= {".lock"}


def binary_json(**more: Any) -> dict[str, Any]:
    binary = {"binary_name": "tool", "platform_binaries": {here(): "tool-here"}, **more}
    return making.described(provider=BLOCK, binary=binary)


# -- a folder, an archive


def test_a_folder_is_copied_without_caches_and_without_what_is_its_users(tmp_path: Path, plugins: Path) -> None:
    author = made(tmp_path)
    granted = {"enabled": False, "permissions": ["http:request"], "replaces_builtin": True, "settings": {"x": 1}}
    making.write(tmp_path / "author", json_=making.described(), files={"data/rows": "", "__pycache__/x.pyc": ""})
    (author / "config.json").write_text(json.dumps(granted))
    plugin = install(plugins, author)
    assert {path.name for path in plugin.folder.iterdir()} == {
        "plugin.json",
        "manifest.toml",
        "__init__.py",
        "marks.py",
        "config.json",
    }
    assert (plugin.config.enabled, plugin.config.permissions, plugin.config.replaces_builtin) == (True, (), False)
    assert plugin.config.source == str(author) and plugin.config.settings == {}
    assert stat.S_IMODE(plugin.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["acme.zip", "acme.tar.gz", "ACME.TGZ"])
def test_an_archive_is_unpacked_and_its_sum_compared_when_it_is_given(tmp_path: Path, plugins: Path, name: str) -> None:
    author = made(tmp_path)
    files: packing.Files = {f"acme-1/{path.name}": path.read_bytes() for path in author.iterdir()}
    archive = tmp_path / name
    archive.write_bytes(packing.make_zip(files) if name.endswith("zip") else packing.make_tar(files))
    right = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(PluginError, match="is not what --sha256 says"):
        install(plugins, archive, "0" * 64)
    assert nothing_left(plugins)
    assert install(plugins, archive, right).name == "acme"
    with Installer(plugins).prepared(sources.parse(str(archive))) as prepared:
        assert [(one.sha256, one.against) for one in prepared.checked] == [(right, "")], "shown, not demanded"
        assert prepared.is_same


def test_the_program_can_be_run_afterwards_and_nothing_else_can(tmp_path: Path, plugins: Path) -> None:
    files: packing.Files = {
        "plugin.json": json.dumps(making.described(provider=BLOCK, entry="run", permissions=["http:request"])),
        "run": PROGRAM,
        "other": PROGRAM,
    }
    archive = tmp_path / "x.zip"
    archive.write_bytes(packing.make_zip(files, lambda info: setattr(info, "external_attr", 0o100644 << 16)))
    plugin = install(plugins, archive)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in plugin.folder.iterdir()}
    assert (modes["run"], modes["other"], modes["config.json"]) == (0o700, 0o600, 0o600)
    assert plugin.granted == {"http:request"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nowhere/at/all", "no file or folder"),
        ("ftp://example.com/x.zip", "no file or folder"),
        ("http://example.com/x.zip", "https only"),
        ("https://user:word@example.com/x.zip", "without a login"),
        (__file__, "no archive"),
    ],
)
def test_what_is_no_source_is_said_to_be_none(plugins: Path, source: str, problem: str) -> None:
    with pytest.raises(PluginError, match=problem):
        install(plugins, source)
    assert nothing_left(plugins)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no plugin.json": ({"plugin.json": None}, "no plugin.json"),
    "a broken one": ({"plugin.json": "{"}, "plugin.json: JSONDecodeError"),
    "a name that is a path": ({"plugin.json": '{"name": "../../x"}'}, "plugin.json: name"),
    "another type": ({"plugin.json": json.dumps(making.described(plugin_type="theme"))}, "'theme' are not used"),
    "a newer gateway": ({"plugin.json": json.dumps(making.described(min_proxycast_version="99"))}, "needs ProxyCast"),
    "code that fails": ({"__init__.py": "1 / 0"}, "ZeroDivisionError"),
    "a manifest that fails": ({"manifest.toml": "id = 5"}, "manifest.toml"),
    "a program that ends at once": (
        {"plugin.json": json.dumps(making.described(entry="run")), "run": "#!/bin/sh\nexit 3\n"},
        "does not answer",
    ),
    "a program that is none": (
        {"plugin.json": json.dumps(making.described(entry="run")), "run": "\x7fELF"},
        "does not answer",
    ),
    "a taken name": ({"manifest.toml": making.MANIFEST.format(id="openai", url="")}, "'openai' is the name"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_load_is_not_installed_and_leaves_nothing(tmp_path: Path, plugins: Path, fault: str) -> None:
    author, (change, problem) = made(tmp_path), FAULTS[fault]
    for name, text in change.items():
        if text is None:
            (author / name).unlink()
        else:
            (author / name).write_text(text)
    with pytest.raises(PluginError, match=problem):
        install(plugins, author)
    assert nothing_left(plugins)


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path, plugins: Path) -> None:
    author = made(tmp_path)
    (author / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(PluginError, match="link out"):
        install(plugins, author)
    assert nothing_left(plugins)


# -- addresses


def test_an_address_needs_a_checksum_given_or_beside_it(tmp_path: Path, plugins: Path, server: Server) -> None:
    archive = packing.of_folder(made(tmp_path))
    right = hashlib.sha256(archive).hexdigest()
    server.files["/acme.zip"] = archive
    address = f"{server.url}/acme.zip"
    with pytest.raises(PluginError, match=r"no checksum of acme.zip"):
        install(plugins, address)
    for wrong in (address + "#sha256=" + "0" * 64, address):
        server.files["/acme.zip.sha256"] = b"1" * 64 + b"  acme.zip\n"
        with pytest.raises(PluginError, match="is not what"):
            install(plugins, wrong)
    assert nothing_left(plugins)
    assert install(plugins, f"{address}#sha256={right}").config.source == address
    server.files["/acme.zip.sha256"] = f"{right}  acme.zip\n".encode()
    assert install(plugins, address).name == "acme"


def test_redirects_are_followed_to_safe_addresses_only_and_carry_nothing(
    tmp_path: Path, plugins: Path, server: Server
) -> None:
    archive = packing.of_folder(made(tmp_path))
    right = hashlib.sha256(archive).hexdigest()
    server.files["/there.zip"] = archive
    server.files["/here.zip"] = (302, {"location": "/there.zip", "set-cookie": "a=b"}, b"")
    assert install(plugins, f"{server.url}/here.zip", right).name == "acme"
    assert not {"authorization", "cookie", "proxy-authorization"} & {name for _, sent in server.asked for name in sent}
    for target in ("http://example.com/x.zip", "file:///etc/passwd", "https://a:b@127.0.0.1/x"):
        server.files["/here.zip"] = (302, {"location": target}, b"")
        with pytest.raises(PluginError, match="https only"):
            install(plugins, f"{server.url}/here.zip", right)
    server.files["/here.zip"] = (302, {"location": "/here.zip"}, b"")
    with pytest.raises(PluginError, match="too many redirects"):
        install(plugins, f"{server.url}/here.zip", right)


def test_a_download_has_a_cap(tmp_path: Path, server: Server) -> None:
    server.files["/large"] = bytes(100_000)
    with download.Downloads(max_bytes=50_000) as downloads, pytest.raises(PluginError, match="larger than"):
        downloads.file(f"{server.url}/large", tmp_path / "large")


def test_a_plugin_json_s_address_fetches_what_it_names_from_beside_it(plugins: Path, server: Server) -> None:
    described = binary_json(checksum_file="sums.txt")
    server.files["/p/plugin.json"] = json.dumps(described).encode()
    server.files["/p/tool-here"] = PROGRAM
    address = f"{server.url}/p/plugin.json"
    with pytest.raises(PluginError, match=r"the checksum file sums.txt is not there"):
        install(plugins, address)
    server.files["/p/sums.txt"] = packing.sums({"other": PROGRAM})
    with pytest.raises(PluginError, match="has no checksum of tool-here"):
        install(plugins, address)
    server.files["/p/sums.txt"] = packing.sums({"tool-here": b"another"})
    with pytest.raises(PluginError, match=r"tool-here is not what sums.txt says"):
        install(plugins, address)
    assert nothing_left(plugins)
    server.files["/p/sums.txt"] = packing.sums({"tool-here": PROGRAM})
    plugin = install(plugins, address)
    tool = plugin.folder / "bin" / "tool"
    assert tool.read_bytes() == PROGRAM and stat.S_IMODE(tool.stat().st_mode) == 0o700


# -- GitHub


def test_a_release_with_a_plugin_json_a_program_and_a_page(plugins: Path, server: Server) -> None:
    described = {**binary_json(checksum_file="sums.txt"), "ui": {"entry": "dist/index.html", "title": "Acme"}}
    assets = {"tool-here": PROGRAM, "dist.zip": packing.make_zip({"index.html": "<p>hi"}), "tool-elsewhere": b"x"}
    sums = packing.sums(assets)
    described_bytes = json.dumps(described).encode()
    server.release("acme/tool", "v1.2.0", {**assets, "plugin.json": described_bytes, "sums.txt": sums}, digests=False)
    plugin = install(plugins, "acme/tool")
    assert (plugin.folder / "bin" / "tool").read_bytes() == PROGRAM
    assert (plugin.folder / "dist" / "index.html").read_text() == "<p>hi"
    assert plugin.config.source == "acme/tool"
    paths = [path for path, _ in server.asked]
    assert "/acme/tool/releases/download/v1.2.0/tool-elsewhere" not in paths
    assert all("authorization" not in sent for _, sent in server.asked)


def test_a_program_may_come_in_an_archive(plugins: Path, server: Server) -> None:
    described = binary_json(platform_binaries={here(): "tool.tar.gz"})
    assets = {"tool.tar.gz": packing.make_tar({"x/README": "", "x/tool": PROGRAM}), "plugin.json": b""}
    assets["plugin.json"] = json.dumps(described).encode()
    server.release("acme/tool", "1", assets)
    assert (install(plugins, "https://github.com/acme/tool").folder / "bin" / "tool").read_bytes() == PROGRAM


def test_a_release_with_one_archive_of_a_python_plugin(tmp_path: Path, plugins: Path, server: Server) -> None:
    archive = packing.of_folder(made(tmp_path), "acme-1.0/")
    server.release("acme/acme", "v1.0.0", {"acme-1.0.zip": archive, "notes.txt": b""})
    with Installer(plugins).prepared(sources.parse("acme/acme")) as prepared:
        assert [one.against for one in prepared.checked] == ["the release's digest"]
        assert prepared.install().name == "acme"


def test_of_several_archives_the_one_for_this_machine_is_taken(tmp_path: Path, plugins: Path, server: Server) -> None:
    right, other = packing.of_folder(made(tmp_path, mark="here")), packing.of_folder(made(tmp_path, mark="there"))
    elsewhere = "windows-x64" if here() != "windows-x64" else "linux-x64"
    server.release("acme/acme", "v1", {f"acme-{elsewhere}.zip": other, f"acme-{here()}.zip": right})
    assert "here" in (install(plugins, "acme/acme").folder / "marks.py").read_text()


@pytest.mark.parametrize(
    ("assets", "options", "problem"),
    [
        ({}, {}, "not one archive"),
        ({"a.zip": b"x", "b.zip": b"y"}, {}, "not one archive"),
        ({"acme.zip": b"x"}, {"digests": False}, "no checksum of acme.zip"),
        ({"acme.zip": b"x"}, {"wrong": "acme.zip"}, "is not what the release's digest says"),
        ({"acme.zip": b"x", "SHA256SUMS": packing.sums({"acme.zip": b"y"})}, {}, "is not what SHA256SUMS says"),
        ({"plugin.json": json.dumps(binary_json()).encode()}, {}, "tool-here is not there"),
        (
            {"plugin.json": json.dumps(binary_json(platform_binaries={"plan9-x64": "t"})).encode()},
            {},
            "no program of it for",
        ),
        (
            {"plugin.json": json.dumps(binary_json(checksum_file="sums")).encode(), "tool-here": PROGRAM},
            {},
            "checksum file sums is not there",
        ),
        ({"plugin.json": b"{"}, {}, "plugin.json cannot be used"),
        ({"plugin.json": b'{"name": "acme", "version": 5}'}, {}, "plugin.json cannot be used: version: "),
    ],
)
def test_a_release_that_cannot_be_trusted_or_used_is_refused(
    plugins: Path, server: Server, assets: dict[str, bytes], options: dict[str, Any], problem: str
) -> None:
    server.release("acme/acme", "v1", assets, **options)
    with pytest.raises(PluginError, match=problem):
        install(plugins, "acme/acme")
    assert nothing_left(plugins)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((404, {}, b"{}"), "no release that can be seen"),
        ((403, {"x-ratelimit-remaining": "0"}, b"{}"), "limit of requests"),
        ((500, {}, b""), "answered 500"),
        (b"<html>", "not the answer of GitHub's API"),
    ],
)
def test_what_github_may_say_instead(plugins: Path, server: Server, answer: Any, problem: str) -> None:
    server.files["/repos/acme/acme/releases/latest"] = answer
    with pytest.raises(PluginError, match=problem):
        install(plugins, "acme/acme")


# -- updates, rolled back


def test_an_update_keeps_settings_and_data(tmp_path: Path, plugins: Path) -> None:
    first = install(plugins, made(tmp_path))
    (first.folder / "data").mkdir()
    (first.folder / "data" / "rows.db").write_text("rows")
    configs.write(first.folder, first.config.with_changes(enabled=False, settings={"a": 1}, from_later=True))
    second = install(plugins, made(tmp_path, "1.1.0", "two"))
    assert second.manifest.version == "1.1.0" and "two" in (second.folder / "marks.py").read_text()
    assert (second.config.enabled, second.config.settings) == (False, {"a": 1})
    assert second.config.model_extra == {"from_later": True}
    assert (second.data / "rows.db").read_text() == "rows"
    assert {path.name for path in plugins.iterdir()} == {"acme", ".lock"}


def test_an_update_that_does_not_load_leaves_the_version_that_does(tmp_path: Path, plugins: Path) -> None:
    first = install(plugins, made(tmp_path))
    (first.folder / "data").mkdir()
    before = first.digest()
    author = made(tmp_path, "1.1.0")
    (author / "__init__.py").write_text("raise RuntimeError")
    with pytest.raises(PluginError, match="RuntimeError"):
        install(plugins, author)
    assert folders.read(first.folder).digest() == before and first.data.is_dir()
    assert {path.name for path in plugins.iterdir()} == {"acme", ".lock"}


@pytest.mark.parametrize("at", range(3))
def test_a_disk_that_fails_in_the_middle_changes_nothing(
    tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    first = install(plugins, made(tmp_path))
    (first.folder / "data").mkdir()
    before, rename, count = first.digest(), Path.rename, -1

    def failing(self: Path, target: Path) -> Path:
        nonlocal count
        if (plugins / "acme") in (self, target, self.parent):
            count += 1
            if count == at:
                raise OSError("no space left")
        return rename(self, target)

    author = made(tmp_path, "1.1.0", "two")
    with pytest.raises(OSError, match="no space"), monkeypatch.context() as patched:
        patched.setattr(Path, "rename", failing)
        install(plugins, author)
    assert folders.read(first.folder).digest() == before and first.data.is_dir()
    assert {path.name for path in plugins.iterdir()} == {"acme", ".lock"}


@pytest.mark.parametrize("at", range(3))
def test_a_change_that_was_killed_is_mended_by_the_next_one(
    tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    class Killed(BaseException):
        pass

    first = install(plugins, made(tmp_path))
    (first.folder / "data").mkdir()
    (first.folder / "data" / "rows.db").write_text("rows")
    rename, count = Path.rename, -1

    def killed(self: Path, target: Path) -> Path:
        nonlocal count
        if (plugins / "acme") in (self, target, self.parent) or count >= at:
            count += 1
            if count >= at:
                raise Killed
        return rename(self, target)

    with pytest.raises(Killed), monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        install(plugins, made(tmp_path, "1.1.0", "two"))
    with Installer(plugins).place.changing():
        pass
    assert folders.read(plugins / "acme").manifest.version == "1.0.0"
    assert (plugins / "acme" / "data" / "rows.db").read_text() == "rows"
    assert {path.name for path in plugins.iterdir()} == {"acme", ".lock"}


def test_two_changes_at_a_time_are_one_too_many(tmp_path: Path, plugins: Path) -> None:
    author = made(tmp_path)
    with Installer(plugins).place.changing(), pytest.raises(PluginError, match="another command"):
        install(plugins, author)


def test_an_update_must_be_the_same_plugin(tmp_path: Path, plugins: Path) -> None:
    install(plugins, made(tmp_path))
    author = made(tmp_path)
    (author / "plugin.json").write_text(json.dumps(making.described("other")))
    with pytest.raises(PluginError, match="is the plugin 'other' now"):
        install(plugins, author, name="acme")


def test_the_id_of_another_plugin_cannot_be_installed_over_it(tmp_path: Path, plugins: Path) -> None:
    install(plugins, made(tmp_path))
    author = made(tmp_path)
    (author / "plugin.json").write_text(json.dumps(making.described("other")))
    with pytest.raises(PluginError, match="'acme' is the name"):
        install(plugins, author)
    assert not (plugins / "other").exists()


# -- removal


def test_removal_leaves_data_unless_it_is_meant_too(tmp_path: Path, plugins: Path) -> None:
    author = made(tmp_path)
    (install(plugins, author).folder / "data").mkdir()
    (plugins / "acme" / "data" / "rows.db").write_text("rows")
    installer = Installer(plugins)
    assert installer.remove("acme", data=False)
    assert [path.name for path in (plugins / "acme").iterdir()] == ["data"]
    with pytest.raises(PluginError, match="no plugin 'acme'"):
        installer.get("acme")
    assert (install(plugins, author).data / "rows.db").read_text() == "rows", "for a later installation"
    installer.remove("acme", data=False)
    assert not installer.remove("acme", data=True)
    assert nothing_left(plugins)


@pytest.mark.parametrize("name", ["..", ".", "../plugins", "", "/", "a/b", "nobody", ".lock"])
@pytest.mark.parametrize("data", [False, True])
def test_only_plugins_can_be_removed(tmp_path: Path, plugins: Path, name: str, data: bool) -> None:
    install(plugins, made(tmp_path))
    (tmp_path / "data").mkdir()
    with pytest.raises(PluginError, match="no plugin"):
        Installer(plugins).remove(name, data=data)
    assert (plugins / "acme" / "plugin.json").exists() and (tmp_path / "data").exists()
