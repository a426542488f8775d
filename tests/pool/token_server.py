"""A token service on a real socket, as strict as the strictest: a refresh token is good once, reuse ends its family."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class TokenServer:
    """`faults` are answers (status, body, headers) given instead, in turn; `delay` is how long each answer takes."""

    def __init__(self, first: str = "refresh-0", lifetime: float = 3600.0) -> None:
        self.good = first
        self.lifetime = lifetime
        self.rotates = True
        self.delay = 0.0
        self.revoked = False
        self.posts: list[dict[str, str]] = []
        self.issued: list[str] = []
        self.faults: deque[tuple[int, Any, dict[str, str]]] = deque()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                status, answer, headers = server.answer({k: v[0] for k, v in parse_qs(body).items()})
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        time.sleep(self.delay)
        with self._lock:
            self.posts.append(form)
            if self.faults:
                return self.faults.popleft()
            if self.revoked or form.get("refresh_token") != self.good:
                self.revoked = True
                return 400, {"error": "invalid_grant", "error_description": "token was used before"}, {}
            number = len(self.issued) + 1
            answer: dict[str, Any] = {"access_token": f"access-{number}", "expires_in": self.lifetime}
            if self.rotates:
                self.good = f"refresh-{number}"
                answer["refresh_token"] = self.good
            self.issued.append(f"access-{number}")
            return 200, answer, {}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
