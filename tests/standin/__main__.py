"""Serves a stand-in from the command line: ``python -m tests.standin --port P``."""

from __future__ import annotations

import argparse
import contextlib
import threading

from .server import DEFAULT_KEY, StandIn


def main() -> None:
    """Serves until interrupted; prints the address first, then one line a request."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default=DEFAULT_KEY, help="the only accepted credential; empty accepts any")
    parser.add_argument("--dialect", choices=("compatible", "openai", "deepseek"), default="compatible")
    parser.add_argument("--bind-prefix", action="store_true", help="bind thinking to the conversation before it")
    options = parser.parse_args()
    shown = 0
    with StandIn(
        key=options.key or None, port=options.port, dialect=options.dialect, bind_prefix=options.bind_prefix
    ) as standin:
        print(f"{standin.url} key {standin.key}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                threading.Event().wait(0.5)
                requests = standin.requests
                for request in requests[shown:]:
                    print(request.method, request.path, request.status, request.refusal or "", flush=True)
                shown = len(requests)


if __name__ == "__main__":
    main()
