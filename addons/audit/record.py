"""What the gateway tells the audit about one exchange, when it is over. Plain data: it goes to the writer process."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from translators.canonical.events import Usage

Headers = list[tuple[str, str]]


class Origin(StrEnum):
    """How the exchange reached us."""

    GATEWAY = "gateway"
    OBSERVED = "observed"  # intercepted, forwarded with the client's own credential
    ROUTED = "routed"  # intercepted, answered through the gateway by a rule
    IMPORTED = "imported"  # read from a recorded capture


@dataclass(slots=True)
class Side:
    """One of the four sides: headers and body bytes as they were on the wire (content codings already undone).

    `truncated` when the body was longer than the cap and only its head was kept.
    """

    headers: Headers = field(default_factory=list)
    body: bytes = b""
    truncated: bool = False


@dataclass(slots=True)
class AttemptRecord:
    """One try at one credential. Times are seconds since 1970; None = never got there."""

    number: int  # from 1
    provider: str = ""
    credential: str = ""
    why: str = ""  # why this credential was chosen, one sentence
    protocol: str = ""
    model: str = ""
    method: str = "POST"
    url: str = ""
    started: float = 0.0
    first_byte: float | None = None
    ended: float | None = None
    status: int | None = None
    outcome: str = (
        ""  # "ok", "connect", "tls", "timeout", "rate_limit", "auth", "server", "client_fault", "cut", "hang_up", …
    )
    error: str | None = None  # the upstream's message or ours
    request: Side = field(default_factory=Side)
    response: Side | None = None


@dataclass(slots=True)
class ExchangeRecord:
    """A whole exchange. The last attempt's request and response are sides two and three of the four.

    Times are seconds since 1970, durations seconds. `subscription` marks a cost that was not really charged.
    """

    id: str
    origin: Origin
    started: float
    ended: float
    operation: str  # "generate", "count_tokens", "models", "passthrough", "rejected"
    client_protocol: str = ""
    output_protocol: str = ""
    backend_protocol: str = ""
    method: str = "POST"
    path: str = ""
    client_addr: str = ""
    client: str = ""  # "claude-code", "codex", … from the user agent
    user_agent: str = ""
    client_key: str = ""  # its name
    session: str = ""
    agent: str = ""
    parent_agent: str = ""
    conversation: str = ""
    profile: str = ""
    provider: str = ""
    credential: str = ""
    why: str = ""
    requested_model: str = ""
    served_model: str = ""
    stream: bool = False
    status: int = 0
    stop_reason: str = ""
    error_kind: str = ""
    error: str = ""
    ttft: float | None = None  # to the first content event delivered
    events: int = 0
    max_gap: float | None = None  # longest silence between two pieces of the stream
    stalls: int = 0  # silences longer than 5 s
    usage: Usage = field(default_factory=Usage)
    usage_estimated: bool = False
    subscription: bool = False
    translated: bool = False
    notes: list[str] = field(default_factory=list)
    client_request: Side = field(default_factory=Side)
    delivered: Side = field(default_factory=Side)
    attempts: list[AttemptRecord] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
