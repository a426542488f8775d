"""The documents: their links lead somewhere, and what can be checked against the code is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from addons.cli.main import main
from addons.gateway.exchange import Cause
from addons.providers.registry import read_manifest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document: Path):
    targets = re.findall(r"\]\(([^)#]+)", document.read_text("utf-8"))
    missing = [one for one in targets if not one.startswith("http") and not (document.parent / one).exists()]
    assert missing == []


def test_the_readme_names_the_two_commands_first():
    block = text("README.md").split("```")[1]
    assert re.findall(r"^scripts/\w+", block, re.MULTILINE) == ["scripts/run", "scripts/test"]


def test_every_command_that_a_document_shows_exists():
    for document in DOCUMENTS:
        for group, command in re.findall(r"\bproxycast (\w+)(?: (\w+))?", document.read_text("utf-8")):
            found = main.commands.get(group)
            if found is not None and command and hasattr(found, "commands"):
                assert command in found.commands, f"{document.name}: proxycast {group} {command}"


def test_every_package_has_its_place_in_the_architecture():
    page = text("docs/architecture.md")
    packages = {
        path.parent.relative_to(ROOT) for top in ("addons", "translators") for path in ROOT.glob(f"{top}/*/__init__.py")
    }
    assert [str(one) for one in sorted(packages) if f"`{one}/`" not in page] == []


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.OK])
def test_every_way_in_which_an_attempt_ends_has_its_outcome(cause: Cause):
    assert re.search(rf"`(outcome = )?{cause.value}`", text("docs/outcomes.md"))


def test_the_manifest_that_is_shown_is_one():
    shown = text("docs/providers.md").partition("```toml\n")[2].partition("```")[0]
    manifest = read_manifest(shown)
    assert manifest.id == "acme"
    assert manifest.targets[0][1]["thinking"] == "effort"


def test_the_version_is_in_the_changelog():
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert f"## {version}" in text("CHANGELOG.md")


def test_every_complaint_names_tests_that_there_are():
    page = text("docs/complaints.md")
    named = re.findall(r"\[`(\w+)`\]\(\.\./([\w/.]+)\)", page)
    assert len(named) > 100
    missing = [f"{path}::{name}" for name, path in named if f"def test_{name}(" not in text(path)]
    assert missing == []
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert numbers == list(range(1, 109))
