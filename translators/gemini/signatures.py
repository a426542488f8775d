"""`thoughtSignature` in and out: Gemini's own as they are, foreign reasoning in the carrier, dummies never believed.

Gemini CLI drops thoughts from its history and keeps only this field, but a signature of Anthropic's holds for its text
alone: so a foreign thought travels whole, as `TAGGED NUL TEXT`, where TAGGED is canonical/carrier's form. An opaque
block says its kind behind the origin (`gw1:anthropic/redacted_thinking:DATA`), and several blocks before one part are
a JSON list behind `gw1:+:`. The field is base64 by type and Google's Python SDK refuses anything else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from translators import jsonio
from translators.canonical import carrier
from translators.canonical.blocks import Opaque, Thinking
from translators.gemini.wire import PROTOCOL_ID, get

Json = dict[str, Any]
Reasoning = Thinking | Opaque

#: What Google documents for calls that Gemini did not make: the backend then skips the check (gemini.md §3).
DUMMY = "skip_thought_signature_validator"

_DUMMIES = (DUMMY, "context_engineering_is_the_way_to_go")
#: SDKs hold the field as bytes, so a dummy also comes in base64 of either alphabet, with or without padding.
_DUMMY_SPELLINGS = frozenset(
    spelling
    for dummy in _DUMMIES
    for encoded in (base64.b64encode(dummy.encode()).decode(), base64.urlsafe_b64encode(dummy.encode()).decode())
    for spelling in (dummy, encoded, encoded.rstrip("="))
)

_TAG = f"{carrier.PREFIX}:"
#: How base64 of the carrier begins: the tag is four bytes, of which three make whole characters.
_ENCODED_TAG = base64.b64encode(_TAG.encode()[:3]).decode()
_SEVERAL = f"{_TAG}+:"
_BEFORE_TEXT = "\0"
_BEFORE_KIND = "/"


def own(part: Json) -> str | None:
    """The signature on a part as it stands, or None where there is none to believe."""
    value = get(part, "thoughtSignature")
    if not isinstance(value, str) or not value or value in _DUMMY_SPELLINGS:
        return None
    return value


def read(part: Json) -> list[Reasoning]:
    """What a client's part carries: one block of Gemini's own with nothing but the signature, or foreign reasoning."""
    value = own(part)
    if value is None:
        return []
    tagged = _decoded(value) if value.startswith(_ENCODED_TAG) else value
    if not tagged.startswith(_SEVERAL):
        return [_unpacked(tagged)]
    try:
        entries = jsonio.loads(tagged.removeprefix(_SEVERAL))
    except ValueError:
        return []
    return [_unpacked(entry) for entry in entries if isinstance(entry, str)] if isinstance(entries, list) else []


def write(blocks: Sequence[Reasoning]) -> str:
    """What to put on a part for a Gemini client. `blocks` is one of Gemini's own, or foreign ones, at least one."""
    packed = [_packed(block) for block in blocks]
    value = packed[0] if len(packed) == 1 else _SEVERAL + jsonio.dumps_str(packed)
    if not value.startswith(_TAG):
        return value
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")


def is_foreign(block: Reasoning) -> bool:
    return block.origin not in (None, PROTOCOL_ID)


def _packed(block: Reasoning) -> str:
    if isinstance(block, Opaque):
        return carrier.wrap(block.data, f"{block.origin}{_BEFORE_KIND}{block.kind}", PROTOCOL_ID)
    tagged = carrier.wrap(block.signature or "", block.origin, PROTOCOL_ID)
    return tagged + _BEFORE_TEXT + block.text if block.text and is_foreign(block) else tagged


def _unpacked(tagged: str) -> Reasoning:
    payload, origin = carrier.unwrap(tagged, PROTOCOL_ID)
    if origin == PROTOCOL_ID:
        return Thinking("", payload, origin)
    protocol, _, kind = origin.partition(_BEFORE_KIND)
    if kind:
        return Opaque(payload, protocol, kind)
    signature, _, text = payload.partition(_BEFORE_TEXT)
    return Thinking(text, signature or None, origin)


def _decoded(value: str) -> str:
    padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
    try:
        found = base64.b64decode(padded, validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return value
    return found if found.startswith(_TAG) else value
