"""What the tests of Kiro share: the provider, a credential, a request on its way to the stand-in's rules, frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from addons.providers.api import Call, Operation, Upstream
from addons.providers.registry import built_in
from addons.vault.credential import Credential
from tests.standin.kiro import ARN
from tests.standin.kiro_headers import CURRENT
from tests.standin.kiro_rules import ACCOUNT, body_faults
from tests.standin.seal import digest, seal
from translators import jsonio
from translators import registry as protocols
from translators.canonical.blocks import Text, Thinking
from translators.canonical.events import StreamEvent
from translators.canonical.names import NameMap
from translators.canonical.request import Request, Role, Turn
from translators.protocol import Encoded

Json = dict[str, Any]

KIRO = built_in().get("kiro")
NATIVE, TAGGED = "claude-sonnet-5", "claude-sonnet-4-5-20250929"


def credential(token: str = "an-access-token", /, login: Json | None = None, **settings: Any) -> Credential:
    """As it is after `acquire`."""
    known = {"auth_method": "social", "profile_arn": ARN} if login is None else login
    return Credential("one", "kiro", token, {**settings, "login": known})


def asked(*turns: Turn, **fields: Any) -> Request:
    return Request("anthropic", "m", turns=list(turns) or [Turn(Role.USER, [Text("Hi")])], **fields)


def user(*blocks: Any) -> Turn:
    return Turn(Role.USER, [Text(block) if isinstance(block, str) else block for block in blocks])


def assistant(*blocks: Any) -> Turn:
    return Turn(Role.ASSISTANT, [Text(block) if isinstance(block, str) else block for block in blocks])


def thought(text: str) -> Thinking:
    """What the service had thought, as it signs it."""
    return Thinking(text, seal(ACCOUNT, "kiro.reasoning", text=digest(text)), "kiro")


def encoded(request: Request, model: str = NATIVE, generation: str = CURRENT) -> Encoded:
    known = credential(generation=generation)
    protocol = KIRO.protocol(model, known)
    return protocols.get(protocol).encode_request(request, KIRO.target(protocol, model, known))


def built(
    request: Request, model: str = NATIVE, generation: str = CURRENT, conversation: str = "c", **more: Any
) -> Json:
    """The body as it goes out; the stand-in's rules have nothing against it."""
    body: Json = jsonio.loads(upstream(request, model, credential(generation=generation), conversation).body)
    assert list(body_faults(body, generation)) == []
    return body


def upstream(request: Request, model: str, known: Credential, conversation: str = "c") -> Upstream:
    protocol = KIRO.protocol(model, known)
    made = protocols.get(protocol).encode_request(request, KIRO.target(protocol, model, known))
    headers = [
        ("content-type", "application/json"),
        ("accept", "*/*"),
        ("accept-encoding", "identity"),
        ("user-agent", "x"),
    ]
    data = jsonio.dumps(made.body)
    call = Call(Operation.GENERATE, protocol, model, False, data, headers=headers, translated=True)
    call.conversation = conversation
    return KIRO.build(call, known)


def messages(body: Json) -> list[Json]:
    """History and current message, each without its one key."""
    state = body["conversationState"]
    return [next(iter(entry.values())) for entry in [*state.get("history", []), state["currentMessage"]]]


def decoded(
    frames: Iterable[bytes], names: NameMap | None = None, generation: str = CURRENT, cut: int = 0
) -> list[StreamEvent]:
    """The events of a stream, fed whole or in pieces of `cut` bytes."""
    wire = protocols.get("kiro" if generation == CURRENT else "kiro_legacy")
    decoder = wire.stream_decoder(names or NameMap())
    data = b"".join(frames)
    parts = [bytes(part) for part in itertools.batched(data, cut)] if cut else [data]
    return [*itertools.chain.from_iterable(decoder.feed(part) for part in parts), *decoder.end()]
