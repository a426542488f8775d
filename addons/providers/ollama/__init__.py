"""Ollama: its own protocol unless the user chose a compatible endpoint, and the settings that only it has."""

from __future__ import annotations

from addons.providers.api import Call, Manifest, Operation, Provider, Upstream
from addons.providers.ollama.wire import OllamaWire
from addons.providers.several import DIALECTS
from addons.vault.credential import Credential
from translators import jsonio, registry
from translators.canonical.request import Request


class Ollama(Provider):
    reads_request = False

    def protocol(self, model: str, credential: Credential, request: Request | None = None) -> str:
        return DIALECTS.get(credential.setting("api"), OllamaWire.id)

    def base_url(self, protocol: str, credential: Credential) -> str:
        """The server's root, whichever of its bases was pasted."""
        return super().base_url(protocol, credential).removesuffix("/v1").removesuffix("/api")

    def url(self, call: Call, credential: Credential) -> str:
        if call.protocol != OllamaWire.id:
            return super().url(call, credential)
        path = "/api/tags" if call.operation is Operation.MODELS else "/api/chat"
        return self.base_url(call.protocol, credential) + path

    def build(self, call: Call, credential: Credential) -> Upstream:
        """With the credential's `num_ctx` and `keep_alive`, which no client knows of."""
        upstream = super().build(call, credential)
        length, keep = _number(credential, "num_ctx"), credential.setting("keep_alive")
        if call.protocol != OllamaWire.id or call.operation is not Operation.GENERATE or not (length or keep):
            return upstream
        body = jsonio.loads(upstream.body)
        if length:
            body["options"] = {**body.get("options", {}), "num_ctx": length}
        if keep:
            body["keep_alive"] = int(keep) if keep.lstrip("-").isdecimal() else keep
        upstream.body = jsonio.dumps(body)
        return upstream


def _number(credential: Credential, name: str) -> int:
    """A setting that is a number, also when it was given as text; 0 for none."""
    value = credential.settings.get(name)
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def create(manifest: Manifest) -> Provider:
    registry.register(OllamaWire())
    return Ollama(manifest)
