"""`python -m addons.cli.child WHAT …`: one of the programs of `proxycast run`, which ends when that one is gone.

Standard input is a pipe that only `proxycast run` holds open: when it closes, however that process ended, this one
stops too.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

#: Longer than the gateway takes to finish what is under way (addons/gateway/drain.py).
PATIENCE = 30.0  # seconds


def follow(lifeline: int) -> None:
    """Wait until the pipe closes, then end this process: as by SIGTERM, and for good if that does not help."""
    while os.read(lifeline, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)


def main() -> None:
    what, *arguments = sys.argv[1:]
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=follow, args=(lifeline,), daemon=True).start()
    sys.argv = [what, *arguments]
    if what in ("mitmdump", "mitmweb"):
        from mitmproxy.tools import main as tools

        getattr(tools, what)()
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
