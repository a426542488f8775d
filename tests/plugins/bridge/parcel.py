"""Parcel, the imaginary service of the example in docs/examples/parcel-node: sessions, parcels, lines of JSON.

Behind it is the strict stand-in, as a chat backend: what the plugin unwraps wrongly, that one refuses.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.standin import StandIn

REASONS = {"stop": "done", "tool_calls": "calls", "length": "full", "content_filter": "unwilling"}
Json = dict[str, Any]


class Parcel:
    """A context manager; serves on `.url`. `closed`: sessions are refused for good from now on."""

    def __init__(self, backend: StandIn, key: str) -> None:
        self.backend, self.key = backend, key
        self.sessions: list[str] = []
        self.deliveries: list[dict[str, str]] = []  # headers
        self.refuse: list[tuple[int, Json]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.tell(200, ["parcel-1"])

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path == "/session":
                    self.session(body)
                elif self.headers.get("authorization", "").removeprefix("Session ") not in outer.sessions:
                    self.tell(401, {"refused": "expired", "text": "this session is over"})
                elif outer.refuse:
                    self.tell(*outer.refuse.pop(0))
                else:
                    outer.deliveries.append({name.lower(): value for name, value in self.headers.items()})
                    self.deliver(body["parcel"])

            def session(self, body: Json) -> None:
                if body["key"] != outer.key:
                    self.tell(403, {"refused": "closed", "text": "this account was closed"})
                    return
                outer.sessions.append(f"parcel-session-{len(outer.sessions)}")
                self.tell(200, {"token": outer.sessions[-1], "seconds": 3600})

            def deliver(self, chat: Json) -> None:
                chat = {**chat, "stream": True, "stream_options": {"include_usage": True}}
                with httpx.Client(trust_env=False, timeout=30) as client:
                    headers = {"authorization": f"Bearer {outer.backend.key}"}
                    answer = client.post(f"{outer.backend.url}/v1/chat/completions", json=chat, headers=headers)
                if answer.status_code != 200:
                    self.tell(answer.status_code, {"refused": "?", "text": answer.text})
                    return
                self.send_response(200)
                self.send_header("content-type", "application/x-ndjson")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for line in _lines(answer.text):
                    data = json.dumps(line).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.write(b"0\r\n\r\n")

            def tell(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Not to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Parcel:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _lines(stream: str) -> Iterator[Json]:
    """A chat stream in Parcel's words."""
    over = ""
    for line in stream.splitlines():
        if not line.startswith("data: {"):
            continue
        chunk = json.loads(line.removeprefix("data: "))
        if chunk.get("usage"):
            yield {"used": {"in": chunk["usage"]["prompt_tokens"], "out": chunk["usage"]["completion_tokens"]}}
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if delta.get("reasoning_content"):
                yield {"think": delta["reasoning_content"]}
            if delta.get("content"):
                yield {"say": delta["content"]}
            for call in delta.get("tool_calls") or ():
                if call.get("id"):
                    yield {"call": {"id": call["id"], "name": call["function"]["name"]}}
                if call["function"].get("arguments"):
                    yield {"argument": call["function"]["arguments"]}
            over = choice.get("finish_reason") or over
    yield {"over": REASONS[over]}
