"""How each credential stands: usable, cooling, failing or out of service, with the cause of every state.

Pure: times are passed in, in seconds since 1970, so that a state survives a restart. Sources: design.md (Words,
decisions 1, 3 and 5), field.md §3.4. No client fault and no hang-up ever reaches this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from addons.pool.ratelimits import longest
from addons.providers.quota import Quota
from translators.canonical.errors import ErrorInfo, ErrorKind


class State(StrEnum):
    ACTIVE = "active"
    COOLING = "cooling"  # until a time, for a model or for all
    UNHEALTHY = "unhealthy"  # failing; probed until it answers
    OUT_OF_SERVICE = "out_of_service"  # only the user ends it
    DISABLED = "disabled"  # by the user


#: Failures in a row after which a credential counts as unhealthy.
FAILURES = 3
#: Refusals of the secret in a row after which a credential is out of service. A token that can be refreshed was,
#: before.
REFUSALS = 2
#: Seconds that a credential and model rest after the n-th 429 in a row without a `retry-after`.
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
#: Seconds between probes of an unhealthy credential.
PROBES = (10.0, 30.0, 60.0, 300.0)
#: Seconds that a credential without credit rests, unless its provider names a time.
NO_CREDIT = 3600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """`model` None = the whole credential. `until` 0 = until something else ends it. `cause` is what the provider
    said. `basis` is the fingerprint of a login that is over: another login ends the standing; "" = only the user does.
    `banned`: by its provider, as opposed to a secret that is wrong or worn out (decision 5)."""

    state: State
    cause: str = ""
    until: float = 0.0
    since: float = 0.0
    model: str | None = None
    basis: str = ""
    banned: bool = False


@dataclass(slots=True)
class _Counters:
    failures: int = 0
    refusals: int = 0
    probes: int = 0


class Standings:
    """The standing of every credential that does not simply work. `changes` collects what is to be stored and told."""

    def __init__(self) -> None:
        self._standings: dict[tuple[str, str | None], Standing] = {}
        self._headerless: dict[tuple[str, str], int] = {}
        self._counters: dict[str, _Counters] = {}
        self.changes: list[tuple[str, Standing]] = []
        self.version = 0  # changes with any standing

    # -- what happened

    def succeeded(self, name: str, model: str, now: float, began: float | None = None) -> None:
        """An answer came: whatever was wrong with this credential and model is over, except what the user must end, and
        a rest that was learned of since the request `began`."""
        self._headerless.pop((name, model), None)
        self._counters.pop(name, None)
        for key in ((name, None), (name, model)):
            standing = self._standings.get(key)
            if standing is None or standing.state is State.OUT_OF_SERVICE:
                continue
            if standing.state is State.COOLING and began is not None and standing.since > began:
                continue
            self._set(name, Standing(State.ACTIVE, since=now, model=key[1]))

    def spent(self, name: str, quotas: Iterable[Quota], now: float) -> None:
        """These limits are reached, or nearly: whom they are about rests until they are whole again."""
        for model, quota in longest(quotas).items():
            self._rest(name, Standing(State.COOLING, quota.cause, quota.resets, now, model))

    def failed(self, name: str, model: str, error: ErrorInfo, now: float, quotas: Iterable[Quota] = ()) -> None:
        """The upstream or the way to it failed, by the error's kind; `quotas` are the limits that it says are
        reached."""
        if error.out_of_service:
            self.banned(name, error.message, now)
            return
        match error.kind:
            case ErrorKind.RATE_LIMIT:
                self._limited(name, model, error, now, longest(quotas))
            case ErrorKind.BILLING:
                wait = NO_CREDIT if error.retry_after is None else error.retry_after
                self._set(name, Standing(State.COOLING, error.message, now + wait, now))
            case ErrorKind.AUTHENTICATION:
                self._refused(name, error, now)
            case ErrorKind.PERMISSION | ErrorKind.NOT_FOUND:
                pass  # says something about the request's model, not about the credential
            case ErrorKind.SERVER | ErrorKind.OVERLOADED | ErrorKind.TIMEOUT:
                self._broken(name, model, error, now)
            case _:
                pass  # the client's fault

    def banned(self, name: str, cause: str, now: float, basis: str = "") -> None:
        """The provider closed the account, or revoked the credential (decision 5), or its login cannot be renewed."""
        self._set(name, Standing(State.OUT_OF_SERVICE, cause, 0.0, now, basis=basis, banned=not basis))

    def enabled(self, name: str, now: float) -> None:
        """The user says that it may be used again, or there is another login."""
        self._counters.pop(name, None)
        for key in [key for key in self._standings if key[0] == name]:
            self._set(name, Standing(State.ACTIVE, since=now, model=key[1]))

    def probed(self, name: str, *, well: bool, now: float) -> None:
        """A probe of an unhealthy credential came back; what happened to it meanwhile is better known."""
        standing = self._standings.get((name, None))
        if standing is None or standing.state is not State.UNHEALTHY:
            return
        if well:
            self._counters.pop(name, None)
            self._set(name, Standing(State.ACTIVE, since=now))
            return
        counters = self._counters.setdefault(name, _Counters())
        counters.probes += 1
        wait = PROBES[min(counters.probes, len(PROBES) - 1)]
        self._set(name, replace(standing, until=now + wait))

    # -- how it stands

    def of(self, name: str, model: str, now: float) -> Standing | None:
        """What keeps this credential from being asked for this model now; None = nothing."""
        if not self._standings:
            return None
        for key in ((name, None), (name, model)):
            standing = self._standings.get(key)
            if standing is None:
                continue
            if standing.state is State.COOLING and standing.until <= now:
                self._set(name, Standing(State.ACTIVE, since=now, model=key[1]))
                continue
            return standing
        return None

    def all(self, now: float) -> Iterator[tuple[str, Standing]]:
        """Every standing that is not plain ACTIVE."""
        for (name, _), standing in list(self._standings.items()):
            if standing.state is not State.COOLING or standing.until > now:
                yield name, standing

    def over_logins(self, now: float) -> list[tuple[str, str]]:
        """(name, basis) of credentials that another login brings back."""
        return [(n, s.basis) for n, s in self.all(now) if s.state is State.OUT_OF_SERVICE and s.basis]

    def due_probes(self, now: float) -> list[str]:
        """Unhealthy credentials whose next probe is due."""
        return [n for n, s in self.all(now) if s.state is State.UNHEALTHY and s.until <= now]

    def restore(self, name: str, standing: Standing) -> None:
        """Take over a standing that was stored, here or by another gateway on the same home."""
        if self._standings.get((name, standing.model)) == standing:
            return
        self.version += 1
        if standing.state is State.ACTIVE:
            self._standings.pop((name, standing.model), None)
            if standing.model is None:
                self._counters.pop(name, None)  # whoever brought it back: what failed before is not in a row with it
        else:
            self._standings[name, standing.model] = standing

    # -- within

    def _limited(self, name: str, model: str, error: ErrorInfo, now: float, quotas: dict[str | None, Quota]) -> None:
        """Whom the limit is about rests as long as the provider said; where it said nothing, this model alone for a
        short growing while (decision 3). A limit of the whole account is the true one, also beside a `retry-after`."""
        if error.scope == "request":
            return
        account, own = quotas.get(None), quotas.get(model)
        told = None if error.retry_after is None else now + error.retry_after
        if account is not None:
            until = max(account.resets, told or 0.0)
            self._rest(name, Standing(State.COOLING, f"{error.message}: {account.cause}", until, now))
            return
        if own is not None:
            cause, until = f"{error.message}: {own.cause}", own.resets if told is None else told
        elif told is not None:
            cause, until = error.message, told
        else:
            count = self._headerless.get((name, model), 0)
            self._headerless[name, model] = count + 1
            cause, until = error.message, now + BACKOFF[min(count, len(BACKOFF) - 1)]
        whose = None if error.scope == "account" else model
        self._rest(name, Standing(State.COOLING, cause, until, now, whose))

    def _rest(self, name: str, standing: Standing) -> None:
        """A rest that ends later than one that is known."""
        known = self._standings.get((name, standing.model))
        if known is None or known.until < standing.until:
            self._set(name, standing)

    def _refused(self, name: str, error: ErrorInfo, now: float) -> None:
        counters = self._counters.setdefault(name, _Counters())
        counters.refusals += 1
        if counters.refusals >= REFUSALS:
            self._set(name, Standing(State.OUT_OF_SERVICE, error.message, 0.0, now))

    def _broken(self, name: str, model: str, error: ErrorInfo, now: float) -> None:
        """A service in trouble that says when to come again is left alone for so long, as far as there is another."""
        if error.retry_after:
            self._rest(name, Standing(State.COOLING, error.message, now + error.retry_after, now, model))
        counters = self._counters.setdefault(name, _Counters())
        counters.failures += 1
        if counters.failures == FAILURES:
            self._set(name, Standing(State.UNHEALTHY, error.message, now + PROBES[0], now))

    def _set(self, name: str, standing: Standing) -> None:
        key = (name, standing.model)
        known = self._standings.get(key)
        if known is not None and known.state is State.OUT_OF_SERVICE and standing.state is not State.ACTIVE:
            return  # only the user ends it
        if standing.state is State.ACTIVE:
            if known is None:
                return
            del self._standings[key]
        else:
            self._standings[key] = standing
        self.version += 1
        self.changes.append((name, standing))
