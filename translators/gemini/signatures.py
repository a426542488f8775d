"""`thoughtSignature` in and out: Gemini's own as they are, foreign ones in the carrier, dummies never believed.

The field is base64 by type and Google's Python SDK refuses anything else, so the tagged text of
canonical/carrier travels in base64 here.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from translators.canonical import carrier
from translators.gemini.wire import PROTOCOL_ID, get

Json = dict[str, Any]

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


def read(part: Json) -> tuple[str, str] | None:
    """The signature on a part: (signature, the protocol that made it), or None where there is none to believe."""
    value = get(part, "thoughtSignature")
    if not isinstance(value, str) or not value or value in _DUMMY_SPELLINGS:
        return None
    if value.startswith(_ENCODED_TAG):
        value = _decoded(value)
    return carrier.unwrap(value, PROTOCOL_ID)


def write(signature: str, origin: str | None) -> str:
    """What to put on a part for a Gemini client."""
    tagged = carrier.wrap(signature, origin, PROTOCOL_ID)
    if tagged == signature:
        return signature
    return base64.b64encode(tagged.encode("utf-8", "surrogatepass")).decode("ascii")


def _decoded(value: str) -> str:
    padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
    try:
        found = base64.b64decode(padded, validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        return value
    return found if found.startswith(_TAG) else value
