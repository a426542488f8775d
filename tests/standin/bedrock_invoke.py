"""InvokeModel as the stand-in plays it: Anthropic's own rules and answers, and what Bedrock adds to them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from . import eventstream, render_anthropic, rules_anthropic
from .ask import Policy
from .bedrock_common import ACCOUNT, FaultError, Seen, refuse
from .wire import Job, dumps

# What InvokeModel knows of Anthropic's body (AWS, "Anthropic Claude Messages API"); all else is an extra input.
INVOKE_FIELDS = {
    *("anthropic_version", "anthropic_beta", "max_tokens", "system", "messages", "temperature", "top_p", "top_k"),
    *("tools", "tool_choice", "stop_sequences", "thinking", "output_config", "metadata", "context_management"),
}


def check_invoke(seen: Seen) -> None:
    body = seen.body
    for name in body:
        if name not in INVOKE_FIELDS:
            raise FaultError("ValidationException", f"{name}: Extra inputs are not permitted")
    if body.get("anthropic_version") not in ("bedrock-2023-05-31", "2026-10-21"):
        raise FaultError("ValidationException", "anthropic_version: Field required")
    for tool in body.get("tools") or []:
        extra = set(tool) - {"type", "name", "description", "input_schema", "cache_control", "strict"}
        if "input_schema" in tool and extra:
            raise FaultError("ValidationException", f"tools.0.custom.{min(extra)}: Extra inputs are not permitted")
        if re.match(r"web_|code_execution", tool.get("type", "")):
            raise FaultError("ValidationException", f"tools.0: Input tag '{tool['type']}' found is not expected")
    text = dumps(body)
    if "x-anthropic-billing-header" in text:
        raise FaultError("ValidationException", "x-anthropic-billing-header is a reserved keyword")
    if '"scope":' in text:
        raise FaultError("ValidationException", "cache_control.ephemeral.scope: Extra inputs are not permitted")
    if '"type":"url"' in text or '"type":"file"' in text:
        raise FaultError("ValidationException", "messages.0.content.0.source: only base64 is supported")
    plain = {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}
    headers = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
    if body.get("anthropic_beta"):
        headers["anthropic-beta"] = ",".join(body["anthropic_beta"])
    model = seen.model.rpartition("anthropic.")[2]
    found = rules_anthropic.check(
        {**plain, "model": model}, headers, query={}, endpoint="generate", policy=Policy(account=ACCOUNT)
    )
    refuse(found.message if found is not None else None)


def invoke_events(job: Job) -> Iterator[bytes]:
    events = list(render_anthropic.events(render_anthropic.render(job).whole))
    events[-1]["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": job.usage.fresh}
    for data in events:
        packed = base64.b64encode(dumps(data).encode()).decode()
        yield eventstream.event("chunk", dumps({"bytes": packed, "p": "abcdef"}).encode())
