"""What iFlow wants of a body beside Chat Completions (iflow.md §4). Pure."""

from __future__ import annotations

from typing import Any

from addons.providers.api import Json

#: Ways of other services to ask for thinking.
_ELSEWHERE = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "reasoning")

#: Models that want their reasoning back.
REPLAYING = ("glm-4.6", "glm-4.7", "minimax-m2")


def mended(body: Json, model: str) -> Json:
    """A copy as the service wants it. Thinking is switched in a field of the model's family, or not at all."""
    made = {name: value for name, value in body.items() if name not in _ELSEWHERE}
    if made.get("tools") == []:
        del made["tools"]
    asked = _asked(body)
    made.pop("chat_template_kwargs", None)
    family = model.lower()
    if not family.startswith(REPLAYING) and isinstance(made.get("messages"), list):
        made["messages"] = [_without_reasoning(message) for message in made["messages"]]
    if asked is not None and family.startswith("glm-"):
        made["chat_template_kwargs"] = {"enable_thinking": asked, "clear_thinking": False}
    elif asked is not None and family.startswith("minimax"):
        made["reasoning_split"] = asked
    return made


def _without_reasoning(message: Any) -> Any:
    if not isinstance(message, dict) or "reasoning_content" not in message:
        return message
    return {name: value for name, value in message.items() if name != "reasoning_content"}


def _asked(body: Json) -> bool | None:
    """Whether thinking is asked for, in whichever way; None = nothing is said."""
    template = body.get("chat_template_kwargs")
    told: list[Any] = [body.get("enable_thinking")]
    if isinstance(template, dict):
        told.append(template.get("enable_thinking"))
    if isinstance(body.get("thinking"), dict):
        told.append(body["thinking"].get("type") != "disabled")
    if isinstance(body.get("reasoning_effort"), str):
        told.append(body["reasoning_effort"] != "none")
    return next((one for one in told if isinstance(one, bool)), None)
