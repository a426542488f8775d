"""A way to sign in, as data: a `[[login]]` table of a provider's manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from addons.vault.oauth import OAuth


class Kind(StrEnum):
    PKCE = "pkce"  # in a browser that comes back to this machine, or to what its user pastes (RFC 6749 §4.1, 8252)
    DEVICE = "device"  # in any browser, by a short code (RFC 8628)
    SECRET = "secret"  # what the user copies from a browser, a cookie for one, is exchanged for a login  # noqa: S105


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser comes back to. `host` is 127.0.0.1 or localhost, `ports` are those that the service accepts,
    in order (0 = any free one); `paths` all that it may come to, the first is asked for. `elsewhere`: an address of the
    service that shows the code, for a login without a listener. `done` and `failed`: pages of the service that the
    browser is sent on to."""

    host: str = "127.0.0.1"
    ports: tuple[int, ...] = (0,)
    paths: tuple[str, ...] = ("/callback",)
    elsewhere: str = ""
    done: str = ""
    failed: str = ""

    def __post_init__(self) -> None:
        if self.host not in ("127.0.0.1", "localhost"):
            raise ValueError(f"a login comes back to 127.0.0.1 or localhost, not to {self.host!r}")
        if not self.ports or not self.paths or not all(path.startswith("/") for path in self.paths):
            raise ValueError("a redirect needs ports, and paths that begin with /")


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to sign in. What it leaves out of `token_url`, `client_id`, `body`, `basic`, `answer` is that of the
    manifest's `[oauth]`.

    `needs`: settings that must be there first. `query`: further parameters of the authorize URL. `authorize`, `request`
    and `answer` rename standard fields of that URL, of what is posted and of what is answered ("" leaves one out);
    `parameters` are posted with every token request, `device_parameters` with the one that begins a device login.
    `pkce`: S256, also with a device code where the service takes it. `basic`: client id and secret as Basic
    authorization, too. `needs_client_secret`: it does not go without one; the text says where it comes from.

    Device logins: `poll_url` where it is not the token URL, `verification_url` where the service does not name it.
    `pending`, `slow_down`: error codes of a poll that goes on, whatever its status; `pending_statuses`: statuses that
    mean the same. `interval` in seconds where the service names none; `slower` = (factor, summand, most) is what
    becomes of it at a slow_down. `milliseconds`: the service's times are in them. `timeout`: seconds until the login is
    given up, where the service names none.

    `keep`: fields of the token answer that belong to the login, none = all. `settings`: setting of the credential →
    field of the answer.
    """

    id: str
    kind: Kind
    title: str = ""
    authorize_url: str = ""
    token_url: str = ""
    client_id: str = ""
    needs_client_secret: str = ""
    scopes: tuple[str, ...] = ()
    redirect: Redirect = field(default_factory=Redirect)
    query: Mapping[str, str] = field(default_factory=dict)
    authorize: Mapping[str, str] = field(default_factory=dict)
    pkce: bool = True
    body: str = ""
    basic: bool | None = None
    request: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, str] | None = None
    device_url: str = ""
    poll_url: str = ""
    verification_url: str = ""
    device_parameters: Mapping[str, str] = field(default_factory=dict)
    pending: tuple[str, ...] = ("authorization_pending",)
    slow_down: tuple[str, ...] = ("slow_down",)
    pending_statuses: tuple[int, ...] = ()
    interval: float = 5.0
    slower: tuple[float, float, float] = (1.0, 5.0, 60.0)
    milliseconds: bool = False
    timeout: float = 600.0
    needs: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def token_form(self, oauth: OAuth | None) -> OAuth:
        """How token requests are sent and answered, in the terms of addons/vault/oauth.py."""
        base = oauth or OAuth("")
        return OAuth(
            token_url=self.token_url or base.token_url,
            client_id=self.client_id or base.client_id,
            body=self.body or base.body,
            basic=base.basic if self.basic is None else self.basic,
            answer=base.answer if self.answer is None else self.answer,
        )


def read(row: Mapping[str, Any]) -> Flow:
    """A `[[login]]` table. Raises TypeError or ValueError for what does not belong there."""
    table = _tuples(row)
    table["kind"] = Kind(table.get("kind", ""))
    table["redirect"] = Redirect(**_tuples(table.get("redirect", {})))
    return Flow(**table)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
