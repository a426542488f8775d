"""Where each public protocol's operations live below a base URL, and how base and path are joined.

Base URLs are what the official SDK of the protocol takes (design.md, Promises): anthropic without `/v1`, openai and
compatibles with `/v1`, gemini without `/v1beta`. A base pasted the other way is understood: a bare host gets the `/v1`
that it lacks, unless it ends in `/.`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Path templates with `{model}`; `stream_query` is sent with a streamed generation, `models_query` where we ask
    for a list that comes in pages: as many at once as there may be."""

    generate: str
    models: str
    count_tokens: str = ""
    stream: str = ""  # where streaming has a path of its own
    stream_query: str = ""
    models_query: str = ""
    root: str = ""  # the path prefix of the protocol's endpoints
    root_in_base: bool = False  # base URLs include the root

    def path(self, operation: str, stream: bool) -> tuple[str, str]:
        """→ (path, query with its "?" or "")."""
        if operation == "generate" and stream and self.stream:
            return self.stream, self.stream_query
        if operation == "models":
            return self.models, self.models_query
        return {"generate": self.generate, "count_tokens": self.count_tokens}[operation], ""


ENDPOINTS: dict[str, Endpoints] = {
    "anthropic": Endpoints(
        "/v1/messages",
        "/v1/models",
        "/v1/messages/count_tokens",
        models_query="?limit=1000",  # 20 without
        root="/v1",
    ),
    "openai_chat": Endpoints("/v1/chat/completions", "/v1/models", root="/v1", root_in_base=True),
    "openai_responses": Endpoints(
        "/v1/responses", "/v1/models", "/v1/responses/input_tokens", root="/v1", root_in_base=True
    ),
    "gemini": Endpoints(
        "/v1beta/models/{model}:generateContent",
        "/v1beta/models",
        "/v1beta/models/{model}:countTokens",
        stream="/v1beta/models/{model}:streamGenerateContent",
        stream_query="?alt=sse",
        models_query="?pageSize=1000",  # 50 without
        root="/v1beta",
    ),
}


#: What bases pasted from another protocol's SDK end in.
VERSIONS = ("/v1beta", "/v1")


def join(protocol: str, base: str, path: str) -> str:
    """`base` and `path` (which begins with the protocol's root), with the root exactly once."""
    endpoints = ENDPOINTS[protocol]
    root = endpoints.root
    if base.endswith("/."):
        return base[:-2] + path.removeprefix(root)
    base = base.rstrip("/")
    if endpoints.root_in_base:
        host_only = base.count("/") <= 2
        return base + (path if host_only else path.removeprefix(root))
    for version in VERSIONS:
        base = base.removesuffix(version)
    return base + path
