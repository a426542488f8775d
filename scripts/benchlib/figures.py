"""What was measured: one `Sample` a run, folded into medians, and their ratios to bare mitmdump."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured: `kind` is "requests" or "streams"; client and backend are letters of protocols; "" for the
    backend where the target does not choose one. `connections` counts streams too."""

    kind: str
    target: str
    client: str
    backend: str
    connections: int

    @property
    def pair(self) -> str:
        return f"{self.client}→{self.backend}" if self.backend else self.client


@dataclass(slots=True)
class Sample:
    """One run of a cell. `rate` is requests or events a second; latencies milliseconds; CPU milliseconds a request, or
    microseconds an event, of the target's process and of its children."""

    rate: float
    p50: float
    p99: float
    cpu: float
    cpu_children: float
    errors: int
    first_error: str = ""

    @property
    def cpu_all(self) -> float:
        return self.cpu + self.cpu_children


_NUMBERS = ("rate", "p50", "p99", "cpu", "cpu_children", "cpu_all")
_RATIOS = ("rate", "p50", "p99", "cpu", "cpu_all")


@dataclass(slots=True)
class Figures:
    """All samples so far, by cell."""

    samples: dict[Cell, list[Sample]] = field(default_factory=dict)
    memory: list[dict[str, Any]] = field(default_factory=list)
    audit: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)

    def add(self, cell: Cell, sample: Sample) -> None:
        self.samples.setdefault(cell, []).append(sample)

    def median(self, cell: Cell, number: str) -> float | None:
        found = [getattr(sample, number) for sample in self.samples.get(cell, [])]
        return median(found) if found else None

    def ratio(self, cell: Cell, reference: Cell, number: str) -> float | None:
        """The median of the ratios within each run: what disturbs one run disturbs both sides of it."""
        return self._compared(cell, reference, lambda a, b: getattr(a, number) / getattr(b, number), number)

    def added_ratio(self, cell: Cell, reference: Cell, direct: Cell) -> float | None:
        """Latency added by a target over that added by the reference; both above the upstream asked directly."""
        base, ours, theirs = (self.median(one, "p50") for one in (direct, cell, reference))
        if base is None or ours is None or theirs is None or theirs <= base:
            return None
        return (ours - base) / (theirs - base)

    def _compared(
        self, cell: Cell, reference: Cell, divide: Callable[[Sample, Sample], float], number: str
    ) -> float | None:
        pairs: Iterable[tuple[Sample, Sample]] = zip(
            self.samples.get(cell, []), self.samples.get(reference, []), strict=False
        )
        ratios = [divide(a, b) for a, b in pairs if getattr(b, number)]
        return median(ratios) if ratios else None

    def errors(self) -> int:
        return sum(sample.errors for samples in self.samples.values() for sample in samples)

    def as_json(self) -> dict[str, Any]:
        """Everything, for another program: each cell with its medians, its ratios to bare, and its single runs."""
        cells = []
        for cell, samples in self.samples.items():
            reference = reference_of(cell)
            medians = {number: self.median(cell, number) for number in _NUMBERS}
            ratios = {number: self.ratio(cell, reference, number) for number in _RATIOS}
            if cell.kind == "streams":
                ratios["added_p50"] = self.added_ratio(cell, reference, direct_of(cell))
            cells.append(
                {**asdict(cell), "medians": medians, "to_bare": ratios, "runs": [asdict(sample) for sample in samples]}
            )
        return {"machine": self.machine, "cells": cells, "memory": self.memory, "audit": self.audit}


def reference_of(cell: Cell) -> Cell:
    """What bare mitmdump did with the same client."""
    return Cell(cell.kind, "bare", cell.client, "", cell.connections)


def direct_of(cell: Cell) -> Cell:
    """The upstream asked without anything in between."""
    return Cell(cell.kind, "direct", cell.client, "", cell.connections)
