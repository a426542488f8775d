"""The model list in the shape that Codex reads (`GET /models?client_version=…`): one bad entry, and it drops all."""

from __future__ import annotations

from typing import Any

from translators.openai_responses.wire import Json

#: What Codex gets as the system prompt of such a model. Its own prompts are kept for names that it knows.
INSTRUCTIONS = """\
You are a coding agent in a terminal. You share the user's workspace and work on it with the tools you are given.

- Look before you act: read the files that matter, search rather than guess, and learn the conventions of the project.
- Carry a task to its end: change the code, run what checks it, and mend what fails. Do not stop at a proposal when the
  user asked for a change, and do not change anything when the user asked a question.
- Keep changes small and in the style of their surroundings. Leave alone what the task does not name, above all changes
  of the user's that you did not make.
- Never run commands that destroy data or history unless the user asked for exactly that.
- Follow the instructions in AGENTS.md files: each holds for its directory and all below it; the user's own words
  count more.
- Answer briefly and plainly: what you did, where, and what remains. Name files by their paths.
"""

#: Tokens of which Codex compacts by itself at 90 %. The models' own windows are not known here; most have as much.
CONTEXT_WINDOW = 200_000

_EFFORTS = (
    ("low", "Quick answers with little thought"),
    ("medium", "A balance of speed and depth"),
    ("high", "More thought for harder tasks"),
)


def models_for_codex(ids: list[str]) -> Json:
    """`{"models": […]}` with one entry an id, in that order; the first is Codex's default.

    The fields that Codex 0.169 requires are all there (openai/codex, `protocol/src/openai_models.rs`; codex.md §11).
    Those that make it leave plain function tools (`tool_mode`, `use_responses_lite`, `prefer_websockets`) are off.
    """
    return {"models": [_model(name, position) for position, name in enumerate(ids)]}


def _model(name: str, position: int) -> Json:
    efforts: list[Any] = [{"effort": effort, "description": description} for effort, description in _EFFORTS]
    return {
        "slug": name,
        "display_name": name,
        "description": None,
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": efforts,
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "priority": position,
        "availability_nux": None,
        "upgrade": None,
        "base_instructions": INSTRUCTIONS,
        "supports_reasoning_summaries": True,
        "default_reasoning_summary": "auto",
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": None,
        "web_search_tool_type": "text",
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "supports_parallel_tool_calls": True,
        "supports_image_detail_original": False,
        "context_window": CONTEXT_WINDOW,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"],
        "supports_search_tool": False,
        "use_responses_lite": False,
        "prefer_websockets": False,
    }
