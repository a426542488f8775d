"""A client's files are changed all together or not at all, and put back to the byte unless somebody touched them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from addons.clients import pointing
from addons.clients.documents import DocumentError
from addons.clients.kept import Pointed
from addons.clients.known import CLIENTS, Edit, Place, Target

TARGET = Target("http://127.0.0.1:8999", "the-key", ("a-model", "another"))


def point(edits: list[Edit]) -> Pointed:
    due = pointing.due(edits)
    changes = pointing.plan(due)
    pointing.write(changes)
    return Pointed("client", "key", 0.0, pointing.kept(changes), tuple(due))


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_text("utf-8"), stat.S_IMODE(path.stat().st_mode)) for path in files}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_without_files_gets_them_and_loses_them_again(name: str, tmp_path: Path):
    place = Place(tmp_path, {})
    edits = CLIENTS[name].edits(place, TARGET)
    pointed = point(edits)
    assert all(map(pointing.in_force, edits))
    assert str(pointing.value(*CLIENTS[name].address(place))).startswith(TARGET.url)
    assert {mode for _, mode in tree(tmp_path).values()} == {0o600}
    assert pointing.restore(pointed) == []
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "variable", "file"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("codex", "CODEX_HOME", "config.toml"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/opencode.json"),
    ],
)
def test_a_folder_that_was_moved_is_found(name: str, variable: str, file: str, tmp_path: Path):
    place = Place(tmp_path / "home", {variable: str(tmp_path / "moved")})
    assert {edit.file for edit in CLIENTS[name].edits(place, TARGET)} == {tmp_path / "moved" / file}


BEFORE = {
    "claude-code": (
        ".claude/settings.json",
        '{\n\t"env": {"ANTHROPIC_BASE_URL": "https://elsewhere", "ANTHROPIC_API_KEY": "old",\n'
        '\t\t"CLAUDE_CODE_USE_BEDROCK": "1"},\n\t"apiKeyHelper": "helper", "model": "opus"}',
    ),
    "codex": (".codex/config.toml", '# notes\nmodel_provider = "mine"\n\n[model_providers.mine]\nname = "Mine"\n'),
    "gemini-cli": (".gemini/.env", "# notes\nexport GEMINI_API_KEY='old'\nGOOGLE_API_KEY=older"),
    "qwen-code": (".qwen/.env", 'OPENAI_BASE_URL="https://elsewhere"\r\nOTHER=1\r\n'),
    "opencode": (".config/opencode/opencode.json", '{"enabled_providers":["mine"],"model":"mine/m","theme":"dark"}'),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_file_that_nobody_has_touched_is_put_back_to_the_byte(name: str, tmp_path: Path):
    file, text = tmp_path / BEFORE[name][0], BEFORE[name][1]
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode())
    file.chmod(0o644)
    edits = CLIENTS[name].edits(Place(tmp_path, {}), TARGET)
    pointed = point(edits)
    assert all(map(pointing.in_force, edits))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert pointing.restore(pointed) == []
    assert file.read_bytes() == text.encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert len(tree(tmp_path)) == 1


def test_what_the_client_has_written_since_stays(tmp_path: Path):
    file = tmp_path / ".claude/settings.json"
    file.parent.mkdir()
    file.write_text('{"env": {"ANTHROPIC_API_KEY": "old"}}')
    pointed = point(CLIENTS["claude-code"].edits(Place(tmp_path, {}), TARGET))
    settings = json.loads(file.read_text())
    settings["theme"] = "light"
    settings["env"]["OTHER"] = "1"
    file.write_text(json.dumps(settings))
    assert pointing.restore(pointed) == []
    assert json.loads(file.read_text()) == {"env": {"OTHER": "1", "ANTHROPIC_API_KEY": "old"}, "theme": "light"}


def test_what_somebody_has_set_otherwise_is_left_and_said(tmp_path: Path):
    file = tmp_path / ".claude/settings.json"
    pointed = point(CLIENTS["claude-code"].edits(Place(tmp_path, {}), TARGET))
    settings = json.loads(file.read_text())
    settings["env"]["ANTHROPIC_BASE_URL"] = "https://elsewhere"
    file.write_text(json.dumps(settings))
    assert pointing.restore(pointed) == [f"env.ANTHROPIC_BASE_URL in {file} was changed since"]
    assert json.loads(file.read_text()) == {"env": {"ANTHROPIC_BASE_URL": "https://elsewhere"}}


def test_a_list_loses_only_our_member(tmp_path: Path):
    file = tmp_path / ".config/opencode/opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"enabled_providers": ["mine"]}')
    pointed = point(CLIENTS["opencode"].edits(Place(tmp_path, {}), TARGET))
    settings = json.loads(file.read_text())
    assert settings["enabled_providers"] == ["mine", "proxycast"]
    settings["enabled_providers"].append("third")
    file.write_text(json.dumps(settings))
    assert pointing.restore(pointed) == []
    assert json.loads(file.read_text()) == {"enabled_providers": ["mine", "third"]}


def test_a_file_that_is_gone_stays_so(tmp_path: Path):
    file = tmp_path / ".codex/config.toml"
    file.parent.mkdir()
    file.write_text('model = "m"\n')
    pointed = point(CLIENTS["codex"].edits(Place(tmp_path, {}), TARGET))
    file.unlink()
    assert pointing.restore(pointed) == [f"{file} is gone"]
    assert not file.exists()


def test_a_link_stays_a_link(tmp_path: Path):
    real, file = tmp_path / "dotfiles.json", tmp_path / ".claude/settings.json"
    real.write_text("{}")
    file.parent.mkdir()
    file.symlink_to(real)
    pointed = point(CLIENTS["claude-code"].edits(Place(tmp_path, {}), TARGET))
    assert "the-key" in real.read_text()
    pointing.restore(pointed)
    assert file.is_symlink()
    assert real.read_text() == "{}"


def test_what_stands_there_already_is_not_ours_to_take_away(tmp_path: Path):
    place = Place(tmp_path, {})
    file = tmp_path / ".codex/config.toml"
    file.parent.mkdir()
    file.write_text('model = "a-model"\n')
    pointed = point(CLIENTS["codex"].edits(place, TARGET))
    file.write_text(file.read_text() + "\n[tui]\n")
    pointing.restore(pointed)
    assert file.read_text().startswith('model = "a-model"\n')
    assert pointing.value(file, ("model_provider",)) is None


def test_all_files_are_written_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    env, settings = tmp_path / ".gemini/.env", tmp_path / ".gemini/settings.json"
    env.parent.mkdir()
    env.write_text("A=1\n")
    settings.write_text("{}\n")
    edits = pointing.due(CLIENTS["gemini-cli"].edits(Place(tmp_path, {}), TARGET))
    changes = pointing.plan(edits)
    before = tree(tmp_path)

    def full(path: Path, text: str, real=pointing.replace_text) -> None:
        if path == settings:
            raise OSError(28, "No space left on device", str(path))
        real(path, text)

    monkeypatch.setattr(pointing, "replace_text", full)
    with pytest.raises(OSError, match="No space left"):
        pointing.write(changes)
    assert tree(tmp_path) == before


def test_a_file_that_cannot_be_read_is_named_and_nothing_is_changed(tmp_path: Path):
    file = tmp_path / ".claude/settings.json"
    file.parent.mkdir()
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DocumentError, match=r"settings\.json is not UTF-8"):
        pointing.plan(CLIENTS["claude-code"].edits(Place(tmp_path, {}), TARGET))
    file.write_text("{ // mine\n}")
    with pytest.raises(DocumentError, match=r"settings\.json cannot be changed: it is not plain JSON"):
        pointing.plan(CLIENTS["claude-code"].edits(Place(tmp_path, {}), TARGET))
