"""The response object around the output: its identity and the request's settings, which many clients expect echoed.

Source: openai_responses.md §5. `instructions` is always null: the canonical form does not tell it from leading
messages. So is `completed_at`: there is no clock in here.
"""

from __future__ import annotations

from translators.canonical import ids
from translators.canonical.request import Request
from translators.openai_responses import settings, tools
from translators.openai_responses.wire import ID, Json
from translators.protocol import Reply

#: Members of the request's `extra` that come back as they were sent, with what stands in their place otherwise.
_ECHOED: Json = {"truncation": "disabled", "metadata": {}, "max_tool_calls": None, "safety_identifier": None}


def response_id(reply: Reply) -> str:
    return ids.derive(reply.seed, "response", prefix="resp_", length=48)


def envelope(reply: Reply) -> Json:
    """The response object of `reply`, in progress and with nothing in it yet."""
    request = reply.request if reply.request is not None else Request(ID, reply.model)
    own = request.origin == ID
    extra = request.extra if own else {}
    sampling = request.sampling
    return {
        "id": response_id(reply),
        "object": "response",
        "created_at": reply.created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": request.max_tokens,
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": request.parallel if request.parallel is not None else True,
        "previous_response_id": None,
        "prompt_cache_key": request.cache_key,
        "reasoning": _reasoning(request, extra),
        "service_tier": request.service_tier or "default",
        "store": False,
        "temperature": sampling.temperature if sampling.temperature is not None else 1.0,
        "text": {"format": {"type": "text"}, **settings.encode_text(request.output, request.verbosity, own=own)},
        "tool_choice": tools.encode_choice(request.tool_choice, request.tools) if request.tool_choice else "auto",
        "tools": _tools(request) if own else [],
        "top_logprobs": sampling.top_logprobs or 0,
        "top_p": sampling.top_p if sampling.top_p is not None else 1.0,
        "usage": None,
        "user": request.user,
        **{name: extra.get(name, default) for name, default in _ECHOED.items()},
    }


def _reasoning(request: Request, extra: Json) -> Json:
    asked = extra.get("reasoning")
    summary = "auto" if request.reasoning.show == "summary" else None
    return {"effort": request.reasoning.effort, "summary": summary, **(asked if isinstance(asked, dict) else {})}


def _tools(request: Request) -> list[Json]:
    """The definitions as they were sent; a function's `strict` is never left out in an answer."""
    listed = tools.encode_tools(request.tools, own=True, strict=True)
    return [{"strict": False, **tool} if tool["type"] == "function" else tool for tool in listed]
