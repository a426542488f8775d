"""Plugins that misbehave, each in its way: the first argument says how."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from speaking import answer, listen, say

how = sys.argv[1]


def ready() -> None:
    """Make a good first impression."""
    answer(listen(), {"protocol_version": 1, "implements": ["credential.acquire"]})


def crash_at_start() -> None:
    sys.exit(3)


def crash_later() -> None:
    ready()
    listen()
    sys.exit(4)


def complain_and_crash() -> None:
    ready()
    listen()
    raise RuntimeError("this is what went wrong")


def hang_at_start() -> None:
    time.sleep(600)


def hang() -> None:
    ready()
    while True:
        listen()


def not_read() -> None:
    ready()
    time.sleep(600)


def flood() -> None:
    ready()
    with contextlib.suppress(BrokenPipeError):
        while True:
            say({"method": "events.emit", "params": {"topic": "flood", "data": {"of": "x" * 1000}}})


def flood_of_requests() -> None:
    ready()
    number = 0
    with contextlib.suppress(BrokenPipeError):
        while True:
            number += 1
            say({"id": number, "method": "events.emit", "params": {"topic": "flood", "data": {"of": "x" * 1000}}})


def flood_of_answers() -> None:
    ready()
    number = 0
    with contextlib.suppress(BrokenPipeError):
        while True:
            number += 1
            say({"id": 1_000_000 + number, "result": {}})


def flood_stderr() -> None:
    ready()
    if os.fork() == 0:
        with contextlib.suppress(BrokenPipeError):
            while True:
                sys.stderr.write("word " * 200 + "\n")
    while True:
        answer(listen(), {"still": "here"})


def garbage() -> None:
    ready()
    with contextlib.suppress(BrokenPipeError):
        while True:
            sys.stdout.write("this is no JSON\n[1,2]\n{}\n\x00\xff\n")
            sys.stdout.flush()


def wrong_ids() -> None:
    ready()
    while True:
        request = listen()
        for number in range(40):
            say({"id": f"never-{number}", "result": {}})
        answer(request, {})


def huge_line() -> None:
    ready()
    listen()
    with contextlib.suppress(BrokenPipeError):
        while True:
            sys.stdout.write("x" * 65536)


def ignore_shutdown() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready()
    while True:
        with contextlib.suppress(SystemExit):
            request = listen()
            if request.get("method") != "shutdown":
                answer(request, {"pid": os.getpid()})
                continue
        time.sleep(600)


def fork_children() -> None:
    ready()
    child = subprocess.Popen(["sleep", "600"])
    while True:
        answer(listen(), {"child": child.pid})


def wrong_shape() -> None:
    answer(listen(), {"protocol_version": 1, "implements": "everything"})
    time.sleep(600)


def other_version() -> None:
    answer(listen(), {"protocol_version": 99})
    time.sleep(600)


globals()[how]()
