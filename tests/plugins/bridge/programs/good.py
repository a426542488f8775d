"""A plugin that behaves: repeats what it is asked, and asks the host for whatever it is told to."""

import os
import sys
import time
from pathlib import Path

from speaking import ask, serve

serve(
    {
        "test.echo": lambda params: params,
        "test.environment": lambda params: {"environment": dict(os.environ), "folder": str(Path.cwd())},
        "test.ask": lambda params: ask(params["method"], **params["params"]),
        "test.sleep": lambda params: time.sleep(params["seconds"]),
        "test.say": lambda params: print(params["text"], file=sys.stderr, flush=True),
        "test.exit": lambda params: os._exit(params["code"]),
    }
)
