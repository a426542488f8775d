"""`proxycast origins`: the web origins that may call the gateway."""

from __future__ import annotations

import pytest

from addons.config.home import Home
from addons.config.store import ConfigStore

GOOD = {
    "app://obsidian.md": "app://obsidian.md",
    "https://Example.com/": "https://example.com",
    "http://localhost:3000": "http://localhost:3000",
    "*": "*",
}


@pytest.mark.parametrize(("given", "kept"), GOOD.items(), ids=GOOD)
def test_an_allowed_origin_is_in_force(done, read, home: Home, given: str, kept: str):
    done("origins", "allow", given)
    done("origins", "allow", given)
    assert ConfigStore(home.config).load().access.origins == [kept]
    assert read("origins", "list") == [{"origin": kept}]


@pytest.mark.parametrize(
    "text", ["example.com", "https://", "null", "https://a.b/path", "https://u@a.b", "https://a?b"]
)
def test_what_no_browser_sends_is_refused(refused, text: str):
    assert "an origin is like" in refused("origins", "allow", text, status=2)


def test_a_denied_origin_is_gone_and_the_others_stay(done, refused, read):
    done("origins", "allow", "https://a.example")
    done("origins", "allow", "https://b.example")
    done("origins", "deny", "https://a.example/")
    assert read("origins", "list") == [{"origin": "https://b.example"}]
    assert "not on the list" in refused("origins", "deny", "https://a.example")
