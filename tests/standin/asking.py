"""Plain requests to a stand-in, one a protocol, for the tests that look at HTTP rather than at content."""

from __future__ import annotations

import httpx

from .ask import Json
from .conversations import MODEL
from .server import StandIn

HTTP = httpx.Client(timeout=20)
GEMINI = f"/v1beta/models/{MODEL}"
REQUESTS: dict[str, tuple[str, Json]] = {
    "anthropic": ("/v1/messages", {"model": MODEL, "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}),
    "openai_chat": ("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}),
    "openai_responses": ("/v1/responses", {"model": MODEL, "input": "Hi"}),
    "gemini": (f"{GEMINI}:generateContent", {"contents": [{"parts": [{"text": "Hi"}]}]}),
}


def auth(backend: StandIn, protocol: str) -> dict[str, str]:
    if protocol == "gemini":
        return {"x-goog-api-key": str(backend.key)}
    version = {"anthropic-version": "2023-06-01"} if protocol == "anthropic" else {}
    return {"authorization": f"Bearer {backend.key}", **version}


def ask(backend: StandIn, protocol: str, stream: bool = False) -> httpx.Response:
    path, body = REQUESTS[protocol]
    if protocol != "gemini":
        body = {**body, "stream": stream}
    elif stream:
        path = path.replace("generateContent", "streamGenerateContent?alt=sse")
    return HTTP.post(backend.url + path, headers=auth(backend, protocol), json=body)
