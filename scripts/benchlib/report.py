"""The figures as tables, each with its ratio to bare mitmdump, and whether the targets are reached."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.benchlib.figures import Cell, Figures, direct_of, reference_of

#: What is to be reached with everything on (issue "Benchmarks").
PASSED, TRANSLATED, ADDED = 0.8, 0.6, 2.0
#: The same in CPU time of the process, which a busy machine does not blur so much.
CPU_PASSED, CPU_TRANSLATED = 1.25, 1.6
#: Streams up to this number are held to ADDED.
HELD_STREAMS = 100
#: Growth of memory that counts as flat: the tables of remembered conversations fill up until they are full.
FLAT = 1.15


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def lines(figures: Figures) -> Iterator[str]:
    """The whole report."""
    yield from _requests(figures)
    yield from _streams(figures)
    for row in figures.memory:
        size = f"{row['megabytes']} MB (+{row['children']})"
        yield f"memory: {row['target']} {size} after {row['exchanges']} exchanges"
    if figures.audit:
        yield "audit: " + ", ".join(f"{name} {value}" for name, value in figures.audit.items())
    yield ""
    yield from (f"{'reached    ' if good else 'NOT REACHED'} {text}" for good, text in verdicts(figures))


def _requests(figures: Figures) -> Iterator[str]:
    cells = [cell for cell in figures.samples if cell.kind == "requests"]
    if not cells:
        return
    yield "Whole answers. CPU ms a request: of the process (and its audit writer). ×bare: ratio to bare; ×all: of both."
    yield f"{'':>11} pair conn  requests/s ×bare   p50 ms ×bare   p99 ms ×bare      CPU ms      ×bare  ×all"
    for cell in _ordered(cells):
        reference = reference_of(cell)
        rate, p50, p99, cpu, children = (figures.median(cell, n) for n in ("rate", "p50", "p99", "cpu", "cpu_children"))
        ratios = [_number(figures.ratio(cell, reference, name)) for name in ("rate", "p50", "p99", "cpu", "cpu_all")]
        yield (
            f"{cell.target:>11} {cell.pair:<4} {cell.connections:>4} {_number(rate, 0):>11} {ratios[0]:>5} "
            f"{_number(p50):>8} {ratios[1]:>5} {_number(p99):>8} {ratios[2]:>5} "
            f"{_number(cpu):>6} (+{_number(children)}) {ratios[3]:>5} {ratios[4]:>5}"
        )
    yield ""


def _streams(figures: Figures) -> Iterator[str]:
    cells = [cell for cell in figures.samples if cell.kind == "streams"]
    if not cells:
        return
    yield "Streams. Added: median latency of an event above the upstream asked directly. CPU: microseconds an event."
    yield f"{'':>11} pair streams  events/s  p50 ms  p99 ms  added ms ×bare       CPU µs      ×bare"
    for cell in _ordered(cells):
        reference, direct = reference_of(cell), direct_of(cell)
        rate, p50, p99, cpu, children = (figures.median(cell, n) for n in ("rate", "p50", "p99", "cpu", "cpu_children"))
        base = figures.median(direct, "p50")
        added = None if base is None or p50 is None or cell == direct else p50 - base
        yield (
            f"{cell.target:>11} {cell.pair:<4} {cell.connections:>7} {_number(rate, 0):>9} {_number(p50):>7} "
            f"{_number(p99):>7} {_number(added):>9} {_number(figures.added_ratio(cell, reference, direct)):>5} "
            f"{_number(cpu, 1):>7} (+{_number(children, 1)}) {_number(figures.ratio(cell, reference, 'cpu')):>5}"
        )
    yield ""


def _ordered(cells: list[Cell]) -> list[Cell]:
    rank = {"direct": 0, "bare": 1}
    return sorted(cells, key=lambda c: (c.connections, c.client, rank.get(c.target, 2), c.backend, c.target))


def verdicts(figures: Figures) -> Iterator[tuple[bool, str]]:
    """(reached?, what) for each target that was measured."""
    for cell in _ordered([cell for cell in figures.samples if cell.target == "proxycast"]):
        reference = reference_of(cell)
        if cell.kind == "requests":
            wanted = PASSED if cell.client == cell.backend else TRANSLATED
            ratio = figures.ratio(cell, reference, "rate")
            if ratio is not None:
                yield ratio >= wanted, f"{cell.pair} ×{cell.connections}: {ratio:.2f} of bare's requests/s (≥ {wanted})"
            limit = CPU_PASSED if cell.client == cell.backend else CPU_TRANSLATED
            cpu = figures.ratio(cell, reference, "cpu")
            if cpu is not None:
                yield cpu <= limit, f"{cell.pair} ×{cell.connections}: {cpu:.2f} × bare's CPU a request (≤ {limit})"
        elif cell.connections <= HELD_STREAMS:
            ratio = figures.added_ratio(cell, reference, direct_of(cell))
            if ratio is not None:
                text = f"{cell.pair}, {cell.connections} streams: {ratio:.2f} × bare's added latency (≤ {ADDED:g})"
                yield ratio <= ADDED, text
    rows = [row for row in figures.memory if row["target"] == "proxycast"]
    if len(rows) > 1:
        growth = rows[-1]["megabytes"] / rows[0]["megabytes"]
        span = f"{rows[0]['exchanges']} → {rows[-1]['exchanges']} exchanges"
        yield growth <= FLAT, f"memory {span}: × {growth:.2f} (≤ {FLAT})"
    if figures.audit:
        lost = sum(figures.audit[name] for name in ("dropped", "errors", "lost"))
        yield lost == 0, f"audit rows dropped or lost: {lost} of {figures.audit['submitted']} (0)"
    errors = figures.errors()
    yield errors == 0, f"answers that were wrong: {errors} (0)"
