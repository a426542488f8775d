"""Counters behind `/metrics`, in Prometheus' text form."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metrics:
    """Counters by name and labels; never a secret, never an unbounded label."""

    HELP: ClassVar[dict[str, str]] = {
        "proxycast_exchanges_total": "Exchanges ended, by client protocol, provider and status class.",
        "proxycast_attempts_total": "Attempts ended, by provider and outcome.",
        "proxycast_tokens_total": "Tokens, by provider and direction.",
    }

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.active = 0

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        self._counts[name, tuple(sorted(labels.items()))] += amount  # type: ignore[assignment]

    def render(self, gauges: dict[str, float]) -> str:
        lines = []
        for name, text in self.HELP.items():
            lines += [f"# HELP {name} {text}", f"# TYPE {name} counter"]
            for (counter, labels), value in sorted(self._counts.items()):
                if counter == name:
                    inner = ",".join(f'{key}="{label.translate(_ESCAPES)}"' for key, label in labels)
                    lines.append(f"{name}{{{inner}}} {value:g}")
        for name, number in gauges.items():
            lines += [f"# TYPE {name} gauge", f"{name} {number:g}"]
        return "\n".join(lines) + "\n"
