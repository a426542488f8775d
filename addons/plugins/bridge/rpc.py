"""JSON-RPC 2.0 as lines: one JSON object a line, either way. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]
Id = str | int

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
#: Ours (docs/plugin-protocol.md, "Errors").
FAILED = -32000
PERMISSION_DENIED = -32001
LIMIT_REACHED = -32002

_LONGEST_ID = 128


class RpcError(Exception):
    """An error object: what the plugin answered, or what it is to be told."""

    def __init__(self, code: int, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data or {}


class LineTooLongError(Exception):
    """A line is longer than one may be."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response. `error` None: it went well."""

    id: Id
    result: Any = None
    error: RpcError | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, or a notification where `id` is None."""

    id: Id | None
    method: str
    params: Json


class Lines:
    """Cuts bytes into lines; never holds more than `longest` of an unfinished one. Raises LineTooLongError."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        *whole, rest = data.split(b"\n")
        lines = []
        for piece in whole:
            self._hold(piece)
            lines.append(b"".join(self._pieces))
            self._pieces, self._held = [], 0
        self._hold(rest)
        return lines

    @property
    def held(self) -> int:
        return self._held

    def _hold(self, piece: bytes) -> None:
        self._held += len(piece)
        if self._held > self._longest:
            raise LineTooLongError(f"a line is longer than {self._longest} bytes")
        if piece:
            self._pieces.append(piece)


def read(line: bytes) -> Answered | Asked:
    """Raises ValueError for what is no JSON-RPC message."""
    message = orjson.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    id_ = message.get("id")
    if (
        isinstance(id_, bool)
        or not isinstance(id_, str | int | None)
        or (isinstance(id_, str) and len(id_) > _LONGEST_ID)
    ):
        raise ValueError("an id is a short string or a number")
    method = message.get("method")
    if isinstance(method, str):
        params = message.get("params", {})
        if not isinstance(params, dict):
            raise ValueError("params are an object")
        return Asked(id_, method, params)
    if id_ is None or ("result" in message) == ("error" in message):
        raise ValueError("neither a request nor a response")
    if "error" in message:
        return Answered(id_, error=_error(message["error"]))
    return Answered(id_, message["result"])


def _error(value: object) -> RpcError:
    if not isinstance(value, dict):
        raise ValueError("an error is an object")
    code, text, data = value.get("code"), value.get("message"), value.get("data")
    return RpcError(
        code if isinstance(code, int) else FAILED,
        text if isinstance(text, str) else "no reason was given",
        data if isinstance(data, dict) else None,
    )


def request(id_: Id, method: str, params: Json) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}) + b"\n"


def notification(method: str, params: Json) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params}) + b"\n"


def result(id_: Id, value: Any) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "result": value}) + b"\n"


def failure(id_: Id, error: RpcError) -> bytes:
    body: Json = {"code": error.code, "message": error.message}
    if error.data:
        body["data"] = error.data
    return orjson.dumps({"jsonrpc": "2.0", "id": id_, "error": body}) + b"\n"
