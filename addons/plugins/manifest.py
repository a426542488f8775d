"""The shape of a plugin's `plugin.json` (requirements.md, "Plugins on disk"), and the provider that it describes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from addons.providers.api import Manifest

Json = dict[str, Any]

#: The types of plugin that this version uses; others are listed and left alone.
PROVIDER_TYPES = frozenset(("oauth_provider", "provider"))
#: What an out-of-process plugin may be granted; each call of its SDK is checked against the grants.
PERMISSIONS: dict[str, str] = {
    "database:read": "read its own database",
    "database:write": "write to its own database",
    "http:request": "send web requests through the gateway",
    "crypto:encrypt": "encrypt and decrypt with a key of its own",
}

#: Names of protocols as older plugins write them.
_PROTOCOLS = {"openai": "openai_chat", "responses": "openai_responses", "claude": "anthropic", "google": "gemini"}
#: The header that carries a key where `auth_type` names none, by protocol.
_KEY_HEADERS = {"anthropic": ("x-api-key", ""), "gemini": ("x-goog-api-key", "")}
_BEARER = ("Authorization", "Bearer ")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
#: Names that some systems keep for devices.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(name: str) -> str:
    """A name that is one folder on every system; raises ValueError."""
    if not _NAME.fullmatch(name) or name.endswith(".") or _DEVICES.fullmatch(name):
        raise ValueError("has up to 64 letters, digits and . _ -, and begins with a letter or digit")
    return name


def safe_path(path: str) -> str:
    """A path that stays inside the plugin's folder; raises ValueError. Empty is none."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path or "\0" in path:
        raise ValueError("must be a path inside the plugin's folder")
    return path


def _provider_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("has up to 64 small letters, digits and . _ -, and begins with a letter or digit")
    return value


def _printable(text: str) -> str:
    """Without what could steer a terminal: it is shown before anybody trusts it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


Text = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, AfterValidator(safe_name)]
InsidePath = Annotated[str, AfterValidator(safe_path)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Auth(_Part):
    """How the secret is sent; `auth_type` may also be the word alone."""

    type: Literal["api_key", "oauth", "cookie", "headers", "none"] = "api_key"
    header: str = ""
    prefix: str = ""


class PluginProvider(_Part):
    """The `provider` block. `supported_models` are names or shell patterns, none = any; `base_url` is a key of ours."""

    id: Annotated[str, AfterValidator(_provider_id)]
    display_name: str = ""
    target_protocol: str = "openai_chat"
    supported_models: tuple[str, ...] = ()
    auth_type: Auth | Literal["api_key", "oauth", "cookie", "headers", "none"] = "api_key"
    credential_schema: Json = Field(default_factory=dict)
    base_url: str = ""

    def manifest(self, plugin: PluginManifest) -> Manifest:
        """The same as a provider's manifest: what a plugin without `manifest.toml` is."""
        protocol = _PROTOCOLS.get(self.target_protocol.lower(), self.target_protocol)
        auth, schema = self.auth, self._schema()
        header, prefix = auth.header, auth.prefix
        if not header and auth.type == "api_key":
            header, prefix = _KEY_HEADERS.get(protocol, _BEARER)
        elif not header and auth.type in ("oauth", "cookie"):
            header, prefix = _BEARER if auth.type == "oauth" else ("Cookie", "")
        return Manifest(
            id=self.id,
            name=self.display_name or self.id,
            protocols=(protocol,),
            description=plugin.description,
            version=plugin.version,
            group={"oauth": "oauth", "api_key": "api_key"}.get(auth.type, "other"),
            base_url=self.base_url,
            auth_header=header,
            auth_prefix=prefix,
            needs_secret="secret" in schema.get("required", ()),
            models=self.supported_models or ("*",),
            known_models=tuple(model for model in self.supported_models if "*" not in model),
            terms=f"Of a plugin ({plugin.name}): as its author and the service say.",
            credential_schema=schema,
        )

    @property
    def auth(self) -> Auth:
        return self.auth_type if isinstance(self.auth_type, Auth) else Auth(type=self.auth_type)

    def _schema(self) -> Json:
        """What a credential consists of. The key is called `secret` here, `api_key` by older plugins."""
        schema = {"type": "object", **self.credential_schema}
        properties = dict(schema.get("properties") or {})
        if "api_key" in properties and "secret" not in properties:
            properties = {"secret" if name == "api_key" else name: field for name, field in properties.items()}
            schema["required"] = ["secret" if name == "api_key" else name for name in schema.get("required", ())]
        if not self.credential_schema and self.auth.type != "none":
            properties = {"secret": {"type": "string", "title": "API key"}}
            schema["required"] = ["secret"]
        return {**schema, "properties": properties}


class Binary(_Part):
    """The program of a plugin, which lies in `bin/`. `platform_binaries`: platform → name of the release's asset (an
    executable, or an archive of it); `checksum_file` is in the form of sha256sum."""

    binary_name: InsidePath
    github_owner: str = ""
    github_repo: str = ""
    platform_binaries: dict[str, InsidePath] = Field(default_factory=dict)
    checksum_file: InsidePath = ""


class Ui(_Part):
    """The plugin's own page. `entry` and `styles` are files below `dist/`; sizes in pixels."""

    surfaces: tuple[str, ...] = ()
    icon: str = ""
    title: Text = ""
    entry: InsidePath = ""
    styles: InsidePath | tuple[InsidePath, ...] = ""
    default_width: int = 0
    default_height: int = 0
    permissions: tuple[Text, ...] = ()


class PluginManifest(_Part):
    """`plugin.json`; keys that this version does not know are ignored.

    `entry`: a `.py` file or a package's folder, which runs in process, else an executable. `command`: the argv of an
    executable that needs an interpreter (`["node", "main.js"]`); paths in it are relative to the plugin's folder.
    `settings_schema` is JSON Schema of the settings in config.json.
    """

    name: Name
    version: Text = "0"
    description: Text = ""
    author: Text = ""
    homepage: Text = ""
    license: Text = ""
    plugin_type: Text = "provider"
    entry: InsidePath = ""
    command: tuple[str, ...] = ()
    min_proxycast_version: str = ""
    provider: PluginProvider | None = None
    binary: Binary | None = None
    ui: Ui | None = None
    permissions: tuple[Text, ...] = ()
    settings_schema: Json = Field(default_factory=dict)

    @property
    def is_used(self) -> bool:
        """Whether plugins of its type do anything in this version."""
        return self.plugin_type in PROVIDER_TYPES

    @property
    def wanted_permissions(self) -> tuple[str, ...]:
        """What it asks for, of itself or for its page; those that are not in PERMISSIONS can never be granted."""
        return tuple(dict.fromkeys((*self.permissions, *(self.ui.permissions if self.ui else ()))))
