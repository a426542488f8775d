"""Kiro's answers: a turn as frames of an AWS event stream (kiro.md §7), and every error of §8 as a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import eventstream
from .ask import Json
from .kiro_rules import ACCOUNT, NATIVE, entries, user
from .script import Turn, Usage
from .seal import digest, seal
from .wire import ARGUMENT_PIECE, TEXT_PIECE, dumps, pieces

RUNTIME = "com.amazon.kiro.runtimeservice#"
WINDOW = 200_000

#: The tail of an answer in its usual order (§7.2).
TAIL: tuple[str, ...] = ("metadataEvent", "contextUsageEvent", "meteringEvent")


@dataclass(frozen=True)
class ErrorRow:
    """An error answer of §8; `type_` is the exception, `reason` None where the service says null."""

    status: int
    type_: str
    reason: str | None
    message: str
    more: Json | None = None

    @property
    def body(self) -> Json:
        return {"__type": RUNTIME + self.type_, "message": self.message, "reason": self.reason, **(self.more or {})}

    def __str__(self) -> str:
        return f"{self.status} {self.reason or self.message[:40]}"


BUSY = "I am experiencing high traffic, please try again shortly."
SUSPENDED = (
    "Your User ID (d-0123456789.00000000) temporarily is suspended. We've locked your account as a security "
    "precaution. To restore access, please contact our support team."
)
LOCKED = (
    "Your User ID (d-0123456789.00000000) temporarily is suspended. We detected unusual user activity and locked it as "
    "a security precaution. To restore access, please contact our support team: https://support.aws.example/"
)
LIMIT = "You have reached the limit."

BAD_TOKEN = ErrorRow(403, "AccessDeniedException", None, "The bearer token included in the request is invalid.")
BANNED = ErrorRow(403, "AccessDeniedException", "TEMPORARILY_SUSPENDED", SUSPENDED)
SPENT = ErrorRow(402, "ServiceQuotaExceededException", "MONTHLY_REQUEST_COUNT", LIMIT)
NO_PROFILE = ErrorRow(400, "ValidationException", None, "profileArn is required for this request.")
WRONG_PROFILE = ErrorRow(400, "ValidationException", None, "Invalid profileArn.")
#: What a plain status means, for tests that only name one.
BY_STATUS = {
    400: ErrorRow(400, "ValidationException", "REQUEST_BODY_INVALID", "Improperly formed request."),
    401: ErrorRow(401, "AccessDeniedException", None, "The bearer token included in the request is invalid."),
    402: SPENT,
    403: BAD_TOKEN,
    429: ErrorRow(429, "ThrottlingException", None, BUSY),
    500: ErrorRow(500, "InternalServerException", None, "Encountered an unexpected error."),
    503: ErrorRow(
        503,
        "ServiceUnavailableException",
        "MODEL_TEMPORARILY_UNAVAILABLE",
        "Encountered unexpectedly high load when processing the request, please try again.",
    ),
}


def thinks(body: Json) -> str:
    """How the request asks for thinking: "native", "tags" or "" (§6.3)."""
    first, last = user(entries(body)[0]) or {}, user(entries(body)[-1]) or {}
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    if thinking.get("type") == "adaptive" or "reasoning" in (body.get("additionalModelRequestFields") or {}):
        return "native"
    asked = str(first.get("content")).startswith("<thinking_mode>")
    return "tags" if asked and not NATIVE.fullmatch(str(last.get("modelId"))) else ""


def events(turn: Turn, usage: Usage, body: Json, token: str, tail: tuple[str, ...] = TAIL) -> Iterator[bytes]:
    """The frames of an answer. Calls come as name, fragments, stop (§7.3)."""
    how = thinks(body)
    thoughts = "".join(turn.thoughts)
    if how == "native" and thoughts:
        for piece in pieces(thoughts, TEXT_PIECE):
            yield framed("reasoningContentEvent", {"text": piece})
        yield framed("reasoningContentEvent", {"signature": seal(ACCOUNT, "kiro.reasoning", text=digest(thoughts))})
    if how == "native" and turn.redacted:
        yield framed("reasoningContentEvent", {"redactedContent": "c2VhbGVk"})
    text = f"<thinking>{thoughts}</thinking>\n\n{turn.text}" if how == "tags" and thoughts else turn.text
    for piece in pieces(text, TEXT_PIECE):
        yield framed("assistantResponseEvent", {"content": piece, "modelId": served(body)})
    for number, call in enumerate(turn.calls):
        named = {"toolUseId": f"tooluse_{token[:16]}{number}", "name": call.name}
        yield framed("toolUseEvent", named)
        for fragment in pieces(call.json if call.arguments else "", ARGUMENT_PIECE):
            yield framed("toolUseEvent", {**named, "input": fragment})
        yield framed("toolUseEvent", {**named, "stop": True})
    for kind in tail:
        yield framed(kind, _tail(kind, turn, usage))


def served(body: Json) -> str:
    """The model that answers: one that the service chooses, where it is asked to."""
    model = str((user(entries(body)[-1]) or {}).get("modelId"))
    return "claude-sonnet-4.5" if model == "auto" else model


def _tail(kind: str, turn: Turn, usage: Usage) -> Json:
    if kind == "contextUsageEvent":
        return {"contextUsagePercentage": usage.total / WINDOW * 100}
    if kind == "meteringEvent":
        return {"usage": 0.05, "unit": "credit", "unitPlural": "credits"}
    told: Json = {
        "tokenUsage": {
            "uncachedInputTokens": usage.fresh,
            "outputTokens": usage.output,
            "totalTokens": usage.total,
            "cacheReadInputTokens": usage.cache_read,
            "cacheWriteInputTokens": usage.cache_write,
        },
        # §7.4: also after calls
        "stopReason": {"length": "MAX_TOKENS", "stop_sequence": "STOP_SEQUENCE"}.get(turn.stop or "", "END_TURN"),
    }
    if turn.stop == "refusal":
        told["stopDetails"] = {"refusal": {"category": "safety", "explanation": "No.", "recommendedModel": "auto"}}
    return told


def framed(kind: str, payload: Json) -> bytes:
    return eventstream.event(kind, dumps(payload).encode())


def exception(kind: str, message: str, reason: str | None = None) -> bytes:
    return eventstream.exception(kind, dumps({"message": message, "reason": reason}).encode())


def usage_limits(email: str, used: float, limit: float, reset: float) -> Json:
    """An answer of GetUsageLimits (§9)."""
    return {
        "nextDateReset": reset,
        "daysUntilReset": 10,
        "limits": [],
        "usageBreakdownList": [
            {
                "resourceType": "CREDIT",
                "displayName": "Credit",
                "displayNamePlural": "Credits",
                "currentUsage": int(used),
                "currentUsageWithPrecision": used,
                "usageLimit": int(limit),
                "usageLimitWithPrecision": limit,
                "currentOverages": 0,
                "unit": "INVOCATIONS",
                "nextDateReset": reset,
                "freeTrialInfo": {
                    "freeTrialStatus": "ACTIVE",
                    "currentUsage": 400,
                    "currentUsageWithPrecision": 400.5,
                    "usageLimit": 500,
                    "usageLimitWithPrecision": 500.0,
                },
                "bonuses": [
                    {"currentUsage": 10, "usageLimit": 100, "status": "ACTIVE"},
                    {"currentUsage": 0, "usageLimit": 1000, "status": "EXPIRED"},
                ],
            }
        ],
        "subscriptionInfo": {"type": "Q_DEVELOPER_STANDALONE_PRO", "subscriptionTitle": "KIRO PRO"},
        "overageConfiguration": {"overageStatus": "DISABLED"},
        "userInfo": {"userId": "d-0123456789.00000000", "email": email},
    }
