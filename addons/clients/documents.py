"""Configuration files of other programs (JSON, TOML, `.env`), changed value by value: the rest stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import tomlkit
from tomlkit.exceptions import TOMLKitError

#: From the document's root to a value; a `.env` file has names alone.
type Keys = tuple[str, ...]


class DocumentError(Exception):
    """The file is not what its name says; the text says what is wrong, and nothing was changed."""


class Document(Protocol):
    def get(self, keys: Keys) -> Any:
        """The value there; None where there is none."""

    def put(self, keys: Keys, value: Any) -> None:
        """Set it, with the tables on the way. Raises DocumentError where something else stands in the way."""

    def remove(self, keys: Keys, prune: int = 0) -> None:
        """Take it out, and of the tables around it up to `prune` that are empty then, from the innermost."""

    def text(self) -> str:
        """The whole file; empty when nothing is left in it."""


def parse(name: str, text: str) -> Document:
    """The document in a file of that name (`settings.json`, `config.toml`, `.env`). Raises DocumentError."""
    if name.endswith(".toml"):
        return _toml(text)
    if name.endswith(".json"):
        return _json(text)
    return _Assignments(text)


class _Tree:
    """Mappings within mappings."""

    def __init__(self, root: Any, write: Callable[[Any], str]) -> None:
        self._root, self._write = root, write

    def get(self, keys: Keys) -> Any:
        found = self._root
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                return None
            found = found[key]
        return found

    def put(self, keys: Keys, value: Any) -> None:
        table = self._root
        for depth, key in enumerate(keys[:-1], 1):
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise DocumentError(f"{'.'.join(keys[:depth])} is not a table in it")
        table[keys[-1]] = value

    def remove(self, keys: Keys, prune: int = 0) -> None:
        tables = [self._root]
        for key in keys[:-1]:
            inner = tables[-1].get(key)
            if not isinstance(inner, dict):
                return
            tables.append(inner)
        tables[-1].pop(keys[-1], None)
        for _ in range(prune):
            if len(tables) < 2 or tables.pop():
                return
            del tables[-1][keys[len(tables) - 1]]

    def text(self) -> str:
        return self._write(self._root) if self._root else ""


def _json(text: str) -> _Tree:
    try:
        root = json.loads(text.removeprefix("\ufeff")) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        commented = " (comments in it would be lost)" if re.search(r"(^|[\s{\[,])//|/\*", text) else ""
        raise DocumentError(f"it is not plain JSON{commented}: {error}") from None
    if not isinstance(root, dict):
        raise DocumentError("it is not a JSON object")
    indent = re.search(r"^\{\s*\n([ \t]+)", text)
    return _Tree(root, lambda value: json.dumps(value, indent=indent[1] if indent else 2, ensure_ascii=False) + "\n")


def _toml(text: str) -> _Tree:
    try:
        return _Tree(tomlkit.parse(text), tomlkit.dumps)
    except TOMLKitError as error:
        raise DocumentError(f"it is not TOML: {error}") from None


class _Assignments:
    """`NAME=value` lines; the last of a name counts, as for the tools that read them. Values are kept as written."""

    _LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=(.*)")

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def _of(self, name: str) -> list[int]:
        matches = ((at, self._LINE.fullmatch(line)) for at, line in enumerate(self._lines))
        return [at for at, match in matches if match and match[1] == name]

    def get(self, keys: Keys) -> str | None:
        found = self._of(keys[0])
        if not found:
            return None
        _, _, value = self._lines[found[-1]].partition("=")
        return value.strip()

    def put(self, keys: Keys, value: str) -> None:
        found = self._of(keys[0])
        if found:
            before, _, _ = self._lines[found[-1]].partition("=")
            self._lines[found[-1]] = f"{before}={value}"
        else:
            self._lines.append(f"{keys[0]}={value}")

    def remove(self, keys: Keys, prune: int = 0) -> None:
        for at in reversed(self._of(keys[0])):
            del self._lines[at]

    def text(self) -> str:
        return "".join(line + "\n" for line in self._lines)


def read(path: Path) -> str | None:
    """The file's text; None where there is none. Raises DocumentError and OSError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path} is not UTF-8: {error}") from None
