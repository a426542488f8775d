"""`proxycast export` and `proxycast import`: from one home to another, never without a passphrase."""

from __future__ import annotations

from pathlib import Path

import pytest

from addons.config.home import Home
from addons.pool.standing import Standing, State
from addons.pool.standing_store import StandingStore
from addons.vault.store import StateStore

pytestmark = pytest.mark.slow  # starts processes, or works hard on purpose

SECRET = "sk-" + "test-0123456789"
PASSPHRASE = "a good passphrase\n"


@pytest.fixture
def exported(done, tmp_path: Path) -> tuple[Path, str]:
    """A file, and the client key that it carries the hash of."""
    done("credentials", "add", "openai", "--name", "a", "--set", "api=chat", "--priority", "3", given=SECRET)
    done("profiles", "add", "work", "--use", "a")
    done("profiles", "use", "work")
    key = done("keys", "create", "laptop", "--profile", "work")
    done("export", str(tmp_path / "all.proxycast"), given=PASSPHRASE)
    return tmp_path / "all.proxycast", key


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Another machine: to be asked for after what is exported."""
    return Home(tmp_path / "elsewhere")


def move(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    monkeypatch.setenv("PROXYCAST_HOME", str(home.path))


def test_everything_arrives(exported, elsewhere: Home, done, read, monkeypatch):
    file, key = exported
    move(monkeypatch, elsewhere)
    done("import", str(file), given=PASSPHRASE)
    store = StateStore(elsewhere.state, elsewhere.vault_key)
    assert store.credentials["a"].secret == SECRET
    assert store.credentials["a"].settings == {"api": "chat"}
    assert store.credentials["a"].priority == 3
    found = store.find_key(key)
    assert found is not None
    assert found.profile == "work"
    assert [row["name"] for row in read("profiles", "list") if row["active"]] == ["work"]


def test_the_file_tells_nothing_and_is_its_owners_alone(exported):
    file, key = exported
    text = file.read_text("utf-8")
    assert SECRET not in text
    assert key not in text
    assert "openai" not in text
    assert file.stat().st_mode & 0o777 == 0o600


def test_there_is_no_export_without_a_good_passphrase(refused, done, tmp_path: Path):
    for given in ("", "\n", "short\n"):
        assert "at least 8 characters" in refused("export", str(tmp_path / "x"), given=given, status=2)
    assert not (tmp_path / "x").exists()


def test_an_existing_file_is_not_overwritten(exported, refused):
    file, _ = exported
    before = file.read_bytes()
    assert "File exists" in refused("export", str(file), given=PASSPHRASE)
    assert file.read_bytes() == before


def test_a_wrong_passphrase_changes_nothing(exported, elsewhere: Home, refused, monkeypatch):
    move(monkeypatch, elsewhere)
    assert "passphrase is wrong" in refused("import", str(exported[0]), given="another one\n")
    assert not elsewhere.config.exists()


def test_what_is_here_already_stays_unless_it_is_to_be_replaced(exported, done, refused, read):
    file, _ = exported
    done("credentials", "edit", "a", "--priority", "9")
    done("profiles", "add", "other", "--use", "a")
    said = refused("import", str(file), given=PASSPHRASE)
    assert "credential 'a', client key 'laptop', config.toml" in said
    assert read("credentials", "show", "a")[0]["priority"] == 9
    done("import", str(file), "--replace", given=PASSPHRASE)
    assert read("credentials", "show", "a")[0]["priority"] == 3
    assert "other" not in [row["name"] for row in read("profiles", "list")]


def test_a_credential_that_cannot_be_opened_stops_the_export(exported, refused, home: Home, tmp_path: Path):
    home.vault_key.unlink()
    assert "nothing was exported" in refused("export", str(tmp_path / "x"), given=PASSPHRASE)


def test_another_file_is_refused(refused, tmp_path: Path):
    (tmp_path / "x").write_text("hello", encoding="utf-8")
    assert "not a file that `proxycast export` wrote" in refused("import", str(tmp_path / "x"), given=PASSPHRASE)
    assert "cannot read" in refused("import", str(tmp_path / "missing"), given=PASSPHRASE)


@pytest.mark.parametrize(("secret", "state"), [("sk-" + "another-0123456789", "active"), (SECRET, "out_of_service")])
def test_what_was_learned_of_another_secret_is_not_that_of_the_imported_one(
    exported, done, read, home: Home, secret: str, state: str
):
    done("credentials", "edit", "a", "--secret", given=secret)
    StandingStore(home.state).save([("a", Standing(State.OUT_OF_SERVICE, "wrong key"))])
    done("import", str(exported[0]), "--replace", given=PASSPHRASE)
    assert read("credentials", "show", "a")[0]["state"] == state
