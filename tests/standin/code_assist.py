"""Gemini Code Assist as a stand-in, its demands as a table (gemini_code_assist.md)."""

from __future__ import annotations

from collections.abc import Iterator

from .app import Reply
from .google_internal import GENERATES, UUID, GoogleApp, GoogleStandIn, Row, Seen
from .records import Recorded

CLIENT_ID = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com"  # §1
PROJECT = r"(?!\d+$)[a-z][a-z0-9.:-]*"
LOADS = ("loadCodeAssist", "onboardUser")

ROWS = (
    # §2 Headers
    Row("header.content-type", r"application/json", "§2"),
    Row(
        "header.user-agent",
        r"GeminiCLI/\d+\.\d+\.\d+[\w.-]*/gem(ini|ma)-[\w.-]+ \((linux|darwin|win32); (x64|arm64|ia32); terminal\)",
        "§2",
        (*GENERATES, "countTokens"),
    ),
    Row("header.user-agent", r"GeminiCLI/\d+\.\d+\.\d+[\w.-]*(/[\w.-]+)? \(\w+; \w+; terminal\)", "§2"),
    Row("header.x-goog-api-key", None, "§2"),
    Row("header.x-goog-user-project", None, "§2"),
    # §2 methods
    Row("query.alt", r"sse", "§2", ("streamGenerateContent",)),
    # §3 Envelope
    Row("body.model", r"(?!models/)[\w.-]+", "§3", GENERATES),
    Row("body.project", PROJECT, "§3", GENERATES),
    Row("body.user_prompt_id", r"\S+", "§3", GENERATES),
    Row("body.request", dict, "§3", (*GENERATES, "countTokens")),
    Row("body.request.contents", list, "§3", (*GENERATES, "countTokens")),
    Row("body.request.session_id", UUID, "§3", GENERATES),
    Row("body.request.systemInstruction.role", "user", "§3", GENERATES, optional=True),
    Row("body.request.model", r"models/[\w.-]+", "§3, countTokens", ("countTokens",)),
    Row("body.project", None, "§3, countTokens", ("countTokens",)),
    # §4
    Row("body.metadata.ideType", "IDE_UNSPECIFIED", "§4", LOADS),
    Row("body.metadata.platform", "PLATFORM_UNSPECIFIED", "§4", LOADS),
    Row("body.metadata.pluginType", "GEMINI", "§4", LOADS),
    Row("body.cloudaicompanionProject", PROJECT, "§4", LOADS, optional=True),
    Row("body.metadata.duetProject", PROJECT, "§4", LOADS, optional=True),
    Row("body.tierId", r"[a-z0-9]+(-[a-z0-9]+)*-tier", "§4", ("onboardUser",)),
    Row("body.project", PROJECT, "§4, Quota", ("retrieveUserQuota",)),
)
_INNER = {
    "contents",
    "systemInstruction",
    "cachedContent",
    "tools",
    "toolConfig",
    "labels",
    "safetySettings",
    "generationConfig",
    "session_id",
}
_METADATA = {"ideType", "platform", "pluginType", "duetProject"}
_GENERATE = {"": {"model", "project", "user_prompt_id", "request", "enabled_credit_types"}, "request": _INNER}
KNOWN = {
    "generateContent": _GENERATE,
    "streamGenerateContent": _GENERATE,
    "countTokens": {"": {"request"}, "request": {"model", "contents"}},
    "loadCodeAssist": {"": {"cloudaicompanionProject", "metadata", "mode"}, "metadata": _METADATA},
    "onboardUser": {"": {"tierId", "cloudaicompanionProject", "metadata"}, "metadata": _METADATA},
    "retrieveUserQuota": {"": {"project", "userAgent"}},
}


class CodeAssistApp(GoogleApp):
    rows, known, client_id = ROWS, KNOWN, CLIENT_ID
    redirects = r"http://127\.0\.0\.1:\d+/oauth2callback|https://codeassist\.google\.com/authcode"  # §1.1

    @property
    def own(self) -> CodeAssistStandIn:
        assert isinstance(self.standin, CodeAssistStandIn)
        return self.standin

    def more(self, seen: Seen) -> Iterator[str]:
        if seen.method in GENERATES:
            body = seen.body
            if f"/{body['model']} " not in seen.headers["user-agent"]:
                yield "the User-Agent names another model (§2)"
            kinds = {name for tool in body["request"].get("tools", []) for name in tool}
            if {"googleSearch", "functionDeclarations"} <= kinds:
                yield "Multiple tools are supported only when they are all search tools (§6)"
            if "enabled_credit_types" in body and not self.own.credits:
                yield "enabled_credit_types: nobody opted in (§3)"
        if seen.method == "countTokens" and any(
            "thought" in part for content in seen.body["request"]["contents"] for part in content["parts"]
        ):
            yield "a thought cannot be counted (§3)"

    def on_onboardUser(self, request: Recorded, seen: Seen) -> Reply:
        if seen.body["tierId"] == "free-tier" and "cloudaicompanionProject" in seen.body:
            return self.no(request, 400, "FAILED_PRECONDITION", "Precondition Failed")  # §4, 3
        return super().on_onboardUser(request, seen)

    def on_generateContent(self, request: Recorded, seen: Seen) -> Reply:
        return self._generate(request, seen)

    def on_streamGenerateContent(self, request: Recorded, seen: Seen) -> Reply:
        return self._generate(request, seen)

    def _generate(self, request: Recorded, seen: Seen) -> Reply:
        body = dict(seen.body["request"])
        del body["session_id"]
        return self.inner(request, seen.body["model"], seen.method, body)

    def on_countTokens(self, request: Recorded, seen: Seen) -> Reply:
        inner = seen.body["request"]
        return self.inner(
            request, inner["model"].removeprefix("models/"), "countTokens", {"contents": inner["contents"]}
        )

    def on_retrieveUserQuota(self, request: Recorded, seen: Seen) -> Reply:
        return self.json_reply(200, {"buckets": self.own.buckets})


class CodeAssistStandIn(GoogleStandIn):
    """`buckets` are what `retrieveUserQuota` tells; `credits`: the user opted in to spend them."""

    app = CodeAssistApp

    def be_new(self) -> None:
        super().be_new()
        self.credits = False
        self.buckets = [
            {
                "remainingFraction": 0.25,
                "resetTime": "2099-01-01T00:00:00Z",
                "tokenType": "REQUESTS",
                "modelId": "gemini-2.5-pro",
            },
            {"remainingAmount": "90", "remainingFraction": 0.9, "tokenType": "REQUESTS", "modelId": "gemini-2.5-flash"},
        ]
