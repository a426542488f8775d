"""The shape of `config.toml`: every setting with its default and its meaning. Times are seconds, sizes bytes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Unknown settings are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gateway(Section):
    host: str = "127.0.0.1"
    port: int = 8999
    max_body: int = Field(64 << 20, description="largest request body, after decompression")
    max_answer: int = Field(256 << 20, description="largest answer that is not streamed")


class Proxy(Section):
    enabled: bool = True
    port: int = 8080


class Access(Section):
    origins: list[str] = Field(default_factory=list, description="web origins that may call the gateway; '*' = any")
    hosts: list[str] = Field(default_factory=list, description="further names that clients may reach the gateway by")


class Timeouts(Section):
    """Decision 2."""

    connect: float = 15
    hold: float = Field(15, description="how long a stream's head is held back before keep-alives begin")
    keepalive: float = Field(15, description="silence towards the client that a keep-alive ends")
    first_event: float = 120
    silence: float = Field(300, description="longest silence of an upstream in mid-stream")
    whole: float = Field(600, description="a whole answer that is not streamed")


class Failover(Section):
    max_attempts: int = Field(8, ge=1)
    stick: float = Field(300, description="how long after its last request a conversation keeps its credential")
    stick_minimum: float = 60


class Audit(Section):
    mode: Literal["redacted", "full", "metadata", "off"] = "redacted"
    max_age_days: float = 30
    max_rows: int = 100_000
    max_bytes: int = 2 << 30
    body_cap: int = 8 << 20


class Datasette(Section):
    enabled: bool = True
    port: int = 8001


class Route(Section):
    """Requests whose model matches `match` (a shell pattern) go to `use`, asked for `model` if that is set."""

    match: str
    use: list[str | list[str]] = Field(default_factory=list)
    model: str | None = None


class Profile(Section):
    """A choice of credentials, their order and model overrides.

    `use` lists credential names in order; a list within the list holds equals. Empty: every enabled credential that
    serves the model. `models` maps a pattern or a Claude Code family (opus, sonnet, haiku, small_fast, default) to a
    model."""

    use: list[str | list[str]] = Field(default_factory=list)
    model: str | None = None
    models: dict[str, str] = Field(default_factory=dict)
    routes: list[Route] = Field(default_factory=list)


class InterceptRule(Section):
    """Intercepted traffic to hosts that match `host` (a shell pattern) is answered through `profile`."""

    host: str
    profile: str


class Intercept(Section):
    hosts: list[str] = Field(default_factory=list, description="further inference hosts to decrypt and record")
    rules: list[InterceptRule] = Field(default_factory=list)


class Settings(Section):
    active_profile: str = "default"
    gateway: Gateway = Field(default_factory=Gateway)
    proxy: Proxy = Field(default_factory=Proxy)
    access: Access = Field(default_factory=Access)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    failover: Failover = Field(default_factory=Failover)
    audit: Audit = Field(default_factory=Audit)
    datasette: Datasette = Field(default_factory=Datasette)
    intercept: Intercept = Field(default_factory=Intercept)
    profiles: dict[str, Profile] = Field(default_factory=dict)

    def profile(self, name: str | None = None) -> Profile:
        """The profile of that name, or the active one; "default" need not be written down. Raises KeyError."""
        wanted = name or self.active_profile
        if wanted not in self.profiles and wanted == "default":
            return Profile()
        return self.profiles[wanted]
