"""What plugins that flood, hang, crash and write garbage cost the requests of others, beside a gateway without them."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault import keys
from addons.vault.credential import Credential
from addons.vault.store import StateStore
from scripts.benchlib import targets
from scripts.benchlib.figures import Sample
from scripts.benchlib.load import Job
from scripts.benchlib.measure import measure
from scripts.benchlib.targets import Target

KINDS = ("flood", "garbage", "stderr", "huge", "hang", "crash")
#: Seconds between two requests to each of them.
PAUSE = 0.5
#: What is left of the requests/s, and what they may cost in CPU, at the least and at the most.
RATE, CPU = 0.9, 1.1
_BODY = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
Found = dict[str, list[Sample]]


class Alone(Target):
    """Only the gateway's own process counts: plugins come and go."""

    def pids(self) -> list[int]:
        return [self.process.pid]


class Tormentor:
    """Asks all who answer badly, again and again; nobody minds what they answer."""

    def __init__(self, port: int, bad: list[str]) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, key), daemon=True) for key in bad]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()

    def _ask(self, port: int, key: str) -> None:
        while not self._over.wait(PAUSE):
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                headers = {"x-api-key": key, "content-type": "application/json"}
                connection.request("POST", "/v1/messages", _BODY, headers)
                connection.getresponse().read()
                connection.close()


def install(home: Path, *, plugins: bool) -> list[str]:
    """One plugin of each kind in a gateway's home, or as many credentials for an address where nothing is; → a client
    key for each. Taken over while the gateway runs."""
    kept = Home(home / "proxycast")
    state = StateStore(kept.state, kept.vault_key)
    made = []
    for kind in KINDS:
        name = f"bad-{kind}"
        if plugins:
            _write(kept.plugins / name, name, kind)
        provider = name if plugins else "anthropic"
        state.add_credential(Credential(name, provider, "none", {"base_url": "http://127.0.0.1:9"}))
        made.append(keys.generate())
        state.add_key(name, made[-1], profile=name)

        def add(document: Any, name: str = name) -> None:
            table(document, "profiles")[name] = {"use": [name]}

        edit(kept.config, add)
    state.close()
    return made


def _write(folder: Path, name: str, kind: str) -> None:
    folder.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("misbehaving.py"), folder / "main.py")
    run = folder / "run"
    run.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    run.chmod(0o755)
    provider = {"id": name, "target_protocol": "anthropic"}
    (folder / "config.json").write_text(json.dumps({"timeout_ms": 2000}))
    (folder / "plugin.json").write_text(
        json.dumps({"name": name, "command": ["run", "main.py", kind], "provider": provider})
    )


def run(home: Path, runs: int, seconds: float, connections: list[int], say: Callable[[str], None]) -> Found:
    """Both gateways in turn, `runs` times for each number of connections."""
    found: Found = {}
    stops: list[Callable[[], None]] = []
    try:
        upstream = targets.upstream(home / "upstream", 50.0, 1.0)
        stops.append(upstream.stop)
        gateways = {name: targets.proxycast(home / name, upstream.port) for name in ("quiet", "beset")}
        stops += [gateway.stop for gateway in gateways.values()]
        for name, gateway in gateways.items():  # the same requests to both: not they are to be compared
            bad = install(home / name, plugins=name == "beset")
            stops.append(Tormentor(gateway.port, bad).stop)
        alone = {name: _alone(gateway) for name, gateway in gateways.items()}
        for target in alone.values():
            measure(target, _job(target, 1, 1.0, 0))
        time.sleep(3.0)  # all plugins have been started, and some have been ended
        for number in range(runs):
            order = list(alone) if number % 2 == 0 else list(reversed(alone))
            for count in connections:
                for name in order:
                    sample = measure(alone[name], _job(alone[name], count, seconds, number + 1))
                    found.setdefault(f"{name} {count}", []).append(sample)
                    say(f"  {name} ×{count}: {sample.rate:.0f} requests/s, {sample.cpu:.2f} ms CPU a request")
    finally:
        for stop in reversed(stops):
            stop()
    return found


def _alone(target: Target) -> Alone:
    return Alone(**{field.name: getattr(target, field.name) for field in fields(target)})


def _job(target: Target, connections: int, seconds: float, number: int) -> Job:
    model, first = target.model("A", "A"), (number * 100 + connections) * 1_000_000
    return Job(target.port, "A", model, target.key("A"), connections, seconds, warm_up=0.5, first_number=first)


def rows(found: Found) -> Iterator[dict[str, Any]]:
    """Medians of the ratios within each run."""
    for count in sorted({int(name.split()[1]) for name in found}):
        quiet, beset = found[f"quiet {count}"], found[f"beset {count}"]
        pairs = list(zip(beset, quiet, strict=True))
        yield {
            "connections": count,
            "quiet": median(one.rate for one in quiet),
            "beset": median(one.rate for one in beset),
            "rate_ratio": median(b.rate / q.rate for b, q in pairs if q.rate),
            "cpu_ratio": median(b.cpu / q.cpu for b, q in pairs if q.cpu),
            "errors": sum(one.errors for one in (*quiet, *beset)),
        }


def lines(found: Found) -> Iterator[str]:
    yield f"Requests of others while {len(KINDS)} plugins misbehave ({', '.join(KINDS)}), A→A."
    yield "conn    quiet/s    beset/s  ×quiet  CPU ×quiet  errors"
    for row in rows(found):
        yield (
            f"{row['connections']:>4} {row['quiet']:>10.0f} {row['beset']:>10.0f} {row['rate_ratio']:>7.2f} "
            f"{row['cpu_ratio']:>11.2f} {row['errors']:>7}"
        )
    yield ""
    for row in rows(found):
        good = row["rate_ratio"] >= RATE and row["cpu_ratio"] <= CPU and not row["errors"]
        text = f"×{row['connections']}: {row['rate_ratio']:.2f} of the requests/s (≥ {RATE}), "
        yield f"{'reached    ' if good else 'NOT REACHED'} {text}{row['cpu_ratio']:.2f} of the CPU (≤ {CPU})"
