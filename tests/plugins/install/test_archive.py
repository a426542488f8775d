"""Hostile archives: nothing gets out of the folder, nothing becomes larger than allowed, no mode is believed."""

from __future__ import annotations

import contextlib
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from addons.plugins.folder import PluginError
from addons.plugins.install.archive import Caps, unpack

from .packing import Files, make_tar, make_zip, tar_bomb

MAKERS: dict[str, Callable[[Files], bytes]] = {".zip": make_zip, ".tar.gz": make_tar, ".tgz": make_tar}


def put(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def everything(tmp_path: Path) -> set[str]:
    return {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", MAKERS)
def test_files_come_out_private_and_only_programs_in_bin_can_be_run(tmp_path: Path, suffix: str) -> None:
    files: Files = {"plugin.json": "{}", "bin/tool": "#!", "run.sh": "#!", "dist/app/index.html": "é"}
    archive = put(tmp_path, "x" + suffix, MAKERS[suffix](files))
    found = unpack(archive, tmp_path / "out")
    assert found == tmp_path / "out"
    modes = {name: stat.S_IMODE((found / name).stat().st_mode) for name in files}
    assert modes == {"plugin.json": 0o600, "bin/tool": 0o700, "run.sh": 0o600, "dist/app/index.html": 0o600}
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert (found / "dist/app/index.html").read_text("utf-8") == "é"


@pytest.mark.parametrize("suffix", MAKERS)
def test_one_folder_around_it_all_is_the_plugin(tmp_path: Path, suffix: str) -> None:
    archive = put(tmp_path, "x" + suffix, MAKERS[suffix]({"acme-1.0/plugin.json": "{}", "acme-1.0/a/b": ""}))
    assert unpack(archive, tmp_path / "out") == tmp_path / "out" / "acme-1.0"


def test_what_the_finder_packs_beside_a_folder_is_passed_over(tmp_path: Path) -> None:
    archive = put(tmp_path, "x.zip", make_zip({"acme/plugin.json": "{}", "__MACOSX/acme/._plugin.json": "x"}))
    assert unpack(archive, tmp_path / "out") == tmp_path / "out" / "acme"


KINDS = [".zip", ".tgz"]
NAMES = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from(["..", ".", "/", "a", "A", "..\\\\", "\x00", "con", "~"])),
    max_size=5,
).map("/".join)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES, max_size=6), packed=st.sampled_from(KINDS))
def test_whatever_its_names_are_nothing_is_written_elsewhere(names: list[str], packed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with contextlib.suppress(ValueError, UnicodeError):  # names that no archive can hold
            archive = put(place, "x" + packed, MAKERS[packed](dict.fromkeys(names, "content")))
            with contextlib.suppress(PluginError):
                unpack(archive, place / "inner" / "out")
            assert {path.parts[len(place.parts)] for path in place.rglob("*")} <= {"x" + packed, "inner"}
            assert {path.name for path in (place / "inner").iterdir()} == {"out"}


@settings(max_examples=150, deadline=None)
@example(changes=[(232, 32)], packed=".tgz")  # the checksum of what was packed
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8), packed=st.sampled_from(KINDS))
def test_whatever_is_wrong_with_an_archive_is_said_in_a_line(changes: list[tuple[int, int]], packed: str) -> None:
    content = bytearray(MAKERS[packed]({"plugin.json": "{}", "bin/tool": "#!" * 40}))
    for place, value in changes:
        content[place % len(content)] = value
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(PluginError):
        unpack(put(Path(folder), "x" + packed, bytes(content)), Path(folder) / "out")


