"""Runs the cells: each run goes once through all targets, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from scripts.benchlib.figures import Cell, Figures, Sample
from scripts.benchlib.load import Job
from scripts.benchlib.targets import ROOT, BenchError, Target, cpu_seconds, rss_megabytes
from scripts.benchlib.wire import WIRES

#: Numbers of requests start here for each measurement: no two requests of a run are alike.
_NUMBERS = 1_000_000


@dataclass(slots=True)
class Plan:
    """What to measure. Pairs are (client's letter, backend's letter)."""

    runs: int
    seconds: float
    connections: list[int]
    pairs: list[tuple[str, str]]
    streams: list[int]
    stream_pairs: list[tuple[str, str]]
    stream_seconds: float
    exchanges: tuple[int, int]  # memory is looked at after so many and after so many


class Bench:
    """`say` is told what is going on."""

    def __init__(self, plan: Plan, figures: Figures, say: Callable[[str], None]) -> None:
        self._plan, self._figures, self._say = plan, figures, say
        self._count = 0

    def warm_up(self, targets: list[Target]) -> None:
        """A few answers of each pair that nobody counts: what is loaded at first use is loaded."""
        for client in dict.fromkeys(client for client, _ in self._plan.pairs + self._plan.stream_pairs):
            for target, cell in _cells("requests", targets, client, list(WIRES), 1):
                self._count += 1
                model = target.model(client, cell.backend)
                job = Job(target.port, client, model, target.key(cell.backend), 1, 0.0, requests=5)
                _load(replace(job, first_number=self._count * _NUMBERS))

    def requests(self, targets: list[Target], run: int) -> None:
        """Requests a second and latency, whole answers."""
        clients = list(dict.fromkeys(client for client, _ in self._plan.pairs))
        for connections in self._plan.connections:
            for client in clients:
                backends = [backend for of, backend in self._plan.pairs if of == client]
                cells = list(_cells("requests", targets, client, backends, connections))
                for target, cell in cells if run % 2 == 0 else reversed(cells):
                    self._cell(target, cell, self._plan.seconds)

    def streams(self, targets: list[Target], run: int) -> None:
        """Latency and CPU of a streamed event."""
        for streams in self._plan.streams:
            for client in dict.fromkeys(client for client, _ in self._plan.stream_pairs):
                backends = [backend for of, backend in self._plan.stream_pairs if of == client]
                cells = list(_cells("streams", targets, client, backends, streams))
                for target, cell in cells if run % 2 == 0 else reversed(cells):
                    self._cell(target, cell, self._plan.stream_seconds)

    def _cell(self, target: Target, cell: Cell, seconds: float) -> None:
        stream = cell.kind == "streams"
        self._count += 1
        job = Job(
            port=target.port,
            client=cell.client,
            model=target.model(cell.client, cell.backend),
            key=target.key(cell.backend),
            connections=cell.connections,
            seconds=seconds,
            warm_up=min(seconds, 2.0 if stream else 0.5),
            stream=stream,
            first_number=self._count * _NUMBERS,
        )
        sample = measure(target, job)
        if sample.errors:
            self._say(f"  {target.name} {cell.pair} ×{cell.connections}: {sample.errors} errors: {sample.first_error}")
        self._figures.add(cell, sample)
        what = f"{target.name:>11} {cell.pair:<4} ×{cell.connections:<3}"
        self._say(f"  {what} {sample.rate:7.0f} {'events' if stream else 'requests'}/s, p50 {sample.p50:.2f} ms")

    def memory(self, target: Target, backend: str) -> None:
        """Resident memory after the first exchanges, and after many."""
        few, many = self._plan.exchanges
        done = 0
        for until in (few, many):
            self._count += 1
            model = target.model("A", backend)
            job = Job(target.port, "A", model, target.key(backend), 4, 0.0, first_number=self._count * _NUMBERS)
            result = _load(replace(job, requests=until - done))
            done = until
            if result["errors"]:
                raise BenchError(f"{target.name}: {result['errors']} errors: {result['first_error']}")
            time.sleep(1.0)
            megabytes, *children = (round(rss_megabytes(pid), 1) for pid in target.pids())
            row = {"target": target.name, "exchanges": until, "megabytes": megabytes, "children": sum(children)}
            self._figures.memory.append(row)
            self._say(f"  {target.name}: {megabytes} MB after {until} exchanges")

    def audit(self, target: Target) -> None:
        """Wait until the audit has written everything, and note what it says of itself."""
        deadline = time.monotonic() + 60
        while True:
            numbers: dict[str, Any] = target.health()["audit"]
            if not numbers["queue"] or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self._figures.audit = numbers


def measure(target: Target, job: Job) -> Sample:
    """One job against one target."""
    pids = target.pids()
    before = [cpu_seconds(pid) for pid in pids]
    result = _load(job)
    spent = [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
    each = (1e6 if job.stream else 1e3) / max(1, result["all_done"])
    return Sample(
        rate=result["done"] / result["seconds"],
        p50=result["p50"],
        p99=result["p99"],
        cpu=spent[0] * each,
        cpu_children=sum(spent[1:]) * each,
        errors=result["errors"],
        first_error=result["first_error"],
    )


def _load(job: Job) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.benchlib.load", json.dumps(asdict(job))]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BenchError(f"the load generator failed:\n{ended.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def _cells(
    kind: str, targets: list[Target], client: str, backends: list[str], connections: int
) -> Iterator[tuple[Target, Cell]]:
    """Who is measured with this client: a target that knows no backends once, the others once a backend."""
    for target in targets:
        if target.keys or target.models:
            for backend in backends:
                if backend in (target.keys or target.models):
                    yield target, Cell(kind, target.name, client, backend, connections)
        else:
            yield target, Cell(kind, target.name, client, "", connections)
