"""A strict, scriptable backend that speaks all four protocols, for tests of the gateway in front of it.

    with StandIn(Scenario(turns=[Turn(calls=[Call("Bash", {"command": "ls"})])], final="Done")) as backend:
        …  # point a client or the gateway at backend.url with backend.key
        assert backend.refusals == []

It is written from the protocol sheets, apart from the translators, and refuses what the real services refuse.
"""

from .ask import Policy, Refusal
from .failures import Failure, cut_after, error_after, error_first_event, slow_head, stall, status
from .records import Recorded
from .script import HELLO, Call, Scenario, Turn, Usage
from .server import DEFAULT_KEY, StandIn

__all__ = [
    "DEFAULT_KEY",
    "HELLO",
    "Call",
    "Failure",
    "Policy",
    "Recorded",
    "Refusal",
    "Scenario",
    "StandIn",
    "Turn",
    "Usage",
    "cut_after",
    "error_after",
    "error_first_event",
    "slow_head",
    "stall",
    "status",
]
