"""The methods between gateway and plugin, and the shapes of what plugins answer (docs/plugin-protocol.md).

What is read here comes from a foreign program: a shape that does not fit is a BadAnswerError, never an exception of
another kind.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from translators import jsonio
from translators.canonical.errors import ErrorInfo, ErrorKind

Json = dict[str, Any]
VERSION = 1


class Method(StrEnum):
    """What the gateway asks. Every plugin knows the first and the last; it says in `initialize` which others."""

    INITIALIZE = "initialize"
    ACQUIRE = "credential.acquire"
    RELEASE = "credential.release"
    VALIDATE = "credential.validate"
    REFRESH = "credential.refresh"
    MODELS = "models.list"
    SERVES = "models.serves"
    REQUEST = "request.transform"
    RESPONSE = "response.transform"
    CHUNK = "response.chunk"
    END = "response.end"
    ERROR = "error.parse"
    SETTINGS = "settings.update"
    SHUTDOWN = "shutdown"


#: Notifications of the gateway's, which need no answer.
CANCEL_CALL = "cancel"
CANCEL_RESPONSE = "response.cancel"
EVENT = "event"

#: With one of these, requests go through the relay: something is to be done that the native way has no place for.
RELAYED = frozenset((Method.REQUEST, Method.RESPONSE, Method.CHUNK, Method.ERROR))

Framing = Literal["raw", "lines", "sse"]


class ShapeError(ValueError):
    """An answer does not have the shape that the protocol says."""


def _pairs(value: object) -> object:
    """Headers come as an object, or as a list of pairs where order or repetition matters."""
    return list(value.items()) if isinstance(value, dict) else value


HeaderList = Annotated[list[tuple[str, str]], BeforeValidator(_pairs)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def of(cls, value: object, method: str) -> Self:
        """Raises ShapeError."""
        try:
            return cls.model_validate({} if value is None else value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "its result"
            raise ShapeError(f"answered {method} with a wrong shape: {where}: {first['msg']}") from None


class ModelFact(_Shape):
    """Models of a shell pattern, and the protocol they speak ("" = the provider's first)."""

    pattern: str
    protocol: str = ""


class Facts(_Shape):
    """`initialize`. `models` replaces what `plugin.json` says; `framing` is how pieces of a stream are handed over;
    `operations` are those that `request.transform` knows."""

    protocol_version: int = VERSION
    implements: frozenset[str] = frozenset()
    models: tuple[ModelFact, ...] = ()
    known_models: tuple[str, ...] = ()
    framing: Framing = "raw"
    operations: frozenset[str] = frozenset(("generate",))

    def has(self, method: Method) -> bool:
        return method.value in self.implements

    @property
    def relayed(self) -> bool:
        return not RELAYED.isdisjoint(self.implements)


class Lease(_Shape):
    """`credential.acquire` and `.refresh`: how requests are sent until `expires_at` (seconds since 1970; none = until
    they are refused). `secret`: what to keep instead of the credential's secret, where using it has changed it."""

    base_url: str = ""
    headers: HeaderList = Field(default_factory=list)
    expires_at: float | None = None
    secret: str | None = None

    @property
    def tokens(self) -> list[str]:
        """The texts in it that must never be shown, the longest first."""
        words = {word for _, value in self.headers for word in (value, value.rpartition(" ")[2]) if len(word) >= 8}
        return sorted(words | ({self.secret} if self.secret else set()), key=len, reverse=True)


class Verdict(_Shape):
    """`error.parse`, or the `data` of an error: what it means (translators/canonical/errors.py)."""

    kind: ErrorKind
    message: str = ""
    status: int | None = None
    code: str | None = None
    retry_after: float | None = Field(default=None, ge=0)
    scope: Literal["", "request", "model", "account"] = ""
    out_of_service: bool = False

    @classmethod
    def read(cls, value: object) -> Verdict | None:
        """None for what is no verdict."""
        try:
            return cls.model_validate(value)
        except ValidationError:
            return None

    def info(self, status: int | None, message: str = "") -> ErrorInfo:
        return ErrorInfo(
            self.kind,
            self.message or message or self.kind.value,
            self.status or status,
            code=self.code,
            retry_after=self.retry_after,
            scope=self.scope,
            out_of_service=self.out_of_service,
        )


class Carrier(_Shape):
    """A body one way or the other: JSON as it is, text, or bytes in base64."""

    body: Any = None
    body_text: str | None = None
    body_base64: str | None = None

    def data(self, method: str) -> bytes | None:
        """None where it has none. Raises ShapeError."""
        if self.body_base64 is not None:
            try:
                return base64.b64decode(self.body_base64, validate=True)
            except (binascii.Error, ValueError):
                raise ShapeError(f"answered {method} with what is no base64") from None
        if self.body_text is not None:
            return self.body_text.encode("utf-8", "replace")
        return None if self.body is None else jsonio.dumps(self.body)


class NewRequest(Carrier):
    """`request.transform`: the request as it goes out; these headers are all that it gets, but for the length."""

    method: str = "POST"
    url: str
    headers: HeaderList = Field(default_factory=list)


class Piece(Carrier):
    """`response.transform`, `.chunk` and `.end`: bytes in the target protocol, or canonical events (events.py)."""

    events: tuple[Json, ...] | None = None
    status: int | None = None


class ModelList(_Shape):
    models: tuple[str, ...] = ()


class Serves(_Shape):
    serves: bool


class Validity(_Shape):
    valid: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An upstream's refusal as the plugin or its protocol reads it, for whoever judges the attempt."""

    url: str
    error: ErrorInfo | None = None


def carried(data: bytes) -> Json:
    """A body for the plugin: as JSON where it is some, else in base64."""
    if not data:
        return {}
    try:
        return {"body": orjson.loads(data)}
    except orjson.JSONDecodeError:
        return {"body_base64": base64.b64encode(data).decode()}
