"""The shape of `config.toml`: every setting with its default and its meaning. Times are seconds, sizes bytes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from translators.canonical.errors import ErrorKind
from translators.canonical.target import Target


class Section(BaseModel):
    """Unknown settings are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


#: Where one reaches what listens on all addresses.
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Gateway(Section):
    """The listener that clients are pointed at. Its address is read at start."""

    host: str = Field("127.0.0.1", description="address to listen on; any but loopback needs a client key first")
    port: int = Field(8999, ge=1, le=65535, description="where clients reach the gateway")
    max_body: int = Field(64 << 20, gt=0, description="largest request body, after decompression")
    max_answer: int = Field(256 << 20, gt=0, description="largest answer that is not streamed")

    @property
    def url(self) -> str:
        """Its root, as clients on this machine reach it."""
        host = _LOCAL.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class Proxy(Section):
    """The intercepting proxy (HTTPS_PROXY). Read at start."""

    enabled: bool = Field(True, description="whether there is one")
    port: int = Field(8080, ge=1, le=65535, description="where it listens, for this machine alone")


class Access(Section):
    """Who may call the gateway beside a client with a key."""

    origins: list[str] = Field(default_factory=list, description="web origins that may call the gateway; '*' = any")
    hosts: list[str] = Field(default_factory=list, description="further names that clients may reach the gateway by")


class Timeouts(Section):
    """How long is waited for whom, in seconds.

    The values of design.md, decision 2."""

    connect: float = Field(15, gt=0, description="until an upstream accepts the connection, TLS included")
    hold: float = Field(15, gt=0, description="how long a stream's head is held back before keep-alives begin")
    keepalive: float = Field(15, gt=0, description="silence towards the client that a keep-alive ends")
    first_event: float = Field(120, gt=0, description="until the first event of a stream")
    silence: float = Field(300, gt=0, description="longest silence of an upstream in mid-stream")
    whole: float = Field(600, gt=0, description="a whole answer that is not streamed")


class Failover(Section):
    """How a request moves from one credential to the next.

    Design.md, decisions 1 and 4."""

    max_attempts: int = Field(8, ge=1, description="most credentials that one request is tried at")
    stick: float = Field(300, ge=0, description="how long after its last request a conversation keeps its credential")
    pace_wait: float = Field(30, description="how long a request may wait for a credential that its owner paces")
    stick_minimum: float = Field(60, ge=0, description="the least that `stick` counts as")


class Quotas(Section):
    """Asking providers that have an address for it what is left of a credential's limits, beside the requests."""

    ask: bool = Field(True, description="whether they are asked: at start, while used, and after a refusal")
    interval: float = Field(300, ge=1, description="least seconds between two such questions of one credential")


class Audit(Section):
    """What audit.db keeps. A limit of 0 is none.

    The modes are those of design.md, decision 11."""

    mode: Literal["redacted", "full", "metadata", "off"] = Field(
        "redacted",
        description="redacted: all but secrets; full: bodies as they are; metadata: no bodies; off: nothing",
    )
    max_age_days: float = Field(30, ge=0, description="older exchanges are deleted")
    max_rows: int = Field(100_000, ge=0, description="most exchanges kept")
    max_bytes: int = Field(2 << 30, ge=0, description="largest size of the file, in bytes")
    body_cap: int = Field(8 << 20, ge=0, description="most that is kept of one side of an exchange, in bytes")


class Datasette(Section):
    """The pages of the audit, started by `proxycast run`. Read at start."""

    enabled: bool = Field(True, description="whether `proxycast run` starts them")
    port: int = Field(8001, ge=1, le=65535, description="where they are served, on 127.0.0.1 only")


class Route(Section):
    """Requests whose model matches `match` (a shell pattern) go to `use`, asked for `model` if that is set."""

    match: str = Field(description="shell pattern of the model that the client names, such as claude-*")
    use: list[str | list[str]] = Field(
        default_factory=list, description="credentials, as in the profile; empty: its own"
    )
    model: str | None = Field(None, description="ask for this model instead")


class Profile(Section):
    """A choice of credentials, their order and model overrides.

    `use` lists credential names in order; a list within the list holds equals. Empty: every enabled credential that
    serves the model. `models` maps a pattern or a Claude Code family (opus, sonnet, haiku, small_fast, default) to a
    model."""

    use: list[str | list[str]] = Field(
        default_factory=list, description="credentials in order, equals in a list of their own; empty: all that serve"
    )
    strategy: Literal["priority", "round_robin", "weighted", "least_used", "least_busy", "random"] = Field(
        "priority", description="how equals share the work"
    )
    take_over: bool = Field(
        False, description="when an account is banned, the provider's other accounts take over what would be its own"
    )
    model: str | None = Field(None, description="ask for this model whatever the client asked for")
    models: dict[str, str] = Field(
        default_factory=dict,
        description="model overrides by pattern, or by family: opus, sonnet, haiku, small_fast, default",
    )
    routes: list[Route] = Field(default_factory=list, description="exceptions for some models, the first match wins")

    def credentials(self) -> list[str]:
        """The names of all credentials that it mentions, each once."""
        entries = [*self.use, *(entry for route in self.routes for entry in route.use)]
        return list(dict.fromkeys(name for e in entries for name in ([e] if isinstance(e, str) else e)))


class InterceptRule(Section):
    """Intercepted traffic to hosts that match `host` (a shell pattern) is answered through `profile`."""

    host: str = Field(description="shell pattern of the host that the client calls")
    profile: str = Field(description="the profile that answers instead")


