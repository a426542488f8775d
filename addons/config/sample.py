"""The commented sample `config.toml`, generated from settings.py so that it cannot go stale."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from pydantic.fields import FieldInfo

from addons.config.settings import CustomProvider, InterceptRule, Profile, Route, Section, Settings

HEAD = """\
# ProxyCast: everything that is not secret. A running gateway follows changes at once, where not said otherwise; a
# broken edit keeps the settings before. The `proxycast` command edits this file too and keeps your comments.
# All settings are shown with their defaults: take away the # before one to change it, and before its [section].
"""

#: What a default cannot show; written by hand, checked by tests.
EXAMPLES = """\
# A profile is a choice of credentials (`proxycast profiles add work --use anthropic-key,openrouter` writes one).
#
#     [profiles.work]
#     use = ["anthropic-key", ["openrouter-1", "openrouter-2"]]    # in order; equals in a list of their own
#     models = { haiku = "claude-haiku-4-5", "gpt-*" = "claude-sonnet-4-6" }
#
#     [[profiles.work.routes]]
#     match = "gemini-*"
#     use = ["google"]
#
# Requests that a client makes to a host through the intercepting proxy, answered by a profile instead.
#
#     [[intercept.rules]]
#     host = "api.openai.com"
#     profile = "work"
#
# A service that no preset knows (`proxycast providers list --presets`); `proxycast credentials add my-service` follows.
#
#     [providers.my-service]
#     protocols = ["openai_chat", "anthropic"]
#     base_url = "https://llm.example.com/v1"
#     base_urls = { anthropic = "https://llm.example.com/anthropic" }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: `default` as TOML, "" where it must be given."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file; `name` as it is written between brackets, "" for the top."""

    name: str
    meaning: str
    rows: list[Row]


def tables() -> list[Table]:
    """The top of the file, then every table that has defaults of its own."""
    top = Table("", _meaning(Settings), list(_rows(Settings)))
    return [top, *(_table(name, kind) for name, kind in _sections())]


def named_tables() -> list[Table]:
    """The tables that the user names or repeats: they have no place in the sample but in its examples."""
    named: list[tuple[str, type[Section]]] = [
        ("profiles.NAME", Profile),
        ("[profiles.NAME.routes]", Route),
        ("[intercept.rules]", InterceptRule),
        ("providers.NAME", CustomProvider),
    ]
    return [_table(name, kind) for name, kind in named]


def sample() -> str:
    """The file's text: nothing in it is in force."""
    parts = [HEAD]
    for table in tables():
        lines = [f"# {table.meaning}", f"#[{table.name}]"] if table.name else []
        for row in table.rows:
            lines += [f"# {row.meaning}", f"#{row.name} = {row.default}"]
        parts.append("\n".join(lines) + "\n")
    return "\n".join([*parts, EXAMPLES])


def write_sample(path: Path) -> bool:
    """Write the sample unless there is a file; whether it was written."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(sample())
        return True
    return False


def _sections() -> Iterator[tuple[str, type[Section]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield name, field.annotation


def _table(name: str, kind: type[Section]) -> Table:
    return Table(name, _meaning(kind), list(_rows(kind)))


def _rows(kind: type[Section]) -> Iterator[Row]:
    for name, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Section) or name in ("profiles", "providers", "rules"):
            continue  # tables of their own
        yield Row(name, _type(field), _toml(field, default), field.description or "")


def _meaning(kind: type[Section]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")


def _type(field: FieldInfo) -> str:
    text = str(field.annotation) if not isinstance(field.annotation, type) else field.annotation.__name__
    return text.removeprefix("typing.").replace("addons.config.settings.", "")


def _toml(field: FieldInfo, default: Any) -> str:
    if field.is_required() or default is None:
        return ""
    return str(tomlkit.item(default).as_string())
