"""Google's errors as the `v1internal` services send them: read in whatever wrapping, and told apart by what they mean.

Sources: gemini_code_assist.md §5, antigravity.md §8. An error is judged by its status and Google's own words for
reasons; only where those say nothing by its message, and what ends a credential only by the beginning of one that
nobody but Google writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from translators import jsonio
from translators.canonical import waits
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.gemini import errors as gemini_errors

Json = dict[str, Any]

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
HELP = "type.googleapis.com/google.rpc.Help"
#: Whose reasons are believed: `cloudcode-pa.googleapis.com` and its `staging-`, `autopush-`, `daily-` sisters.
_DOMAIN = re.compile(r"(?:[a-z]+-)?cloudcode-pa(?:\.sandbox)?\.googleapis\.com")

#: Bytes above which no body is an error of Google's.
LARGEST = 1 << 20

CAPACITY = "MODEL_CAPACITY_EXHAUSTED"
VALIDATION = "VALIDATION_REQUIRED"
SECURITY_POLICY = "SECURITY_POLICY_VIOLATED"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`scope` as in `ErrorInfo`. `wait`: seconds that the sheet gives where the answer names none."""

    kind: ErrorKind
    scope: str = ""
    wait: float | None = None


#: Google's reason → what it means, among refusals for lack of something (429, 499, 503).
_REASONS: dict[str, Meaning] = {
    CAPACITY: Meaning(ErrorKind.RATE_LIMIT, "model"),
    "INSUFFICIENT_G1_CREDITS_BALANCE": Meaning(ErrorKind.BILLING),
    "RATE_LIMIT_EXCEEDED": Meaning(ErrorKind.RATE_LIMIT, "model"),
    "QUOTA_EXHAUSTED": Meaning(ErrorKind.RATE_LIMIT, "model"),
}
#: `quotaId` of a QuotaFailure contains → what it means.
_QUOTAS: tuple[tuple[str, Meaning], ...] = (
    ("PerDay", Meaning(ErrorKind.RATE_LIMIT, "model")),
    ("Daily", Meaning(ErrorKind.RATE_LIMIT, "model")),
    ("PerMinute", Meaning(ErrorKind.RATE_LIMIT, "model", 60.0)),
)
#: What a bare status means.
_STATUSES: dict[int, Meaning] = {
    404: Meaning(ErrorKind.NOT_FOUND),
    429: Meaning(ErrorKind.RATE_LIMIT),
    499: Meaning(ErrorKind.SERVER),
    503: Meaning(ErrorKind.OVERLOADED),
}
_LACKS = frozenset((429, 499, 503))

#: Nothing at all of that model for this account.
_NONE_OF_IT = re.compile(r"\blimit: 0(?![\d]|\.\d)")
_NO_CAPACITY = re.compile(r"\bno capacity available\b", re.IGNORECASE)
_RESETS = re.compile(r"\breset after (\d[\dhms.]*s)\b", re.IGNORECASE)
#: The words of a ban, from their beginning: what a client sent cannot stand before them.
_BANNED = re.compile(
    r"[A-Za-z][A-Za-z ]{0,60} has been disabled in this account for violation of terms of service\b", re.IGNORECASE
)
_STRAY_COMMAS = re.compile(r'("(?:[^"\\]|\\.)*")|,[\s,]*', re.DOTALL)


def decode(status: int, headers: dict[str, str], body: bytes) -> ErrorInfo:
    """A refusal: an object, a list of one, one inside the message of another, or one with stray commas (§5)."""
    error = _error_in(_parsed(body))
    if error is None:
        return gemini_errors.decode(status, headers, body)
    inner = _error_in(_parsed(error["message"].encode())) if isinstance(error.get("message"), str) else None
    info = gemini_errors.of_object(inner or error, status)
    wait = waits.from_headers(headers)
    info.retry_after = wait if wait is not None else info.retry_after
    return info


def classify(error: ErrorInfo) -> ErrorInfo:
    """`error` (from `decode`, or an event of a stream) with what it means; the same object."""
    status = error.status
    details = list(_details(error))
    reasons = _reasons(details)
    if error.retry_after is None:
        error.retry_after = _wait(error.message, details)
    if status == 403:
        _refusal(error, details, reasons)
        return error
    lacks = status in _LACKS or (status is None and error.kind in (ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED))
    if not lacks:
        if status in _STATUSES:
            error.kind = _STATUSES[status].kind
        return error
    if _NONE_OF_IT.search(error.message):
        error.kind = ErrorKind.NOT_FOUND
        return error
    meaning = _lack(error, details, reasons)
    if meaning is not None:
        error.kind, error.scope = meaning.kind, meaning.scope
        if error.retry_after is None:
            error.retry_after = meaning.wait
    return error


