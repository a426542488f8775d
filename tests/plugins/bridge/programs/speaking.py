"""What the fixture programs share: reading requests, writing answers. Only the standard library, as a plugin has it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def say(message: Json) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(request: Json, result: Any) -> None:
    say({"id": request["id"], "result": result})


def refuse(request: Json, message: str, code: int = -32000, **data: Any) -> None:
    say({"id": request["id"], "error": {"code": code, "message": message, "data": data}})


def listen() -> Json:
    """The next message; the program ends with its input."""
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: Json = json.loads(line)
    return message


def ask(method: str, **params: Any) -> Json:
    """One call of the host's services; what comes meanwhile must be its answer."""
    say({"id": f"mine-{method}", "method": method, "params": params})
    while True:
        message = listen()
        if message.get("id") == f"mine-{method}":
            return message


def serve(methods: dict[str, Callable[[Json], Any]]) -> None:
    """Answer for ever; `initialize` is known, and says what there is."""
    while True:
        message = listen()
        method = message.get("method", "")
        if "id" not in message:
            if method in methods:
                methods[method](message.get("params", {}))
            continue
        if method == "shutdown":
            answer(message, {})
            return
        if method in methods:
            result = methods[method](message["params"])
            answer(message, result)
        elif method == "initialize":
            answer(message, {"protocol_version": 1, "implements": [name for name in methods if "." in name]})
        else:
            refuse(message, "unknown method", -32601)
