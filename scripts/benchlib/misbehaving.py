"""A plugin's program that misbehaves as its first argument says; copied into a plugin's folder by plugins.py."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def listen() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


how = sys.argv[1]
say({"id": listen()["id"], "result": {"protocol_version": 1, "implements": ["credential.acquire"]}})
while how == "flood":
    say({"method": "events.emit", "params": {"topic": "flood", "data": {"of": "x" * 2000}}})
while how == "garbage":
    sys.stdout.write("this is no message\n" * 1000)
while how == "stderr":
    os.write(2, b"complaint " * 400 + b"\n")
if how == "huge":
    while True:
        sys.stdout.write("x" * 65536)
while how == "hang":
    time.sleep(60)
listen()  # "crash": ends when it is asked
