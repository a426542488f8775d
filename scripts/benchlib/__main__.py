"""`scripts/bench`: how fast ProxyCast is, beside bare mitmdump on the same machine at the same time."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from scripts.benchlib import choosing, plugins, report, targets
from scripts.benchlib.figures import Figures
from scripts.benchlib.measure import Bench, Plan
from scripts.benchlib.targets import BenchError, Target
from scripts.benchlib.wire import WIRES

PAIRS = ["AA", "AC", "AR", "AG", "CA", "RA", "GA"]
ALL_PAIRS = ["AA", "CC", "RR", "GG", *("".join(pair) for pair in itertools.permutations(WIRES, 2))]
STREAM_PAIRS = ["AA", "AC"]
EVENTS_A_SECOND = 50.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each: a look, not a measurement")
    parser.add_argument("--runs", type=int, default=5, help="runs, interleaved (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a measurement (default 3)")
    parser.add_argument("--connections", default="1,16,64", help="numbers of connections (default 1,16,64)")
    parser.add_argument(
        "--pairs",
        default=",".join(PAIRS),
        help=f"client and backend: A, C, R, G = {', '.join(w.id for w in WIRES.values())}",
    )
    parser.add_argument("--all", action="store_true", help="every pair of protocols")
    parser.add_argument("--streams", default="20,100,200", help="numbers of streams (default 20,100,200)")
    parser.add_argument("--stream-pairs", default=",".join(STREAM_PAIRS), help="as --pairs, for streams")
    parser.add_argument(
        "--stream-seconds", type=float, default=5.0, help="length of a stream's measurement (default 5)"
    )
    parser.add_argument("--exchanges", type=int, default=10_000, help="for the memory, 0: leave out (default 10000)")
    parser.add_argument("--only", choices=["requests", "streams", "memory"], help="nothing else")
    parser.add_argument("--choosing", action="store_true", help="only what choosing among 1,000 credentials costs")
    parser.add_argument("--plugins", action="store_true", help="only what misbehaving plugins cost the others")
    parser.add_argument("--config", type=Path, help="a config.toml for ProxyCast, to compare settings")
    parser.add_argument("--litellm", type=Path, metavar="VENV", help="measure LiteLLM from that environment too")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of tables")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [part.strip().upper().replace("→", "") for part in text.split(",") if part.strip()]
    for pair in pairs:
        if len(pair) != 2 or not set(pair) <= set(WIRES):
            raise argparse.ArgumentTypeError(f"{pair!r} is no pair of {', '.join(WIRES)}")
    return [(pair[0], pair[1]) for pair in pairs]


def plan_of(options: argparse.Namespace) -> Plan:
    quick = options.quick
    exchanges = min(options.exchanges, 1000) if quick else options.exchanges
    return Plan(
        runs=1 if quick else options.runs,
        seconds=min(options.seconds, 1.0) if quick else options.seconds,
        connections=_numbers(options.connections),
        pairs=_pairs(",".join(ALL_PAIRS) if options.all else options.pairs),
        streams=_numbers(options.streams),
        stream_pairs=_pairs(options.stream_pairs),
        stream_seconds=min(options.stream_seconds, 2.0) if quick else options.stream_seconds,
        exchanges=(exchanges // 10, exchanges),
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace, plan: Plan, figures: Figures) -> None:
    """Start everything, measure, stop everything."""

    def wanted(kind: str) -> bool:
        return options.only in (None, kind)

    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proxycast-bench-")))

        def started(target: Target) -> Target:
            stack.callback(target.stop)
            return target

        _say("starting the upstream, bare mitmdump and ProxyCast…")
        length = 2.5 + plan.stream_seconds + 1.0
        upstream = started(targets.upstream(home / "upstream", EVENTS_A_SECOND, length))
        bare = started(targets.bare(home / "bare", upstream.port))
        config = options.config.read_text(encoding="utf-8") if options.config else ""
        proxycast = started(targets.proxycast(home / "ours", upstream.port, config))
        measured = [bare, proxycast]
        if options.litellm:
            _say("starting LiteLLM…")
            measured.append(started(targets.litellm(options.litellm, home / "litellm", upstream.port)))
        bench = Bench(plan, figures, _say)
        bench.warm_up(measured)
        if wanted("requests") and plan.pairs:
            for number in range(plan.runs):
                _say(f"requests, run {number + 1} of {plan.runs}")
                bench.requests(measured, number)
        if wanted("streams") and plan.streams:
            direct = Target("direct", upstream.port, upstream.process, upstream.log)
            streaming = started(targets.bare(home / "bare-streaming", upstream.port, streaming=True))
            streaming.name = "bare"
            for number in range(plan.runs):
                _say(f"streams, run {number + 1} of {plan.runs}")
                bench.streams([direct, streaming, *measured[1:]], number)
        bench.audit(proxycast)
        if wanted("memory") and plan.exchanges[0]:
            _say("memory, of fresh processes")
            fresh = [targets.bare(home / "bare-fresh", upstream.port)]
            fresh.append(targets.proxycast(home / "ours-fresh", upstream.port, config))
            for target in fresh:
                bench.memory(started(target), "C")


def choose(options: argparse.Namespace) -> None:
    found = list(choosing.measure())
    print(json.dumps(choosing.as_json(found), indent=2) if options.json else "\n".join(choosing.lines(found)))


def beset(options: argparse.Namespace) -> None:
    plan = plan_of(options)
    with tempfile.TemporaryDirectory(prefix="proxycast-bench-") as home:
        found = plugins.run(Path(home), plan.runs, plan.seconds, plan.connections, _say)
    print(json.dumps(list(plugins.rows(found)), indent=2) if options.json else "\n".join(plugins.lines(found)))


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    if options.plugins:
        try:
            beset(options)
        except BenchError as error:
            sys.exit(f"bench: {error}")
        return
    if options.choosing:
        choose(options)
        return
    try:
        plan = plan_of(options)
    except (ValueError, argparse.ArgumentTypeError) as error:
        parser.error(str(error))
    figures = Figures()
    figures.machine = {
        "cores": os.cpu_count(),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
    }
    try:
        run(options, plan, figures)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if options.json:
        print(json.dumps(figures.as_json(), indent=2))
    else:
        machine = ", ".join(f"{name} {value}" for name, value in figures.machine.items())
        print(f"{machine}; medians of {plan.runs} runs\n")
        print("\n".join(report.lines(figures)))


if __name__ == "__main__":
    main()
