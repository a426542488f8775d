"""What `proxycast run` says when it is up: where everything is, and how to send the first request."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

BODY = '{"model": "claude-demo", "max_tokens": 200, "messages": [{"role": "user", "content": "Hello"}]}'


def text(*, gateway: str, proxy: str | None, datasette: str, home: Path, key: str | None) -> str:
    """The banner; `key` only when it was made just now."""
    shown = key or "YOUR-KEY"
    rows = [
        ("gateway", gateway),
        ("proxy", f"{proxy}  (as HTTPS_PROXY; `proxycast ca` says how clients trust it)" if proxy else "off"),
        ("datasette", datasette),
        ("home", str(home)),
        ("client key", f"{key}  (shown this once)" if key else "as before; `proxycast keys create NAME` makes one"),
    ]
    lines = [f"ProxyCast {version('proxycast')}", ""]
    lines += [f"  {name:<11}{value}" for name, value in rows]
    lines += [
        "",
        "  a first request:",
        f"    curl {gateway}/v1/messages -H 'x-api-key: {shown}' -H 'content-type: application/json' \\",
        f"      -d '{BODY}'",
        "",
        "  Claude Code, once or from now on:",
        f"    ANTHROPIC_BASE_URL={gateway} ANTHROPIC_AUTH_TOKEN={shown} claude",
        "    proxycast client connect claude-code    # codex, gemini-cli, qwen-code, opencode; disconnect puts it back",
        "",
        "  Ctrl-C stops everything. One line an exchange follows.",
    ]
    return "\n".join(lines)