def is_capacity(error: ErrorInfo) -> bool:
    """The service is short of machines: no matter of the account, and perhaps not so at another of its hosts."""
    return CAPACITY in _reasons(_details(error)) or bool(_NO_CAPACITY.search(error.message))


def has_reason(error: ErrorInfo, reason: str) -> bool:
    return any(detail.get("reason") == reason for detail in _details(error))


def _lack(error: ErrorInfo, details: list[Json], reasons: list[str]) -> Meaning | None:
    for reason in reasons:
        if reason in _REASONS:
            return _REASONS[reason]
    for quota in _quota_ids(details):
        for part, meaning in _QUOTAS:
            if part in quota:
                return meaning
    if _NO_CAPACITY.search(error.message):
        return _REASONS[CAPACITY]
    return _STATUSES.get(error.status) if error.status is not None else None


def _refusal(error: ErrorInfo, details: list[Json], reasons: list[str]) -> None:
    """403: an account that must be verified by its owner, one that is closed, or what this one may not use."""
    if VALIDATION in reasons:
        link = _link(details)
        where = f" Verify the account at {link}, then: proxycast credentials enable NAME" if link else ""
        error.message = f"{error.message}{where}"
        error.kind, error.out_of_service = ErrorKind.PERMISSION, True
    elif _BANNED.match(error.message.strip()):
        error.kind, error.out_of_service = ErrorKind.PERMISSION, True


def _details(error: ErrorInfo) -> Iterator[Json]:
    listed = error.details.get("details")
    yield from (item for item in listed or () if isinstance(item, dict))


def _reasons(details: Iterator[Json] | list[Json]) -> list[str]:
    """The reasons of this service; one without a domain counts, one of another does not."""
    found = []
    for detail in details:
        domain = detail.get("domain")
        ours = domain is None or (isinstance(domain, str) and _DOMAIN.fullmatch(domain))
        if isinstance(detail.get("reason"), str) and ours:
            found.append(detail["reason"])
    return found


def _quota_ids(details: list[Json]) -> Iterator[str]:
    for detail in details:
        listed = detail.get("violations")
        for violation in listed if isinstance(listed, list) else ():
            if isinstance(violation, dict) and isinstance(violation.get("quotaId"), str):
                yield violation["quotaId"]


def _link(details: list[Json]) -> str:
    """Where the owner verifies the account."""
    for detail in details:
        listed = detail.get("links")
        metadata = detail.get("metadata")
        urls = [item.get("url") for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        urls += [metadata.get("validation_link")] if isinstance(metadata, dict) else []
        for url in urls:
            if isinstance(url, str) and url.startswith("https://"):
                return url
    return ""


def _wait(message: str, details: list[Json]) -> float | None:
    """Seconds that the answer names where no other Google service does: `quotaResetDelay` of the reason, its text."""
    for detail in details:
        metadata = detail.get("metadata")
        told = metadata.get("quotaResetDelay") if isinstance(metadata, dict) else None
        if isinstance(told, str) and (seconds := waits.duration(told)) is not None:
            return seconds
    found = _RESETS.search(message)
    return None if found is None else waits.duration(found[1])


def _error_in(value: Any) -> Json | None:
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else None


def _parsed(data: bytes) -> Any:
    if data.lstrip()[:1] not in (b"{", b"[") or len(data) > LARGEST:
        return None
    try:
        return jsonio.loads(data)
    except ValueError:
        pass
    try:
        return jsonio.loads(_STRAY_COMMAS.sub(_mended, data.decode("utf-8", "replace")))
    except ValueError:
        return None


def _mended(found: re.Match[str]) -> str:
    """A string as it is; commas in a row as one, and none beside a bracket."""
    if found[1] is not None:
        return found[1]
    before, after = found.string[: found.start()].rstrip()[-1:], found.string[found.end() :][:1]
    return "" if before in ("{", "[") or after in ("}", "]") else ","