@pytest.mark.parametrize("suffix", MAKERS)
@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "a/../../escaped",
        "/etc/escaped",
        "..",
        "a\\..\\..\\escaped",
        "C:/escaped",
        "nul\nline",
        "a\x1b[31m",
        "/".join("d" * 40),
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, suffix: str, name: str) -> None:
    archive = put(tmp_path, "x" + suffix, MAKERS[suffix]({"plugin.json": "{}", name: "bad"}))
    with pytest.raises(PluginError, match="no path inside"):
        unpack(archive, tmp_path / "deep" / "out")
    assert everything(tmp_path) == {"x" + suffix, "deep/out/plugin.json"}


def _tar_kind(kind: bytes, target: str = "/etc/passwd") -> bytes:
    def change(info: tarfile.TarInfo) -> None:
        if info.name == "link":
            info.type, info.linkname, info.size = kind, target, 0

    return make_tar({"link": "", "link/x": "through"}, change)


def _zip_link(info: zipfile.ZipInfo) -> None:
    if info.filename == "link":
        info.external_attr = (stat.S_IFLNK | 0o777) << 16


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("symlink.tgz", _tar_kind(tarfile.SYMTYPE)),
        ("link-inside.tgz", _tar_kind(tarfile.SYMTYPE, "plugin.json")),
        ("hardlink.tgz", _tar_kind(tarfile.LNKTYPE)),
        ("device.tgz", _tar_kind(tarfile.CHRTYPE)),
        ("pipe.tgz", _tar_kind(tarfile.FIFOTYPE)),
        ("symlink.zip", make_zip({"link": "/etc/passwd", "link/x": "through"}, _zip_link)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_links_and_devices_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(PluginError, match="neither a file nor a folder"):
        unpack(put(tmp_path, name, content), tmp_path / "out")
    assert everything(tmp_path) == {name}


@pytest.mark.parametrize("suffix", MAKERS)
@pytest.mark.parametrize("other", ["A.TXT", "a\u0301.txt"], ids=["case", "accent"])
def test_two_names_that_some_systems_take_for_one_are_refused(tmp_path: Path, suffix: str, other: str) -> None:
    first = "a.txt" if other == "A.TXT" else "\u00e1.txt"
    archive = put(tmp_path, "x" + suffix, MAKERS[suffix]({first: "1", other: "2"}))
    with pytest.raises(PluginError, match="twice"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("suffix", MAKERS)
def test_caps_hold_for_sizes_and_counts(tmp_path: Path, suffix: str) -> None:
    many = put(tmp_path, "many" + suffix, MAKERS[suffix]({f"f{n}": "" for n in range(20)}))
    with pytest.raises(PluginError, match="more than 10 entries"):
        unpack(many, tmp_path / "a", Caps(files=10))
    large = put(tmp_path, "large" + suffix, MAKERS[suffix]({"one": bytes(600_000), "two": bytes(600_000)}))
    with pytest.raises(PluginError, match="more than"):
        unpack(large, tmp_path / "b", Caps(bytes=1_000_000))
    assert sum(path.stat().st_size for path in (tmp_path / "b").rglob("*")) <= 1_000_000


def test_what_a_zip_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    content = make_zip({"zeros": bytes(5_000_000)})
    size = (5_000_000).to_bytes(4, "little")
    assert content.count(size) == 2
    lying = put(tmp_path, "lying.zip", content.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(PluginError):
        unpack(lying, tmp_path / "out", Caps(bytes=1_000_000))
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 1_000_000


def test_a_bomb_is_noticed_before_it_is_unpacked(tmp_path: Path) -> None:
    archive = put(tmp_path, "bomb.tgz", tar_bomb("zeros", 8 << 20))
    with pytest.raises(PluginError, match="unpacks to more"):
        unpack(archive, tmp_path / "out", Caps(bytes=1 << 20))
    assert everything(tmp_path) == {"bomb.tgz"}


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", make_zip({"a": "b"})[:40], make_tar({"a": "b" * 9999})[:60]],
    ids=["empty", "text", "half a zip", "half a tar"],  # archives hold the time: as ids they would differ
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(PluginError, match="cannot be unpacked"):
        unpack(put(tmp_path, name, content), tmp_path / "out")
