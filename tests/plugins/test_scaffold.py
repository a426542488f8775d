"""`plugins new` writes plugins that work, with tests that pass; so does the example in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from addons.plugins import scaffold, testing
from addons.plugins.folder import PluginError, Runtime
from addons.plugins.folder import read as read_plugin
from addons.plugins.install import sources
from addons.plugins.install.installer import Installer
from tests.e2e.gateway import ROOT
from tests.plugins import making

EXAMPLE = ROOT / "docs" / "examples" / "tally-python"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zenith", "my-own-service"])
@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_a_new_plugin_s_tests_pass(tmp_path: Path, kind: str, name: str) -> None:
    done = run(scaffold.write(name, kind, tmp_path), "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_those_of_an_executable_need_no_pytest(tmp_path: Path) -> None:
    done = run(scaffold.write("zenith", "executable", tmp_path), "-m", "unittest", "discover", "tests")
    assert done.returncode == 0 and "Ran 8 tests" in done.stderr, done.stdout + done.stderr


@pytest.mark.slow
def test_its_tests_fail_when_it_is_broken(tmp_path: Path) -> None:
    folder = scaffold.write("zenith", "python", tmp_path)
    manifest = folder / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('"Bearer "', '"Basic "'))
    assert run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider").returncode == 1


@pytest.mark.slow
def test_data_alone_is_enough_as_the_document_says(tmp_path: Path) -> None:
    folder = scaffold.write("zenith", "python", tmp_path)
    (folder / "provider.py").unlink()
    described = json.loads((folder / "plugin.json").read_text())
    del described["entry"]
    (folder / "plugin.json").write_text(json.dumps(described))
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not only_provider_py")
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr
    assert read_plugin(folder).runtime is Runtime.MANIFEST


@pytest.mark.slow
def test_the_example_s_own_tests_pass() -> None:
    done = run(EXAMPLE, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("kind", "runtime"), [("python", Runtime.PYTHON), ("executable", Runtime.EXECUTABLE)])
def test_a_new_plugin_can_be_installed_as_it_is(tmp_path: Path, kind: str, runtime: Runtime) -> None:
    folder = scaffold.write("zenith", kind, tmp_path)
    assert testing.findings(folder) == []
    with Installer(tmp_path / "plugins").prepared(sources.parse(str(folder))) as prepared:
        plugin = prepared.install()
    assert (plugin.name, plugin.runtime, plugin.provider_manifest().id) == ("zenith", runtime, "zenith")


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_nothing_is_left_of_the_template_s_name(tmp_path: Path, kind: str) -> None:
    folder = scaffold.write("my-own-service", kind, tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".toml", ".py", ".md"}
    assert not [path for path in files if "acme" in path.read_text().lower() or "@VERSION@" in path.read_text()]
    assert json.loads((folder / "plugin.json").read_text())["name"] == "my-own-service"


@pytest.mark.parametrize("name", ["", "../x", "Upper", "two words", "1st", "a/b", "x" * 60, "con"])
def test_a_name_that_cannot_be_an_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError):
        scaffold.write(name, "python", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    scaffold.write("zenith", "python", tmp_path)
    with pytest.raises(PluginError, match="already"):
        scaffold.write("zenith", "executable", tmp_path)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"manifest": making.MANIFEST.format(id="acme", url="http://acme.example/v1")}, "base URLs are https"),
        ({}, "say in `terms`"),
        ({}, "make `base_url` a setting"),
        ({}, "each field wants a `title`"),
        ({}, "name some models"),
        ({"json_": making.described()}, "name a `license`"),
        ({"files": {"__init__.py": "1 / 0"}}, "ZeroDivisionError"),
    ],
)
def test_what_is_missing_is_found(tmp_path: Path, change: dict[str, object], finding: str) -> None:
    folder = making.write(tmp_path, **change)  # type: ignore[arg-type]
    assert any(finding in sentence for sentence in testing.findings(folder))


def test_the_example_lacks_nothing() -> None:
    assert testing.findings(EXAMPLE) == []
    assert read_plugin(EXAMPLE).manifest.license == "MIT"
