"""Error bodies in each protocol's shape, by HTTP status (the error sections of the four protocol sheets)."""

from __future__ import annotations

import secrets

from .ask import Complaint, Json, Protocol, Refusal

ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OPENAI_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", "server_error"),
    502: ("server_error", None),
    503: ("server_error", "server_error"),
    504: ("server_error", None),
}
GEMINI_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
MESSAGES = {
    401: "The credential was not accepted",
    402: "Your credit balance is too low",
    403: "The credential may not use this resource",
    404: "The requested resource was not found",
    413: "Request exceeds the maximum size",
    429: "Rate limit reached, slow down",
    500: "Internal server error",
    502: "Bad gateway",
    503: "The service is currently unavailable",
    504: "The request timed out",
    529: "Overloaded",
}
TYPE_URL = "type.googleapis.com/google.rpc."


def anthropic(complaint: Complaint) -> Json:
    error: Json = {
        "type": complaint.kind or ANTHROPIC_TYPES.get(complaint.status, "invalid_request_error"),
        "message": complaint.message,
    }
    if complaint.code:
        error["details"] = {"error_code": complaint.code}
    return {"type": "error", "error": error, "request_id": f"req_{secrets.token_hex(12)}"}


def openai(complaint: Complaint) -> Json:
    kind, code = OPENAI_TYPES.get(complaint.status, ("invalid_request_error", None))
    return {
        "error": {
            "message": complaint.message,
            "type": complaint.kind or kind,
            "param": complaint.param,
            "code": complaint.code or code,
        }
    }


def gemini(complaint: Complaint) -> Json:
    details: list[Json] = []
    if complaint.reason:
        details.append(
            {"@type": TYPE_URL + "ErrorInfo", "reason": complaint.reason, "domain": "googleapis.com", "metadata": {}}
        )
    if complaint.fields:
        violations = [{"field": name, "description": text} for name, text in complaint.fields]
        details.append({"@type": TYPE_URL + "BadRequest", "fieldViolations": violations})
    if complaint.status == 429:
        details.append({"@type": TYPE_URL + "RetryInfo", "retryDelay": "1s"})
    error: Json = {
        "code": complaint.status,
        "message": complaint.message,
        "status": complaint.kind or GEMINI_STATUS.get(complaint.status, "INVALID_ARGUMENT"),
    }
    return {"error": {**error, "details": details} if details else error}


BODIES = {"anthropic": anthropic, "openai_chat": openai, "openai_responses": openai, "gemini": gemini}


def error_body(protocol: Protocol, complaint: Complaint) -> Json:
    """The error body of ``protocol`` for a complaint."""
    return BODIES[protocol](complaint)


def plain(status: int, message: str | None = None) -> Complaint:
    """A complaint with the usual words for an HTTP status."""
    return Complaint(message or MESSAGES.get(status, "Error"), status=status)


def refusal(protocol: Protocol, rule: str, complaint: Complaint) -> Refusal:
    """A complaint dressed for the wire."""
    return Refusal(complaint.status, error_body(protocol, complaint), complaint.message, rule)
