"""Header names whose values the audit may store; every other value is replaced by a mark (fails closed, field.md §4.1).

A name is here because its value describes the message, the client's software, a limit or a trace. Account and
organisation ids are left out: they point at a person.
"""

from __future__ import annotations

from functools import lru_cache

_NAMES = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc cache-control connection
    content-disposition content-encoding content-language content-length content-range content-type date etag expect
    expires host if-modified-since if-none-match keep-alive last-modified pragma range retry-after retry-after-ms
    server server-timing strict-transport-security te trailer transfer-encoding upgrade user-agent vary via x-cache
    x-content-type-options x-frame-options content-security-policy referrer-policy sec-fetch-dest sec-fetch-mode
    sec-fetch-site sec-fetch-user access-control-request-method access-control-request-headers
    access-control-allow-headers access-control-allow-methods access-control-allow-origin
    access-control-expose-headers access-control-max-age request-id x-request-id x-correlation-id x-client-request-id
    x-goog-request-id x-amzn-requestid x-amzn-trace-id x-oai-request-id traceparent cf-ray cf-cache-status
    apim-request-id x-ms-request-id x-ms-region x-envoy-upstream-service-time anthropic-version anthropic-beta
    anthropic-dangerous-direct-browser-access x-app x-should-retry openai-beta openai-version openai-model
    openai-processing-ms originator version session_id session-id thread-id x-codex-window-id x-openai-subagent
    x-goog-api-client x-goog-api-version x-goog-fieldmask x-amz-target x-amz-date x-amz-content-sha256
    x-amzn-codewhisperer-optout x-amzn-kiro-agent-mode http-referer x-title x-proxycast-output x-proxycast-profile
    x-proxycast-attempts x-proxycast-provider x-proxycast-model
    """.split()  # noqa: SIM905 - reads better than a list
)

_PREFIXES = (
    "x-stainless-",
    "anthropic-ratelimit-",
    "anthropic-fast-",
    "x-ratelimit-",
    "ratelimit-",
    "x-claude-code-",
    "x-kiro-",
)

#: Never, whatever prefix it has.
_NEVER = ("key", "token", "secret", "auth", "cookie", "passw", "credential", "signature")

#: Names that contain such a word and are still harmless.
_RATE_LIMITS = ("anthropic-ratelimit-", "x-ratelimit-", "ratelimit-")


#: Safe names whose values are another for each message. They are stored apart from the rest, which recurs.
_VARYING = frozenset(
    """
    age cf-ray content-length date etag expires last-modified openai-processing-ms retry-after retry-after-ms
    server-timing traceparent x-correlation-id x-envoy-upstream-service-time x-amz-date x-amz-content-sha256
    """.split()  # noqa: SIM905 - reads better than a list
)
_VARYING_PARTS = ("request-id", "requestid", "trace-id", "ratelimit-")


@lru_cache(maxsize=4_096)
def varies(name: str) -> bool:
    """`name` in lower case."""
    return name in _VARYING or any(part in name for part in _VARYING_PARTS)


@lru_cache(maxsize=4_096)
def is_safe(name: str) -> bool:
    """`name` in lower case."""
    if name in _NAMES or name.startswith(_RATE_LIMITS):
        return True
    return name.startswith(_PREFIXES) and not any(word in name for word in _NEVER)
