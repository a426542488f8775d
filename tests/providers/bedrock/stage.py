"""A running gateway in front of a Bedrock stand-in, with a client key for each wire and way to sign."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from addons.config.edit import edit, table
from addons.config.home import Home
from addons.vault.credential import Credential
from addons.vault.keys import generate
from addons.vault.store import StateStore
from tests.e2e.gateway import Gateway
from tests.e2e.pairs.speaking import Answer, Speaker, Wish
from tests.standin.aws_auth import Account
from tests.standin.bedrock import BedrockStandIn

# Put together, so that no scanner takes them for real ones.
PERMANENT = Account("AKIA" + "STANDIN", "secret-" * 5)
API_KEY = "-".join(("bedrock", "api", "key", "of", "the", "standin"))

BUDGET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ADAPTIVE = "global.anthropic.claude-opus-5"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123"


def access_key(account: Account) -> str:
    fields = {"access_key_id": account.access_key, "secret_access_key": account.secret_key}
    return json.dumps({**fields, "session_token": account.token} if account.token else fields)


@dataclass(frozen=True)
class Way:
    """How a credential asks: the wire, the model, the secret and further settings."""

    model: str
    secret: str
    settings: dict[str, Any] = field(default_factory=dict)


STANDS_FOR = {"stands_for": {PROFILE: ADAPTIVE}}
WAYS: dict[str, Way] = {
    "converse, signed": Way(BUDGET, access_key(PERMANENT), {"api": "converse"}),
    "converse, API key": Way(ADAPTIVE, API_KEY, {"api": "converse"}),
    "invoke, signed": Way(ADAPTIVE, access_key(PERMANENT)),
    "invoke, API key": Way(BUDGET, API_KEY),
    "profile, signed": Way(PROFILE, access_key(PERMANENT), STANDS_FOR),
}


@dataclass
class BedrockStage:
    gateway: Gateway
    backend: BedrockStandIn
    client: httpx.Client
    keys: dict[str, str] = field(default_factory=dict)
    names: int = 0

    def key(self, *ways: Way) -> str:
        """A client key for a profile that tries these in order."""
        home = Home(self.gateway.home / "proxycast")
        state = StateStore(home.state, home.vault_key)
        self.names += 1
        name = f"bedrock-{self.names}"
        used = []
        for number, way in enumerate(ways):
            settings = {
                "base_url": self.backend.url,
                "region": "eu-central-1",
                "models": {"*": way.model},
                **way.settings,
            }
            state.add_credential(Credential(f"{name}-{number}", "bedrock", way.secret, settings))
            used.append(f"{name}-{number}")

        def change(document: object) -> None:
            table(document, "profiles")[name] = {"use": used}  # type: ignore[arg-type]

        edit(home.config, change)
        key = generate()
        state.add_key(name, key, name)
        return key

    def post(self, speaker: Speaker, key: str, wish: Wish) -> httpx.Response:
        return self.client.post(speaker.path(wish), json=speaker.body(wish), headers=speaker.headers(key))

    def ask(self, speaker: Speaker, key: str, wish: Wish) -> Answer:
        """The answer to a request that must succeed."""
        response = self.post(speaker, key, wish)
        assert self.backend.refusals == []
        assert response.status_code == 200, response.text
        return speaker.streamed(response.content) if wish.stream else speaker.whole(response.json())


@contextmanager
def bedrock_stage(home: Path) -> Iterator[BedrockStage]:
    (home / "proxycast").mkdir(mode=0o700, parents=True)
    backend = BedrockStandIn(account=PERMANENT, key=API_KEY, shred=11)
    with backend, Gateway(home) as gateway, httpx.Client(base_url=gateway.url, timeout=20, trust_env=False) as client:
        stage = BedrockStage(gateway, backend, client)
        stage.keys = {name: stage.key(way) for name, way in WAYS.items()}
        yield stage
