"""Changes a client's files so that it talks to the gateway, and puts them back: to the byte where nobody has touched
them since, else value by value, leaving what somebody has changed."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addons.clients import documents
from addons.clients.documents import Document, DocumentError, Keys
from addons.clients.kept import KeptFile, Pointed
from addons.clients.known import Edit
from addons.vault.private_file import keep_private, replace_text


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it will be; None where there is none."""

    path: Path
    before: str | None
    after: str | None
    mode: int | None = None


def due(edits: Iterable[Edit]) -> list[Edit]:
    """Those that the files do not say already: what does not come from us is not ours to take away again."""
    return [edit for edit in edits if not in_force(edit)]


def plan(edits: Iterable[Edit]) -> list[Change]:
    """What the edits make of the files; nothing is written. Raises DocumentError, which names the file, and OSError."""
    changes = []
    for path, wanted in _by_file(edits).items():
        before = documents.read(path)
        document = _parse(path, before)
        for edit in wanted:
            _apply(document, edit)
        mode = stat.S_IMODE(path.stat().st_mode) if before is not None else None
        changes.append(Change(path, before, document.text(), mode))
    return changes


def kept(changes: Iterable[Change]) -> tuple[KeptFile, ...]:
    return tuple(KeptFile(str(c.path), c.before, c.mode, _digest(c.after or "")) for c in changes)


def write(changes: Iterable[Change]) -> None:
    """All of them or, where one cannot be written, none. Others cannot read them afterwards: there is a key in them.
    Raises OSError."""
    done: list[Change] = []
    try:
        for change in changes:
            done.append(change)
            _write(change.path, change.after, mode=0o600 if change.mode is None else change.mode & 0o700)
    except OSError:
        for change in reversed(done):
            if documents.read(change.path) != change.before:
                _write(change.path, change.before, change.mode)
        raise


def value(path: Path, keys: Keys) -> Any:
    """What stands there; None where there is nothing, or no file that can be read."""
    try:
        return _parse(path, documents.read(path)).get(keys)
    except (DocumentError, OSError):
        return None


def in_force(edit: Edit) -> bool:
    """Whether the file says so."""
    return edit.holds(value(edit.file, edit.keys))


def restore(pointed: Pointed) -> list[str]:
    """Put the files back; → what was left as it is, a line each, because somebody has changed it since. Raises
    DocumentError and OSError."""
    left: list[str] = []
    edits = _by_file(pointed.edits)
    for file in pointed.files:
        path = Path(file.path)
        now = documents.read(path)
        if now is None:
            if file.before is not None:
                left.append(f"{path} is gone")
        elif _digest(now) == file.after:
            _write(path, file.before, file.mode)
        else:
            left += _restore_values(path, now, file, edits[path])
    return left


def _restore_values(path: Path, now: str, file: KeptFile, edits: list[Edit]) -> list[str]:
    document, before = _parse(path, now), _parse(path, file.before)
    left = []
    for edit in edits:
        found, old = document.get(edit.keys), before.get(edit.keys)
        if edit.member:
            if isinstance(found, list) and edit.value in found:
                _put(document, path, edit.keys, [member for member in found if member != edit.value])
        elif not edit.holds(found):
            if found != old:
                left.append(f"{'.'.join(edit.keys)} in {path} was changed since")
        elif old is not None:
            _put(document, path, edit.keys, old)
        else:
            prune = sum(before.get(edit.keys[:depth]) is None for depth in range(1, len(edit.keys)))
            document.remove(edit.keys, prune)
    text = document.text()
    _write(path, None if file.before is None and not text else text, file.mode or stat.S_IMODE(path.stat().st_mode))
    return left


def _by_file(edits: Iterable[Edit]) -> dict[Path, list[Edit]]:
    found: dict[Path, list[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.file, []).append(edit)
    return found


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of what is wrong with a document in which file it is."""
    try:
        yield
    except DocumentError as error:
        raise DocumentError(f"{path} cannot be changed: {error}") from None


def _parse(path: Path, text: str | None) -> Document:
    with _named(path):
        return documents.parse(path.name, text or "")


def _apply(document: Document, edit: Edit) -> None:
    if edit.value is None:
        document.remove(edit.keys)
        return
    wanted = [*document.get(edit.keys), edit.value] if edit.member else edit.value
    _put(document, edit.file, edit.keys, wanted)


def _put(document: Document, path: Path, keys: Keys, value: object) -> None:
    with _named(path):
        document.put(keys, value)


def _write(path: Path, text: str | None, mode: int | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        keep_private(path)
    replace_text(path, text)
    if mode is not None:
        path.chmod(mode)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
