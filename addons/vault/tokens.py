"""A login's tokens, and the two ways they are written down: times and JSON paths. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]

#: Numbers above this are milliseconds since 1970, below it seconds (it is the year 5138 in seconds).
_MILLISECONDS = 1e11


@dataclass(frozen=True, slots=True)
class Token:
    """`expires` is in seconds since 1970, None where nobody says; `extra` is what else belongs to the login."""

    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    expires: float | None = None
    extra: Json = field(default_factory=dict, repr=False)

    def usable(self, now: float, margin: float = 0.0) -> bool:
        """Whether it can still be sent in `margin` seconds."""
        return bool(self.access) and (self.expires is None or now + margin < self.expires)


def seconds(value: Any) -> float | None:
    """A point in time as tools write it (a number or text of seconds or milliseconds, or ISO 8601) in seconds."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso(value)
    if not isinstance(value, int | float) or not 0 < value < 1e17:
        return None
    return value / 1000 if value > _MILLISECONDS else float(value)


def _iso(text: str) -> float | None:
    whole, point, rest = text.partition(".")
    if point:  # nanoseconds: more digits than Python reads
        digits = "".join(c for c in rest[:6] if c.isdigit())
        zone = rest.lstrip("0123456789")
        text = f"{whole}.{digits:0<6}{zone}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def like(known: Any, moment: float, unit: str) -> Any:
    """`moment` in the form in which `known` was written, or in `unit` (ms, s, iso) where there was nothing."""
    if isinstance(known, str):
        try:
            unit = "ms text" if float(known) > _MILLISECONDS else "s text"
        except ValueError:
            unit = "iso"
    elif isinstance(known, int | float) and not isinstance(known, bool):
        unit = "ms" if known > _MILLISECONDS else "s"
    match unit:
        case "iso":
            return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case "ms text":
            return str(round(moment * 1000))
        case "s text":
            return str(round(moment))
        case "ms":
            return round(moment * 1000)
    return round(moment)


def json_object(text: Any) -> Json:
    """The object that `text` (or bytes) is the JSON of; {} for whatever else."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def jwt_claims(token: Any) -> Json:
    """What a JWT says; {} for what is none. Its signature is its issuer's business."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        return json_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}


def jwt_expiry(token: str) -> float | None:
    """The `exp` of a JWT, None for what is none."""
    return seconds(jwt_claims(token).get("exp"))


def at(data: Any, path: Sequence[str]) -> Any:
    """What stands at `path`, None where nothing does."""
    for name in path:
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data


def put(data: Json, path: Sequence[str], value: Any) -> Json:
    """A copy of `data` with `value` at `path`; everything else is as it was."""
    first, *rest = path
    inner = data.get(first)
    return {**data, first: put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
