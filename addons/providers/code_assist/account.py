"""What the service says of an account: its tier, its project, or why it may not be used. Reading alone, no I/O.

Sources: gemini_code_assist.md §4, antigravity.md §4 (where a project is a text or an object).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from addons.vault.tokens import jwt_claims
from translators.canonical.errors import ErrorInfo, ErrorKind

Json = dict[str, Any]

FREE = "free-tier"
LEGACY = "legacy-tier"
STANDARD = "standard-tier"


@dataclass(frozen=True, slots=True)
class Account:
    """`tier` for people. `project` "" where the service gave none."""

    project: str
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An answer of `loadCodeAssist`. `tier` "" = not onboarded yet; `offered` is the tier to onboard to."""

    tier: str
    name: str
    project: str
    offered: str
    ineligible: list[Json] = field(default_factory=list)


def read(answer: Json) -> Loaded:
    current = answer.get("currentTier")
    current = current if isinstance(current, dict) else {}
    paid = answer.get("paidTier")
    name = _text(paid, "name") or _text(paid, "id") or _text(current, "name") or _text(current, "id")
    allowed = [tier for tier in _list(answer.get("allowedTiers")) if isinstance(tier, dict)]
    offered = next((_text(tier, "id") for tier in allowed if tier.get("isDefault") is True), "")
    return Loaded(
        tier=_text(current, "id"),
        name=name,
        project=project_in(answer),
        offered=offered or LEGACY,
        ineligible=[tier for tier in _list(answer.get("ineligibleTiers")) if isinstance(tier, dict)],
    )


def project_in(answer: Any) -> str:
    """`cloudaicompanionProject`, a text or an object with an id; "" where there is none."""
    found = answer.get("cloudaicompanionProject") if isinstance(answer, dict) else None
    return found if isinstance(found, str) else _text(found, "id")


def refusal(loaded: Loaded, name: str, service: str) -> ErrorInfo | None:
    """Why the service does not take this account, where it has no tier for it; nobody but the owner can mend it."""
    if loaded.tier or not loaded.ineligible:
        return None
    tier = loaded.ineligible[0]
    reason = _text(tier, "reasonCode") or "INELIGIBLE_ACCOUNT"
    said = _text(tier, "validationErrorMessage") or _text(tier, "reasonMessage") or "it gives no reason"
    link = _text(tier, "validationUrl") or _text(tier, "validationLearnMoreUrl")
    where = f" See {link}." if link.startswith("https://") else ""
    text = f"{name}: {service} does not take this account ({reason}): {said}.{where}{_ADVICE.get(reason, '')}"
    return ErrorInfo(ErrorKind.PERMISSION, text.replace("..", "."), 403, code=reason, out_of_service=True)


#: What the owner can do about it.
_ADVICE = {
    "UNSUPPORTED_CLIENT": " Google ended Gemini CLI's login for individuals on 2026-06-18: use a Code Assist Standard "
    "or Enterprise licence with the setting `project`, an API key (provider gemini), or Antigravity (provider "
    "antigravity).",
    "VALIDATION_REQUIRED": " Verify the account there, then: proxycast credentials enable NAME.",
}


def is_numeric(project: str) -> bool:
    """A project's number, which the service does not take in place of its id."""
    return project.isascii() and project.isdigit()


def email_of(login: Any) -> str:
    """The e-mail that a login's id_token names."""
    return _text(jwt_claims(login.get("id_token")), "email") if isinstance(login, dict) else ""


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
