"""docs/plugins.md says of every key what it means, and the hour it promises begins with commands that exist."""

from __future__ import annotations

import re

import pytest

from addons.plugins.config import PluginConfig
from addons.plugins.install import archive
from addons.plugins.manifest import PERMISSIONS, Binary, PluginManifest, PluginProvider, Ui
from addons.plugins.platforms import PLATFORMS
from tests.e2e.gateway import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


@pytest.mark.parametrize("shape", [PluginManifest, PluginProvider, Binary, Ui, PluginConfig])
def test_every_key_is_explained(shape: type[PluginManifest]) -> None:
    assert [name for name in shape.model_fields if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("word", [*PERMISSIONS, *PLATFORMS, *archive.SUFFIXES])
def test_every_word_that_may_be_used_is_there(word: str) -> None:
    assert f"`{word}`" in PAGE or (word in archive.SUFFIXES and word in PAGE)


def test_the_caps_are_those_of_the_code() -> None:
    assert f"{archive.MAX_FILES:,} entries or {archive.MAX_BYTES >> 20} MiB" in PAGE


def test_the_examples_are_there() -> None:
    for example in re.findall(r"\]\((examples/[\w-]+)\)", PAGE):
        assert (ROOT / "docs" / example / "plugin.json").is_file()
