"""Providers that are data alone: the presets that come with ProxyCast, and those of the user's config.toml."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from addons.config.settings import CustomProvider
from addons.providers.api import ErrorRule, Manifest, Provider
from addons.providers.quota_endpoint import QuotaEndpoint
from addons.providers.several import DIALECTS, SeveralProtocols

Json = dict[str, Any]

FILE = Path(__file__).with_name("presets.toml")

#: The provider whose facts about a protocol hold for every service that speaks it (targets, errors).
KIN = {
    "openai_chat": "openai_compatible",
    "openai_responses": "openai_compatible",
    "anthropic": "anthropic_compatible",
    "gemini": "new_api",
}
_NARROWED = "-anthropic"

Kin = Callable[[str], Manifest]


def manifest(name: str, preset: CustomProvider, kin: Kin, *, group: str) -> Manifest:
    """The preset as a manifest; `kin` finds the manifests that KIN names."""
    protocols = tuple(preset.protocols)
    prefix = preset.auth_prefix
    if prefix is None:
        prefix = "Bearer " if preset.auth_header.lower() == "authorization" else ""
    relatives = {protocol: kin(KIN[protocol]) for protocol in protocols}
    targets = [row for protocol, other in relatives.items() for row in _of_protocol(other.targets, protocol)]
    targets += [_target(row) for row in preset.targets]
    errors = [ErrorRule(**row.model_dump()) for row in preset.errors]
    errors += [rule for other in {id(m): m for m in relatives.values()}.values() for rule in other.errors]
    limits = dict.fromkeys(row for other in relatives.values() for row in other.limits)
    return Manifest(
        id=name,
        name=preset.name or name,
        description=preset.notes,
        group=group,
        protocols=protocols,
        base_url=preset.base_url,
        base_urls={str(protocol): url for protocol, url in preset.base_urls.items()},
        auth_header=preset.auth_header,
        auth_prefix=prefix,
        auth_headers={str(protocol): header for protocol, header in preset.auth_headers.items()},
        dropped_headers=tuple(preset.dropped_headers),
        needs_secret=preset.needs_secret,
        env=tuple(preset.env),
        models=tuple(preset.models),
        known_models=tuple(preset.known_models),
        lists_models=preset.lists_models,
        targets=tuple(targets),
        errors=tuple(errors),
        limits=tuple(limits),
        quota=tuple(QuotaEndpoint(**row.model_dump()) for row in preset.quota),
        reads_quota=bool(preset.quota),
        terms="As the service says.",
        credential_schema=_schema(preset),
    )


def _of_protocol(rows: tuple[tuple[str, Json], ...], protocol: str) -> Iterator[tuple[str, Json]]:
    for pattern, overrides in rows:
        if overrides.get("protocol", protocol) == protocol:
            yield pattern, {**overrides, "protocol": protocol}


def _target(row: Json) -> tuple[str, Json]:
    overrides = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return str(overrides.pop("match", "*")), overrides


def _schema(preset: CustomProvider) -> Json:
    """What a credential of it consists of: the key, what its URLs leave open, and the choice of a protocol."""
    properties: Json = {"secret": {"type": "string", "title": f"API key ({preset.name})" if preset.name else "API key"}}
    urls = [preset.base_url, *preset.base_urls.values()]
    places = [place for url in urls for place in _places(url)]
    for place in dict.fromkeys(places):
        properties[place] = {"type": "string", "title": f"The {place} in {preset.base_url}"}
    properties["base_url"] = {"type": "string", "title": f"Base URL (default: {preset.base_url})"}
    if len(preset.protocols) > 1:
        words = [word for word, protocol in DIALECTS.items() if protocol in preset.protocols]
        properties["api"] = {"type": "string", "enum": words, "title": "One protocol for all; empty = the client's own"}
    required = [*(["secret"] if preset.needs_secret else []), *dict.fromkeys(places)]
    return {"type": "object", "required": required, "properties": properties}


def _places(url: str) -> list[str]:
    return [piece.partition("}")[0] for piece in url.split("{")[1:]]


@functools.cache
def shipped() -> Mapping[str, CustomProvider]:
    """The presets of presets.toml by id, and those that are narrowed to Anthropic's protocol."""
    rows = tomllib.loads(FILE.read_text("utf-8"))
    presets = {name: CustomProvider(**row) for name, row in rows.items()}
    narrowed = {
        name + _NARROWED: _narrowed(preset)
        for name, preset in presets.items()
        if "anthropic" in preset.protocols and len(preset.protocols) > 1 and name + _NARROWED not in presets
    }
    return {**presets, **narrowed}


def _narrowed(preset: CustomProvider) -> CustomProvider:
    return preset.model_copy(update={"protocols": ["anthropic"], "name": f"{preset.name} (Anthropic)"})


class Presets:
    """A source of providers for the registry (`Registry.add_source`); each is made once, when it is first asked for."""

    def __init__(self, kin: Kin, group: str = "preset") -> None:
        self._kin = kin
        self._group = group
        self._presets: Mapping[str, CustomProvider] | None = None
        self._made: dict[str, Provider] = {}

    def rows(self) -> Mapping[str, CustomProvider]:
        """What there is now."""
        return shipped()

    def get(self, name: str) -> Provider | None:
        """The provider of that name, None where there is none."""
        presets = self.rows()
        if presets is not self._presets:
            self._presets, self._made = presets, {}
        if name not in self._made:
            preset = presets.get(name)
            if preset is None:
                return None
            self._made[name] = SeveralProtocols(manifest(name, preset, self._kin, group=self._group))
        return self._made[name]

    def __iter__(self) -> Iterator[Provider]:
        for name in self.rows():
            provider = self.get(name)
            if provider is not None:
                yield provider


class CustomProviders(Presets):
    """The providers of config.toml, as `read` shows them now."""

    def __init__(self, kin: Kin, read: Callable[[], Mapping[str, CustomProvider]]) -> None:
        super().__init__(kin, "custom")
        self._read = read

    def rows(self) -> Mapping[str, CustomProvider]:
        return self._read()
