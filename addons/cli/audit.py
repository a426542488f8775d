"""`proxycast audit`: look into the recorded exchanges, export one, and delete old ones."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from addons.audit import reader
from addons.audit.redact import Redactor
from addons.audit.retention import checkpoint, purge
from addons.audit.schema import open_for_writing
from addons.cli.context import WIDE, fail, guarded, json_option
from addons.config.home import Home

_RECENT = ("number", "when", "client", "model", "provider", "status", "in", "out", "cost", "time", "id")
_SEARCH = ("number", "when", "client", "role", "kind", "text", "exchange")

_ATTEMPT = ("number", "provider", "credential", "model", "status", "outcome", "error", "why")
_SIDE = ("attempt", "side", "size", "truncated")

_UNBROKEN = frozenset(("number", "when", "status", "in", "out", "cost", "time", "id", "exchange", "role", "kind"))
#: What a narrow terminal does without, the first one first: the number finds an exchange as well as its id.
_SPARE = ("id", "exchange", "cost", "client", "kind")
_GAP = 2  # between two columns
_FOLDED = 20  # columns that what may be folded is given at least

#: What `show` leaves out: it has its own table for them.
_LISTS = ("attempt_list", "sides")


@click.group()
def audit() -> None:
    """What went through the gateway: every exchange, with tokens, cost, timing and bodies."""


@audit.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--errors", is_flag=True, help="Only those that failed.")
@click.option("--client", help="Only those of this client (claude-code, codex, …).")
@click.option("--provider", help="Only those that this provider answered.")
@click.option("--model", help="Only those that this model answered.")
@json_option
@guarded
def recent(
    limit: int, errors: bool, client: str | None, provider: str | None, model: str | None, as_json: bool
) -> None:
    """The latest exchanges, newest first."""
    wanted = {"client": client, "provider": provider, "served_model": model}
    equal = {column: value for column, value in wanted.items() if value is not None}
    rows = reader.recent(_database(), limit=limit, errors=errors, **equal)
    if as_json:
        _print_json(rows)
        return
    _print_table(_RECENT, [_summary(row) for row in rows])


@audit.command()
@click.argument("exchange_id", metavar="ID")
@click.option("--side", type=click.Choice(reader.SIDES), help="One of the four sides: its headers.")
@click.option("--attempt", type=click.IntRange(1), help="Of which attempt; the last one if not given.")
@click.option("--body", is_flag=True, help="With --side: its body instead, byte for byte.")
@json_option
@guarded
def show(exchange_id: str, side: str | None, attempt: int | None, body: bool, as_json: bool) -> None:
    """One exchange, by its id or its number."""
    if body and side is None:
        raise click.UsageError("--body needs --side.")
    try:
        if body and side is not None:
            _print_body(reader.rebuild(_database(), exchange_id, side, attempt))
            return
        found = reader.exchange(_database(), exchange_id)
    except reader.NotFoundError as error:
        fail(str(error))
    if side is not None:
        sides = [one for one in found["sides"] if one["side"] == side and attempt in (None, one["attempt"])]
        if not sides:
            fail(f"exchange {exchange_id} has no {side}")
        if as_json:
            _print_json(sides[-1])
        else:
            _print_table(("header", "value"), sides[-1]["headers"])
        return
    if as_json:
        _print_json(found)
        return
    shown = {name: value for name, value in found.items() if name not in _LISTS and value not in ("", None, [], {})}
    shown |= {name: _when(found[name]) for name in ("started", "ended")}
    _print_table(("", ""), list(shown.items()))
    for columns, rows in ((_ATTEMPT, found["attempt_list"]), (_SIDE, found["sides"])):
        _print_table(columns, [[row[name] for name in columns] for row in rows])


@audit.command()
@click.argument("text")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1_000), help="How many.")
@json_option
@guarded
def search(text: str, limit: int, as_json: bool) -> None:
    """Messages that contain every word of TEXT ("a phrase", begin*)."""
    rows = reader.search(_database(), text, limit=limit)
    if as_json:
        _print_json(rows)
        return
    _print_table(
        _SEARCH,
        [(r["seq"], _when(r["time"]), r["client"], r["role"], r["kind"], r["snippet"], r["exchange"]) for r in rows],
    )


@audit.command()
@json_option
@guarded
def stats(as_json: bool) -> None:
    """Totals: exchanges, tokens, cost, and what the file takes up."""
    row = reader.stats(_database())
    if as_json:
        _print_json(row)
        return
    shown = {**row, "first": _when(row["first"]), "last": _when(row["last"])}
    _print_table(("", ""), list(shown.items()))


@audit.command()
@click.argument("exchange_id", metavar="ID")
@guarded
def export(exchange_id: str) -> None:
    """One exchange as JSON, bodies included. Whatever looks like a secret is marked once more."""
    database = _database()
    try:
        found = reader.exchange(database, exchange_id)
        for side in found["sides"]:
            number = side["attempt"] or None
            side |= _body(reader.rebuild(database, exchange_id, side["side"], number))
    except reader.NotFoundError as error:
        fail(str(error))
    _print_json(found, Redactor())


@audit.command("purge")
@click.option("--older-than", "days", required=True, type=click.FloatRange(0), help="In days; 0 is everything.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
def purge_command(days: float, yes: bool) -> None:
    """Delete exchanges older than that, with their bodies and search words, and give the space back."""
    database = _database()
    if not yes:
        click.confirm(f"Delete every recorded exchange older than {days:g} days?", abort=True)
    with closing(open_for_writing(database)) as connection:
        count = purge(connection, time.time() - days * 86_400)
    click.echo(f"{count} exchanges deleted")


@audit.command()
@guarded
def vacuum() -> None:
    """Rewrite the database without its gaps. Recording waits meanwhile."""
    with closing(open_for_writing(_database())) as connection:
        connection.execute("VACUUM")
        checkpoint(connection)


def _database() -> Path:
    """The audit database of this home; ends with a message where nothing was recorded yet."""
    path = Home.find().audit
    if not path.exists():
        fail("nothing was recorded yet")
    return path


def _summary(row: dict[str, Any]) -> tuple[Any, ...]:
    cost = f"${row['cost_usd']:.4f}" if row["cost_known"] else "unknown"
    if row["subscription"] and row["cost_known"]:
        cost = f"({cost})"
    return (
        row["seq"],
        _when(row["started"]),
        row["client"],
        row["served_model"] or row["requested_model"] or f"{row['method']} {row['path']}",
        f"{row['provider']} {row['credential']}".strip(),
        row["status"],
        row["input_total"],
        row["output"],
        cost,
        f"{row['duration']:.1f} s",
        row["id"],
    )


def _when(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds is not None else ""


def _body(data: bytes) -> dict[str, str]:
    try:
        return {"body": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(data).decode("ascii")}


def _print_body(data: bytes) -> None:
    if sys.stdout.isatty():
        click.echo(_harmless(data.decode("utf-8", "replace"), keep="\n\t"))
    else:
        sys.stdout.buffer.write(data)


def _print_json(value: Any, redactor: Redactor | None = None) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(redactor.said(text) if redactor else text)


def _print_table(columns: Sequence[str], rows: list[Any]) -> None:
    if not rows:
        if columns[0]:
            click.echo("nothing found", err=True)
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=False)
    texts = [[_harmless("" if value is None else str(value)) for value in row] for row in rows]
    shown = _fitting(columns, texts, console.width)
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    for index in shown:
        table.add_column(columns[index], overflow="fold", no_wrap=columns[index] in _UNBROKEN)
    for row in texts:
        table.add_row(*(Text(row[index]) for index in shown))  # Text, not str: what others wrote is no markup of ours
    console.print(table)


def _fitting(columns: Sequence[str], rows: list[list[str]], width: int) -> list[int]:
    """Which columns to show (by index): all that can be spared go, one after the other, until the rest has room."""
    widths = [max(map(len, (name, *(row[i] for row in rows)))) for i, name in enumerate(columns)]
    widths = [n if columns[i] in _UNBROKEN else min(n, _FOLDED) for i, n in enumerate(widths)]
    shown = list(range(len(columns)))
    for name in _SPARE:
        if name in columns and sum(widths[i] + _GAP for i in shown) - _GAP > width:
            shown.remove(columns.index(name))
    return shown


def _harmless(text: str, keep: str = "") -> str:
    """Without control characters: recorded text must not steer the terminal."""
    return "".join(c if c.isprintable() or c in keep else " " if c.isspace() else "\ufffd" for c in text)
