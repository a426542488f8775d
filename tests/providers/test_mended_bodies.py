"""Whatever a client of Chat Completions asks, Qwen's and iFlow's bodies obey their sheets, and mending twice is mending
once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from addons.providers.iflow.body import mended as for_iflow
from addons.providers.qwen.body import mended as for_qwen
from tests.standin import iflow, qwen

TEXT = st.text(max_size=5)
PART = st.fixed_dictionaries(
    {"type": st.just("text"), "text": TEXT}, optional={"cache_control": st.just({"type": "x"})}
)
IMAGE = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}})
CONTENT = st.none() | TEXT | st.lists(PART | IMAGE, max_size=3)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": CONTENT},
    optional={"reasoning_content": TEXT, "tool_call_id": TEXT},
)
TOOL = st.fixed_dictionaries({"type": st.just("function"), "function": st.just({"name": "f"})})
SWITCH = st.booleans()
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=4), "stream": st.just(False)},
    optional={
        "tools": st.lists(TOOL, max_size=2),
        "reasoning_effort": st.sampled_from(["none", "low", "high"]),
        "thinking": st.fixed_dictionaries({"type": st.sampled_from(["enabled", "disabled"])}),
        "enable_thinking": SWITCH,
        "thinking_budget": st.integers(0, 9),
        "chat_template_kwargs": st.fixed_dictionaries({}, optional={"enable_thinking": SWITCH, "x": SWITCH}),
        "temperature": st.floats(0, 1),
    },
)
MODELS = ["coder-model", "vision-model", "qwen3.8-max", "glm-4.6", "glm-5", "minimax-m2.5", "kimi-k2", "deepseek-r1"]


BOTH_WAYS = {"messages": [], "stream": False, "reasoning_effort": "low", "enable_thinking": True, "tools": []}
ODD = [{}, {"messages": None}, {"messages": "text"}, {"messages": [1, None]}, {"tools": None, "reasoning_effort": None}]


@pytest.mark.parametrize("body", ODD)
def test_what_is_no_body_is_left_to_the_service_to_refuse(body: dict[str, Any]):
    for model in MODELS:
        assert for_qwen(body, model, translated=False).get("messages") == body.get("messages")
        assert for_iflow(body, model).get("messages") == body.get("messages")


@pytest.mark.parametrize("translated", [True, False])
@example(body=BOTH_WAYS, model="qwen3.8-max")
@given(body=BODY, model=st.sampled_from(MODELS))
def test_qwens(translated: bool, body: dict[str, Any], model: str):
    before = copy.deepcopy({**body, "model": model})
    made = for_qwen({**body, "model": model}, model, translated=translated)
    if translated or model != "vision-model":
        assert qwen.of_body(made) == ""
    assert for_qwen(made, model, translated=translated) == made
    assert before == {**body, "model": model}, "the client's own is left as it is"
    assert [message["role"] for message in made["messages"]] == [message["role"] for message in body["messages"]]


@given(body=BODY, model=st.sampled_from(MODELS))
def test_iflows(body: dict[str, Any], model: str):
    before = copy.deepcopy({**body, "model": model})
    made = for_iflow({**body, "model": model}, model)
    assert iflow.of_body(made) == ""
    assert for_iflow(made, model) == made
    assert before == {**body, "model": model}, "the client's own is left as it is"
    assert made.get("temperature") == body.get("temperature")
