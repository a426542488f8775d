"""Other programs' configuration files: one value changes, the rest stays."""

from __future__ import annotations

import json

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from addons.clients.documents import DocumentError, parse

TOML = """\
# my own notes
model = "gpt-5.5" # the good one

[projects."/home/me/work"]
trust_level = "trusted"
"""

ENV = """\
# keys
export GEMINI_API_KEY="old"
OTHER = 1
"""


def test_a_toml_file_keeps_its_comments_and_order():
    document = parse("config.toml", TOML)
    document.put(("model_provider",), "proxycast")
    document.put(("model_providers", "proxycast"), {"base_url": "http://127.0.0.1:8999/v1"})
    assert document.text() == (
        TOML.replace("the good one\n", 'the good one\nmodel_provider = "proxycast"\n')
        + '\n[model_providers.proxycast]\nbase_url = "http://127.0.0.1:8999/v1"\n'
    )


def test_a_json_file_keeps_its_order_and_indentation():
    document = parse("settings.json", '{\n    "theme": "dark",\n    "env": {\n        "A": "ü"\n    }\n}')
    document.put(("env", "B"), "1")
    assert document.text() == '{\n    "theme": "dark",\n    "env": {\n        "A": "ü",\n        "B": "1"\n    }\n}\n'


def test_a_line_of_a_dot_env_file_is_replaced_where_it_stands():
    document = parse(".env", ENV)
    assert document.get(("GEMINI_API_KEY",)) == '"old"'
    document.put(("GEMINI_API_KEY",), "new")
    document.put(("BASE",), "http://127.0.0.1")
    assert document.text() == ENV.replace('"old"', "new") + "BASE=http://127.0.0.1\n"
    document.remove(("GEMINI_API_KEY",))
    assert document.text() == "# keys\nOTHER = 1\nBASE=http://127.0.0.1\n"


@pytest.mark.parametrize("name", ["a.json", "a.toml"])
def test_tables_that_are_empty_then_go_too_as_far_as_they_may(name: str):
    document = parse(name, "")
    document.put(("a", "b", "c"), 1)
    document.put(("x",), 1)
    document.remove(("a", "b", "c"), prune=1)
    assert document.get(("a",)) == {}
    document.put(("a", "b", "c"), 1)
    document.remove(("a", "b", "c"), prune=2)
    assert document.get(("a",)) is None
    document.remove(("x",))
    assert document.text() == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not plain JSON"),
        ("a.json", '{\n  // dark\n  "theme": "dark"\n}', "comments in it would be lost"),
        ("a.json", "[]", "not a JSON object"),
        ("a.toml", "= 1", "not TOML"),
    ],
)
def test_what_cannot_be_changed_without_loss_is_refused(name: str, text: str, said: str):
    with pytest.raises(DocumentError, match=said):
        parse(name, text)


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"env": "none"}'), ("a.toml", 'env = "none"')])
def test_what_stands_in_the_way_is_not_overwritten(name: str, text: str):
    document = parse(name, text)
    with pytest.raises(DocumentError, match="env is not a table"):
        document.put(("env", "KEY"), "1")
    document.remove(("env", "KEY"))
    assert document.get(("env",)) == "none"


_names = st.text("abc.-ü ", min_size=1, max_size=4)
_trees = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.dictionaries(_names, inner, max_size=3),
    max_leaves=8,
)


@given(tree=st.dictionaries(_names, _trees, max_size=4), keys=st.lists(_names, min_size=1, max_size=3).map(tuple))
@pytest.mark.parametrize("name", ["a.json", "a.toml"])
def test_what_is_put_is_there_and_nothing_else_has_changed(name: str, tree: dict, keys: tuple[str, ...]):
    text = json.dumps(tree) if name.endswith("json") else tomlkit.dumps(tree)
    document, before = parse(name, text), parse(name, text)
    try:
        document.put(keys, "ours")
    except DocumentError:
        return
    again = parse(name, document.text())
    assert again.get(keys) == "ours"
    old = before.get(keys)
    if old is None:
        again.remove(keys, sum(before.get(keys[:depth]) is None for depth in range(1, len(keys))))
    else:
        again.put(keys, old)
    assert parse(name, again.text()).get(()) == before.get(())