class Intercept(Section):
    """What the intercepting proxy does beside recording the known inference hosts."""

    hosts: list[str] = Field(default_factory=list, description="further inference hosts to decrypt and record")
    rules: list[InterceptRule] = Field(
        default_factory=list, description="hosts whose requests a profile answers instead of the host itself"
    )


PublicProtocol = Literal["openai_chat", "openai_responses", "anthropic", "gemini"]
_TARGET_FIELDS = frozenset(field.name for field in fields(Target)) | {"match"}


class ErrorMeaning(Section):
    """An error of a provider that means something else than its status says; all that is given must hold."""

    status: int | None = Field(None, description="its HTTP status")
    code: str | None = Field(None, description="its code or type")
    contains: str | None = Field(None, description="what its message contains, in lower case")
    message: str | None = Field(None, description="its whole message, in lower case")
    scope: Literal["", "request", "model", "account"] = Field(
        "", description="whom a rate limit is about: request (nobody rests), model or account; empty: as headers tell"
    )
    out_of_service: bool = Field(False, description="whether it ends the credential: account closed, key revoked")
    kind: ErrorKind = Field(description="what it means: authentication, billing, rate_limit, not_found, overloaded …")


class QuotaAddress(Section):
    """Where a provider says what is left of a limit: one GET with the key. Places in its JSON are written data.left."""

    path: str = Field(description="path of the URL, on the host of the base URL")
    counts: str = Field("", description="what is limited: USD, requests …")
    remaining: str = Field("", description="the place of what remains")
    limit: str = Field("", description="the place of the limit")
    used: str = Field("", description="the place of what is used, where it is not said what remains")
    resets: str = Field("", description="the place of the time when it is whole again")
    each: str = Field("", description="the place of a list in whose elements the places are")
    counts_at: str = Field("", description="the place of what is limited, such as a currency")
    usable: str = Field("", description="the place of a boolean: whether anything can be had")
    unlimited: str = Field("", description="the place of a boolean: whether there is no limit")


def _chat() -> list[PublicProtocol]:
    return ["openai_chat"]


class CustomProvider(Section):
    """A provider of your own, described by data alone: `proxycast credentials add NAME` then takes its credentials.

    The presets that come with ProxyCast (addons/providers/presets.toml) have the same fields."""

    name: str = Field("", description="what people call it")
    protocols: list[PublicProtocol] = Field(
        default_factory=_chat,
        min_length=1,
        description="what it speaks: openai_chat, openai_responses, anthropic, gemini; a client's own is preferred",
    )
    base_url: str = Field(
        description="as the official SDK takes it: openai with /v1, anthropic and gemini without; {region} and the "
        "like stand for a setting of the credential"
    )
    base_urls: dict[PublicProtocol, str] = Field(default_factory=dict, description="other base URLs, by protocol")
    auth_header: str = Field("Authorization", description="the header that carries the secret")
    auth_prefix: str | None = Field(None, description="what stands before the secret; 'Bearer ' in Authorization")
    auth_headers: dict[PublicProtocol, str] = Field(
        default_factory=dict, description="other headers for the bare secret, by protocol"
    )
    dropped_headers: list[str] = Field(
        default_factory=list, description="patterns of client headers that it cannot bear, such as anthropic-beta"
    )
    needs_secret: bool = Field(True, description="whether it wants a key at all")
    env: list[str] = Field(default_factory=list, description="environment variables that its key is usually in")
    models: list[str] = Field(default_factory=lambda: ["*"], description="patterns of the models that it serves")
    known_models: list[str] = Field(default_factory=list, description="models to list beside those that it lists")
    lists_models: bool = Field(True, description="whether it can be asked for its models")
    targets: list[dict[str, Any]] = Field(
        default_factory=list, description="quirks of its models: match, protocol, and fields of Target"
    )
    errors: list[ErrorMeaning] = Field(
        default_factory=list, description="errors that mean something else: status, code, contains, kind"
    )
    quota: list[QuotaAddress] = Field(
        default_factory=list, description="where it says what is left: path, counts, and places in its answer"
    )
    notes: str = Field("", description="what a user should know of it")

    @field_validator("targets")
    @classmethod
    def _known_fields(cls, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            if unknown := row.keys() - _TARGET_FIELDS:
                raise ValueError(f"there is no field {min(unknown)!r} of Target")
        return rows


class Settings(Section):
    """The whole file."""

    active_profile: str = Field("default", description="the profile that answers clients whose key is not pinned")
    gateway: Gateway = Field(default_factory=Gateway)
    proxy: Proxy = Field(default_factory=Proxy)
    access: Access = Field(default_factory=Access)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    failover: Failover = Field(default_factory=Failover)
    quotas: Quotas = Field(default_factory=Quotas)
    audit: Audit = Field(default_factory=Audit)
    datasette: Datasette = Field(default_factory=Datasette)
    intercept: Intercept = Field(default_factory=Intercept)
    profiles: dict[str, Profile] = Field(default_factory=dict, description="named choices of credentials")
    providers: dict[str, CustomProvider] = Field(default_factory=dict, description="providers of your own, by id")

    def profile(self, name: str | None = None) -> Profile:
        """The profile of that name, or the active one; "default" need not be written down. Raises KeyError."""
        wanted = name or self.active_profile
        if wanted not in self.profiles and wanted == "default":
            return Profile()
        return self.profiles[wanted]
