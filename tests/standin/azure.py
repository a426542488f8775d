"""Azure OpenAI in front of the stand-in: its two sets of URLs, its key, its content filter (apikey_backends.md §5)."""

from __future__ import annotations

import re
from typing import Any

from .app import App, Reply
from .ask import Refusal
from .bodies import decoded
from .records import Recorded
from .server import StandIn
from .wire import dumps

V1 = re.compile(r"/openai/v1(/(?:chat/completions|responses))")
DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)(/chat/completions)")
DATED_RESPONSES = "/openai/responses"
DATE = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
#: A word that the content filter does not let through.
FORBIDDEN = "verboten"
FILTERED = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."


class AzureApp(App):
    def answer(self, request: Recorded) -> Reply:
        """Refuse what Azure would, then hand the request on as the plain API has it."""
        if request.headers.get("api-key") != self.standin.key:
            return self.no(request, 401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
        version = request.query.get("api-version", "")
        body = decoded(request.raw, request.headers)
        if found := V1.fullmatch(request.path):
            if version not in ("", "preview", "latest"):
                return self.no(request, 400, "BadRequest", "API version not supported")
            path = found[1]
        elif found := DEPLOYMENT.fullmatch(request.path):
            if found[1] not in self.standin.models:
                return self.no(
                    request, 404, "DeploymentNotFound", "The API deployment for this resource does not exist."
                )
            path, body["model"] = found[2], found[1]
        else:
            path = "/responses" if request.path == DATED_RESPONSES else ""
        if not path or (not V1.fullmatch(request.path) and not DATE.fullmatch(version)):
            return self.no(request, 404, "404", "Resource not found")
        raw = dumps(body)
        if FORBIDDEN in raw:
            return self.no(
                request, 400, "content_filter", FILTERED, innererror={"code": "ResponsibleAIPolicyViolation"}
            )
        request.path, request.query, request.raw = path, {}, raw.encode()
        request.headers = {**request.headers, "authorization": f"Bearer {self.standin.key}"}
        reply = super().answer(request)
        assert isinstance(self.standin, AzureStandIn)
        if reply.stream and path == "/chat/completions" and self.standin.shows_filter:
            reply.chunks.insert(0, f"data: {dumps(PROMPT_FILTERED)}\n\n".encode())
        return reply

    def no(self, request: Recorded, status: int, code: str, message: str, **more: Any) -> Reply:
        body = {"error": {"code": code, "message": message, "type": None, "param": "prompt", **more}}
        return self.refused(request, Refusal(status, body, message, "azure"))


#: The first chunk of a stream, which holds nothing but what the filter thinks of the prompt.
PROMPT_FILTERED = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}],
}


class AzureStandIn(StandIn):
    """`models` are its deployments, for dated URLs. `shows_filter`: chat streams begin with the filter's chunk."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.shows_filter = False
        self._app = AzureApp(self)
