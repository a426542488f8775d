"""What the backend model that a request goes to can take: facts that a request encoder needs, given by the provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from translators.canonical.request import Effort

ALL_EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Target:
    """Model name and dialect of a backend.

    Defaults suit the protocol owner's newest models; a provider's manifest overrides them by model pattern.
    None for a limit means the protocol's own default.
    """

    protocol: str
    model: str
    provider: str = ""
    # --- request dialect
    default_max_tokens: int = 32_000  # sent where the protocol requires a value and the client gave none
    max_output_tokens: int | None = None  # clamp
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"  # openai_chat
    system_role: Literal["system", "developer"] = "system"  # openai_chat
    mid_system: bool = True  # anthropic: takes role:system messages; else folded into the next user turn
    prefill: bool = False  # a trailing assistant turn is continued
    sampling: bool = True  # takes temperature / top_p / top_k
    tool_id_limit: int = 64  # 40 at OpenAI's chat endpoint
    tool_name_limit: int | None = None
    strict_tools: bool = False  # `strict` may be forwarded as true
    parallel_switch: bool = True
    images: bool = True
    documents: bool = True
    json_schema: bool = True  # structured output by schema
    forced_tools: bool = True  # bedrock: takes a tool choice that forces a call
    custom_tools: bool = True  # openai_chat: takes free-text tools; else they are wrapped as functions
    allowed_tools: bool = True  # openai_chat: takes tool_choice allowed_tools; else the tool list itself is narrowed
    #: openai_chat: markers on content parts; bedrock: blocks of their own, with or without the hour's lifetime.
    cache_markers: Literal["none", "cache_control", "prompt_cache_breakpoint", "cache_point", "cache_point_1h"] = "none"
    refused_fields: tuple[str, ...] = ()  # openai_chat: top-level fields that the backend answers with a 400/422
    schema_dialect: Literal["json_schema", "openapi"] = (
        "json_schema"  # gemini: parametersJsonSchema or the cleaned Schema
    )
    # --- reasoning
    thinking: Literal["adaptive", "budget", "effort", "none"] = "adaptive"  # how depth is asked for
    efforts: tuple[Effort, ...] = ALL_EFFORTS  # what the model accepts, ascending
    max_budget: int = 128_000
    forced_tools_with_thinking: bool = False  # anthropic: any/tool tool_choice while thinking
    reasoning_field: Literal["none", "reasoning_content", "reasoning"] = "reasoning_content"  # openai_chat, replayed
    #: openai_chat: the field that asks for depth: `reasoning_effort`, OpenRouter's `reasoning`, DeepSeek's, GLM's and
    #: Kimi's `thinking`, Qwen's `enable_thinking`, vLLM's `chat_template_kwargs` (openai_chat.md §6).
    reasoning_style: Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs"] = (
        "reasoning_effort"
    )
    reasoning_required: bool = False  # openai_chat: an assistant turn with calls must carry it, "" if none
    thought_signatures: bool = True  # gemini 3+: first call of a step of the current turn must be signed
    call_ids: bool = True  # gemini 3+: functionCall.id is sent
    result_media: bool = True  # gemini 3+: media of a result go into functionResponse.parts, else beside it
    anthropic_version: str = "2023-06-01"
    server_tools: tuple[str, ...] = ()  # concepts ("web_search", …) that the backend executes itself
    include_usage: bool = True  # openai_chat: ask for stream_options.include_usage
