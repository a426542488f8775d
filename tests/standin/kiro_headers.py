"""The headers that Kiro's official clients send, by call, generation of the service, and client, as a table
(kiro.md; the section stands with each row)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ARN = r"arn:aws[a-z-]*:codewhisperer:[a-z0-9-]+:\d{12}:profile/[A-Za-z0-9]+"  # §1.3
MACHINE = r"[0-9a-f]{64}"  # §5.3
VERSION = r"\d+\.\d+\.\d+"
OS = r"(linux|darwin|win32)#\S+"  # §5.1
NODE = rf"lang/js md/nodejs#{VERSION}"
IDE = rf"KiroIDE-{VERSION}-{MACHINE}"
CLI = rf"KiroCLI/{VERSION} KAS/{VERSION} os/(linux|macos|windows)( \S+)*"
CURRENT, LEGACY = "current", "legacy"

#: Headers that any HTTP client has of its own; hop-by-hop or about the body.
HTTP = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept", "accept-encoding"})


@dataclass(frozen=True)
class Header:
    """A header and the pattern of its whole value; `needed` False: it may be missing."""

    name: str
    pattern: str
    source: str
    needed: bool = True


AUTHORIZATION = Header("authorization", r"Bearer \S+", "§5.1")
AWS_JSON = Header("content-type", re.escape("application/x-amz-json-1.0"), "§4 B")
JSON_TYPE = Header("content-type", "application/json", "§5.1")
OPTOUT = Header("x-amzn-codewhisperer-optout", "true|false", "§5.1")
INVOCATION = Header("amz-sdk-invocation-id", UUID, "§5.1")
THREE = Header("amz-sdk-request", "attempt=1; max=3", "§5.1")
ONCE = Header("amz-sdk-request", "attempt=1; max=1", "§5.1, control plane")
TOKEN_TYPE = Header("tokentype", "SSO_OIDC|EXTERNAL_IDP|API_KEY", "§2.4", needed=False)
INTERNAL = Header("redirect-for-internal", "true", "§2.4", needed=False)
GENERATE = Header("x-amz-target", r"KiroRuntimeService\.GenerateAssistantResponse", "§4 B")

_CONTROL_IDE = (
    Header("x-amz-user-agent", rf"aws-sdk-js/1\.0\.0 {IDE}", "§5.1"),
    Header(
        "user-agent", rf"aws-sdk-js/1\.0\.0 ua/2\.1 os/{OS} {NODE} api/codewhispererruntime#1\.0\.0 m/N,E {IDE}", "§5.1"
    ),
)
_CONTROL_CLI = (
    Header("x-amz-user-agent", rf"aws-sdk-js/1\.0\.0 {CLI}", "§5.3", needed=False),
    Header(
        "user-agent", rf"aws-sdk-js/1\.0\.0 ua/2\.1 os/{OS} {NODE} api/codewhispererruntime#1\.0\.0 m/N {CLI}", "§5.3"
    ),
)

#: (call, generation, client) → its headers; any other but HTTP's own is refused.
HEADERS: dict[tuple[str, str, str], tuple[Header, ...]] = {
    ("generate", CURRENT, "ide"): (
        AUTHORIZATION,
        AWS_JSON,
        GENERATE,
        OPTOUT,
        Header("x-amz-user-agent", rf"aws-sdk-js/1\.0\.0 {IDE}", "§5.1, §5.2"),
        Header(
            "user-agent", rf"aws-sdk-js/1\.0\.0 ua/2\.1 os/{OS} {NODE} api/kiroruntime#1\.0\.0 m/[A-Z,]+ {IDE}", "§5.2"
        ),
        INVOCATION,
        THREE,
        TOKEN_TYPE,
        INTERNAL,
    ),
    ("generate", CURRENT, "cli"): (
        AUTHORIZATION,
        AWS_JSON,
        GENERATE,
        Header("x-amzn-codewhisperer-optout", "true", "§5.3"),
        Header("x-amzn-kiro-client-attribution", "unrecognized", "§5.3"),
        Header("x-kiro-attempt", "1;max=3", "§5.3"),
        Header("x-amz-user-agent", rf"aws-sdk-js/1\.0\.0 {CLI}", "§5.3", needed=False),
        Header("user-agent", rf"aws-sdk-js/1\.0\.0 ua/2\.1 os/{OS} {NODE} api/kiroruntime#1\.0\.0 m/N {CLI}", "§5.3"),
        INVOCATION,
        THREE,
        TOKEN_TYPE,
        INTERNAL,
    ),
    ("generate", LEGACY, "ide"): (
        AUTHORIZATION,
        JSON_TYPE,
        OPTOUT,
        Header("x-amzn-kiro-agent-mode", "vibe|spec", "§5.1"),
        Header("x-amz-user-agent", rf"aws-sdk-js/1\.0\.34 {IDE}", "§5.1"),
        Header(
            "user-agent",
            rf"aws-sdk-js/1\.0\.34 ua/2\.1 os/{OS} {NODE} api/codewhispererstreaming#1\.0\.34 m/E {IDE}",
            "§5.1",
        ),
        INVOCATION,
        THREE,
        TOKEN_TYPE,
        INTERNAL,
    ),
    ("control", CURRENT, "ide"): (AUTHORIZATION, *_CONTROL_IDE, INVOCATION, ONCE, TOKEN_TYPE, INTERNAL),
    ("control", CURRENT, "cli"): (AUTHORIZATION, *_CONTROL_CLI, INVOCATION, ONCE, TOKEN_TYPE, INTERNAL),
    ("control", LEGACY, "ide"): (AUTHORIZATION, *_CONTROL_IDE, INVOCATION, ONCE, TOKEN_TYPE, INTERNAL),
    ("refresh social", CURRENT, "ide"): (
        JSON_TYPE,
        Header("accept", r"application/json, text/plain, \*/\*", "§2.1"),
        Header("user-agent", IDE, "§2.1"),
    ),
    ("refresh social", CURRENT, "cli"): (
        JSON_TYPE,
        Header("accept", r"application/json, text/plain, \*/\*", "§2.1"),
        Header("user-agent", rf"KiroCLI/{VERSION} md/appVersion-{VERSION} app/AmazonQ-For-CLI", "§2.1"),
    ),
    ("refresh idc", CURRENT, "ide"): (
        JSON_TYPE,
        Header("x-amz-user-agent", r"aws-sdk-js/3\.980\.0 KiroIDE", "§2.2"),
        Header(
            "user-agent",
            rf"aws-sdk-js/3\.980\.0 ua/2\.1 os/{OS} {NODE} api/sso-oidc#3\.980\.0 m/E KiroIDE",
            "§2.2",
        ),
        INVOCATION,
        Header("amz-sdk-request", "attempt=1; max=4", "§2.2"),
    ),
    ("refresh idc", CURRENT, "cli"): (
        JSON_TYPE,
        Header("user-agent", r"aws-sdk-rust/1\.3\.15 .*api/ssooidc/1\.100\.0 .*app/AmazonQ-For-CLI", "§2.2"),
        INVOCATION,
        Header("amz-sdk-request", "attempt=1; max=3", "§2.2"),
    ),
}
#: The content type of calls with a body on the control plane, and their target.
CONTROL_BODY = (AWS_JSON, Header("x-amz-target", r"\w+\.\w+", "§5.4"))

#: Kind of login → what `TokenType` must be; None: no header (§2.4). By (kind, client).
TOKEN_TYPES: dict[tuple[str, str], str | None] = {
    ("social", "ide"): None,
    ("social", "cli"): None,
    ("idc", "ide"): "SSO_OIDC",
    ("idc", "cli"): None,
    ("external", "ide"): "EXTERNAL_IDP",
    ("external", "cli"): "EXTERNAL_IDP",
    ("api_key", "ide"): "API_KEY",
    ("api_key", "cli"): "API_KEY",
}


def client_of(headers: Mapping[str, str]) -> str:
    agent = headers.get("user-agent", "")
    return "cli" if "KiroCLI/" in agent or "AmazonQ-For-CLI" in agent else "ide"


def header_faults(rows: tuple[Header, ...], headers: Mapping[str, str]) -> Iterator[str]:
    """Every header that is missing, wrong, or not of the table; names in lower case."""
    for row in rows:
        value = headers.get(row.name)
        if value is None and row.needed:
            yield f"{row.name}: missing ({row.source})"
        elif value is not None and not re.fullmatch(row.pattern, value):
            yield f"{row.name}: {value!r} is not {row.pattern} ({row.source})"
    known = {row.name for row in rows} | HTTP
    yield from (f"{name}: no header of the official client" for name in headers if name not in known)
