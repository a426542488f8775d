"""scripts/run and scripts/test on machines of all kinds, played with a Python that only notes what it is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "chmod", "cksum", "cp", "dirname", "env", "ls", "mkdir", "rm", "tr")

FAKE_PYTHON = """\
#!/usr/bin/env bash
case "$1 ${2-}" in
  "-c "*) [ -n "${0##*broken*}" ] ;;
  "--version "*) echo "Python ${FAKE_VERSION-3.13.9}" ;;
  "-m venv") echo venv >>"$NOTES"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip")
    echo "install ${*: -1}" >>"$NOTES"
    [ -z "${PIP_FAILS-}" ] || exit 1
    printf '#!/usr/bin/env bash\\necho "proxycast $*"\\n' >.venv/bin/proxycast
    chmod +x .venv/bin/proxycast ;;
  *) echo "python $*" ;;
esac
"""


class Machine:
    """A checkout on a machine with nothing but a few tools on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.tools, self.checkout = folder / "home", folder / "bin", folder / "checkout"
        for made in (self.home, self.tools, self.checkout / "scripts"):
            made.mkdir(parents=True)
        for name in ("setup.sh", "run", "test"):
            shutil.copy(ROOT / "scripts" / name, self.checkout / "scripts" / name)
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.tools / tool).symlink_to(found)
        self.notes = folder / "notes"
        self.path = [str(self.tools)]
        self.environment: dict[str, str] = {}

    def python(self, path: str) -> Path:
        """Put a Python there, relative to this machine's folder; one with "broken" in its path does not run."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FAKE_PYTHON, encoding="utf-8")
        file.chmod(0o755)
        return file

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.pathsep.join(self.path), "HOME": str(self.home), "NOTES": str(self.notes)}
        return subprocess.run(
            [str(self.checkout / "scripts" / name), *arguments],
            cwd=self.folder,
            env={**environment, **self.environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def noted(self) -> list[str]:
        return self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_python_it_is_one_line_and_a_failure(machine: Machine):
    result = machine.script("run")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("proxycast: no usable Python found: 3.12, 3.13 or 3.14 is needed")
    assert result.stderr.count("\n") == 1


def test_a_python_that_does_not_run_is_none(machine: Machine):
    """A shim of pyenv is on PATH for every version that is installed, active or not."""
    machine.python("broken/python3.13")
    machine.path.append(str(machine.folder / "broken"))
    assert "no usable Python" in machine.script("run").stderr


PLACES = {
    "PATH": "bin/python3.12",
    "PATH, without a version": "bin/python3",
    "pyenv in the home folder": "home/.pyenv/versions/3.13.4/bin/python",
    "pyenv elsewhere, by its shims": "elsewhere/versions/3.12.1/bin/python",
    "pyenv elsewhere, by its variable": "own/versions/3.14.0/bin/python",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_python_is_found_wherever_it_may_be(machine: Machine, place: str):
    python = machine.python(place)
    (machine.folder / "elsewhere" / "shims").mkdir(parents=True, exist_ok=True)
    machine.path.append(str(machine.folder / "elsewhere" / "shims"))
    machine.environment["PYENV_ROOT"] = str(machine.folder / "own")
    result = machine.script("run")
    assert result.returncode == 0, result.stderr
    assert f"({python})" in result.stderr


def test_a_python_is_found_in_uv(machine: Machine):
    python = machine.python("uv/python")
    uv = machine.tools / "uv"
    uv.write_text(f'#!/usr/bin/env bash\n[ "$*" = "python find --system 3.12" ] && echo {python}\n', encoding="utf-8")
    uv.chmod(0o755)
    assert f"({python})" in machine.script("run").stderr


def test_3_13_is_preferred(machine: Machine):
    for version in ("3", "3.12", "3.14"):
        machine.python(f"bin/python{version}")
    preferred = machine.python("home/.pyenv/versions/3.13.0/bin/python")
    assert f"({preferred})" in machine.script("run").stderr


def test_it_installs_once_and_starts_with_the_arguments(machine: Machine):
    machine.python("bin/python3.13")
    first = machine.script("run", "--port", "9000")
    assert first.stdout == "proxycast run --port 9000\n"
    assert machine.noted == ["venv", "install ."]
    second = machine.script("run")
    assert second.stdout == "proxycast run\n"
    assert second.stderr == ""
    assert machine.noted == ["venv", "install ."]


def test_it_installs_again_when_the_requirements_have_changed(machine: Machine):
    machine.python("bin/python3.13")
    machine.script("run")
    with (machine.checkout / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    machine.script("run")
    assert machine.noted == ["venv", "install .", "install ."]


def test_it_installs_again_when_the_checkout_was_moved(machine: Machine):
    machine.python("bin/python3.13")
    machine.script("run")
    machine.checkout = machine.checkout.rename(machine.folder / "moved")
    machine.script("run")
    assert machine.noted == ["venv", "install .", "install ."]


def test_a_venv_that_does_not_work_is_made_anew(machine: Machine):
    machine.python("bin/python3.13")
    machine.script("run")
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    result = machine.script("run")
    assert result.returncode == 0
    assert "making it anew" in result.stderr
    assert machine.noted == ["venv", "install .", "venv", "install ."]


def test_a_failed_installation_is_a_failure_and_is_tried_again(machine: Machine):
    machine.python("bin/python3.13")
    machine.environment["PIP_FAILS"] = "1"
    result = machine.script("run")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "the installation failed" in result.stderr
    del machine.environment["PIP_FAILS"]
    assert machine.script("run").returncode == 0


def test_tests_bring_their_own_requirements_and_take_arguments(machine: Machine):
    machine.python("bin/python3.13")
    result = machine.script("test", "tests/pool", "-q")
    assert result.stdout == "python -m pytest tests/pool -q\n"
    assert machine.noted == ["venv", "install .[test]"]


def test_on_3_12_the_tests_get_the_newest_google_sdk_in_spite_of_what_it_asks_for(machine: Machine):
    machine.python("bin/python3.12")
    machine.environment["FAKE_VERSION"] = "3.12.1"
    machine.script("test", "tests/pool")
    assert machine.noted == ["venv", "install .[test]", "install google-genai>=3.4,<4"]


def test_the_scripts_stay_within_the_bash_of_macos():
    """No associative arrays, no ${x,,}, no mapfile, no &>>: they came after 3.2."""
    for name in ("setup.sh", "run", "test", "docs"):
        text = (ROOT / "scripts" / name).read_text("utf-8")
        assert not any(word in text for word in ("declare -A", "local -A", ",,}", "^^}", "mapfile", "readarray", "&>>"))
