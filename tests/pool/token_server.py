"""A token service on a real socket, as strict as the strictest: a refresh token is good once, reuse ends its family."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from tests.loopback import Loopback


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
        self._server = Loopback(lambda asked: self.answer(asked.form))
        self.url, self.close = f"{self._server.url}/token", self._server.close

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
