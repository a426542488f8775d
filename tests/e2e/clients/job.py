"""The job that every agent does: four answers of a scripted model, two calls at once, and what must hold after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.clients import wire
from tests.e2e.clients.drivers import Driver, Run
from tests.standin.records import Recorded
from tests.standin.script import Call, Scenario, Turn
from tests.standin.server import StandIn

PROMPT = "Write the three files of the job and read two of them back. Größe: 完 🎈"
FINAL = "Fertig: drei Dateien geschrieben – 完了 🎈 é"


@dataclass(frozen=True)
class Step:
    """One answer of the model that calls tools; its commands are called for at the same time."""

    commands: tuple[str, ...]
    text: str = ""
    thinking: str = ""


# The pause is for Qwen Code: of a command that ends at once it loses the output now and then (5 of 80, no gateway).
READ = "cat a.txt b.txt; sleep 0.2"
# Gemini CLI refuses command substitution whatever it is allowed, so the commands have none.
STEPS = (
    Step(
        thinking="Überlegung: 日本語 🎈 é",
        text="Ich fange an: 一二三",
        commands=(r"printf 'grüße-1 日本\n' > a.txt", r"printf 'zwei 🎈\n' > b.txt"),
    ),
    Step(commands=(READ,)),
    Step(text="Jetzt die dritte – é", commands=("cat b.txt a.txt > c.txt",)),
)
FILES = {
    "a.txt": "grüße-1 日本\n".encode(),
    "b.txt": "zwei 🎈\n".encode(),
    "c.txt": "zwei 🎈\ngrüße-1 日本\n".encode(),
}
READ_BACK = {READ: ("grüße-1 日本", "zwei 🎈")}
"""What the result of a command must say when it reaches the backend."""


def scenario(driver: Driver) -> Scenario:
    """The job in the terms of the stand-in, with the shell tool of that client."""
    turns = [
        Turn(
            thinking=step.thinking,
            text=step.text,
            calls=[
                Call(driver.shell_tool, driver.shell_call(command), driver.shell_text(command))
                for command in step.commands
            ],
        )
        for step in STEPS
    ]
    return Scenario(turns=turns, final=FINAL)


def check(run: Run, driver: Driver, standin: StandIn, protocol: str) -> None:
    """That the client did the whole job, and that a backend of `protocol` heard all of it, well formed, once."""
    check_client(run, driver)
    assert [str(request.refusal) for request in standin.refusals] == []
    check_backend(driver, standin.main_requests, protocol)


def check_client(run: Run, driver: Driver) -> None:
    """That the client did the whole job and said so."""
    assert run.code == 0, f"{driver.client}: {run}"
    assert FINAL in run.stdout, f"the final text is not what {driver.client} printed: {run}"
    assert {file.name: file.read_bytes() for file in driver.work.iterdir()} == FILES


def check_backend(driver: Driver, answered: Sequence[Recorded], protocol: str) -> None:
    """That these requests, of which each got a whole answer, tell the job turn by turn, each turn once."""
    in_order = sorted(answered, key=lambda request: request.turn or 0)
    histories = [wire.read(protocol, request.json) for request in in_order]
    assert [len(history.calls) for history in histories] == [0, 2, 3, 4]
    last = histories[-1]
    commands = [command for step in STEPS for command in step.commands]
    assert [call.arguments for call in last.calls] == [driver.shell_call(command) for command in commands]
    assert last.said == tuple(step.text for step in STEPS if step.text)
    for command, call in zip(commands, last.calls, strict=True):
        assert call.result is not None, f"no result came back for: {command}"
        for text in READ_BACK.get(command, ()):
            assert text in call.result
