"""What a plugin's own tests use: load it as the gateway does, make the request that it would send, judge an error.

No network and no gateway: `request` runs the gateway's own translation and the plugin's code, and gives what would go
out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from addons.plugins import folder as folders
from addons.plugins import loading
from addons.plugins.folder import PluginError
from addons.providers.api import Answer, Call, Operation, Provider, Upstream
from addons.providers.outbound import is_safe
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.errors import ErrorInfo


def load(folder: Path) -> Provider:
    """The provider of the plugin in `folder`; raises PluginError with what is wrong."""
    plugin = folders.read(folder)
    return loading.executable(plugin) if loading.is_executable(plugin) else loading.in_process(plugin, plugin.digest())


def credential(provider: Provider, secret: str = "a-test-secret", **settings: Any) -> Credential:  # noqa: S107
    """A credential of it; `secret` is no real one, and for several fields it is JSON."""
    return Credential("test", provider.manifest.id, secret, settings)


def request(
    provider: Provider,
    of: Credential,
    *,
    model: str = "",
    text: str = "hello",
    stream: bool = True,
    body: Mapping[str, Any] | None = None,
) -> Upstream:
    """The request that would go out for a client of Anthropic's protocol that says `text` (or sends `body`), for
    `model` (else the first that the provider names). Raises what the plugin raises."""
    model = model or next(iter(provider.models(of)), "a-model")
    asked = dict(body or {"max_tokens": 100, "messages": [{"role": "user", "content": text}]})
    of = asyncio.run(provider.acquire(of))
    client = registry.get("anthropic")
    decoded = client.decode_request({**asked, "model": model, "stream": stream})
    name = provider.protocol(model, of, decoded)
    protocol = registry.get(name)
    encoded = protocol.encode_request(replace(decoded, model=model), provider.target(name, model, of))
    headers = [("content-type", "application/json"), *encoded.headers.items()]
    call = Call(
        Operation.GENERATE,
        name,
        model,
        stream,
        jsonio.dumps(encoded.body),
        headers=headers,
        translated=True,
        origin="anthropic",
    )
    return provider.build(call, of)


def judged(
    provider: Provider, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> ErrorInfo:
    """What the gateway makes of that answer of the service: its `kind`, `retry_after`, `scope`, `out_of_service`."""
    protocol, raw = registry.get(provider.manifest.protocols[0]), json.dumps(body).encode()
    names = {name.lower(): value for name, value in (headers or {}).items()}
    return provider.judge(protocol.decode_error(status, names, raw), Answer(status, names, raw))


def findings(folder: Path) -> list[str]:
    """What a reader or user of the plugin would miss, a sentence each; [] when nothing is."""
    try:
        provider = load(folder)
    except PluginError as error:
        return [str(error)]
    plugin, manifest = folders.read(folder), provider.manifest
    fields = manifest.credential_schema.get("properties", {})
    urls = [url for url in (manifest.base_url, *manifest.base_urls.values()) if url]
    found = [
        (not plugin.manifest.description, "plugin.json: say in `description` what it is"),
        (not plugin.manifest.license, "plugin.json: name a `license`"),
        (not manifest.terms, "manifest.toml: say in `terms` what the service's owner allows"),
        (not all(map(is_safe, urls)), "base URLs are https, or plain http on this machine"),
        ("base_url" not in fields, "credential_schema: make `base_url` a setting, so that a test can stand in"),
        (manifest.needs_secret and "secret" not in fields, "credential_schema: a `secret` is needed and not asked for"),
        (any("title" not in field for field in fields.values()), "credential_schema: each field wants a `title`"),
        (not any(provider.models(credential(provider))), "name some models in `known_models`"),
    ]
    return [sentence for missing, sentence in found if missing]
