"""What the parts of the Bedrock stand-in share: its exceptions, and a request as it sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .ask import Json

# Whose reasoning signatures are accepted.
ACCOUNT = "bedrock"


class FaultError(Exception):
    """An exception that the service answers with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass
class Seen:
    """One request as it arrived."""

    operation: str
    model: str
    raw_path: str
    headers: dict[str, str]
    body: Any = None
    refusal: str = ""


def parsed(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        raise FaultError("ValidationException", "The request body is not JSON.") from None
    if not isinstance(body, dict):
        raise FaultError("ValidationException", "The request body is no object.")
    return body


def refuse(problem: str | None) -> None:
    if problem is not None:
        raise FaultError("ValidationException", problem)
