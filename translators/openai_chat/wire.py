"""What Chat Completions is called in here, and what its bodies are."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

#: The protocol's id (design.md, Words).
ID = "openai_chat"
