"""The envelope of a call: what is the account's, the conversation's and the request's own (antigravity.md §5)."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Any

from addons.providers.antigravity.models import makes_images
from translators import jsonio

Json = dict[str, Any]

USER_AGENT = "antigravity"
CREDITS = ["GOOGLE_ONE_AI"]


def enveloped(body: bytes, model: str, project: str, conversation: str, *, credits_too: bool) -> bytes:
    """The whole body of a call. `body` is an inner request; `conversation` the key of the conversation, "" where none
    is known."""
    inner = jsonio.loads(body)
    kind = request_type(model, inner)
    made: Json = {
        "project": project,
        "requestId": request_id(kind),
        "userAgent": USER_AGENT,
        "requestType": kind,
        "model": model,
    }
    if credits_too:
        made["enabledCreditTypes"] = CREDITS
    made["request"] = {"sessionId": session_id(conversation or _first_text(inner)), **inner}
    return jsonio.dumps(made)


def request_type(model: str, inner: Json) -> str:
    if makes_images(model):
        return "image_gen"
    tools = inner.get("tools")
    searches = isinstance(tools, list) and bool(tools) and all("googleSearch" in tool for tool in tools)
    return "web_search" if searches else "agent"


def request_id(kind: str) -> str:
    """A new one for each request."""
    if kind == "image_gen":
        return f"image_gen/{int(time.time() * 1000)}/{uuid.uuid4()}/12"
    return f"agent-{uuid.uuid4()}"


def session_id(seed: str) -> str:
    """The same for the same seed: a minus and a positive int63. Caches and signatures of thoughts hold by it."""
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
    return f"-{int.from_bytes(digest[:8]) & 0x7FFF_FFFF_FFFF_FFFF}"


def _first_text(inner: Json) -> str:
    for content in inner.get("contents", []):
        for part in content.get("parts", []) if content.get("role") != "model" else ():
            if isinstance(part.get("text"), str):
                return str(part["text"])
    return ""
