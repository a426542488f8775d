"""Candidate lists, prepared for choosing and kept until the configuration or the credentials change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from addons.config.settings import Profile
from addons.pool import candidates
from addons.pool.candidates import Candidate, NoCandidateError
from addons.pool.standing import Standing, Standings, State
from addons.pool.strategies import Equals
from addons.providers.registry import Registry
from addons.vault.credential import Credential

#: Lists kept at a time: clients ask one profile for few models, but can name any.
KEPT = 64


@dataclass(frozen=True, slots=True)
class Split:
    """Who of a list can be asked, and who rests (soonest back first): true for one version of the standings, and until
    the first rest is over. `dealt` are the groups with those in them that are `banned`."""

    version: int
    until: float
    groups: list[Equals]
    resting: list[tuple[Candidate, Standing]]
    banned: frozenset[str]
    dealt: list[Equals]


class Listed:
    """Candidates as they were found, and the same in groups of equals."""

    def __init__(self, found: Sequence[Candidate]) -> None:
        self._found = tuple(found)
        groups: dict[int, list[Candidate]] = {}
        for candidate in found:
            groups.setdefault(candidate.position, []).append(candidate)
        self.groups = [Equals(groups[position]) for position in sorted(groups)]
        self.split: Split | None = None
        self.by_name = {candidate.name: candidate for candidate in reversed(found)}

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def split_by(self, standings: Standings, now: float) -> Split:
        """Looked up anew only when a standing changed: with many at rest, nobody asks each of them at each request."""
        known = self.split
        if known is not None and known.version == standings.version and now < known.until:
            return known
        found = [(candidate, standings.of(candidate.name, candidate.limited, now)) for candidate in self._found]
        kept_from = {id(candidate) for candidate, standing in found if standing is not None}
        resting = [(c, s) for c, s in found if s is not None and s.state is not State.OUT_OF_SERVICE]
        resting.sort(key=lambda one: one[1].until)
        until = min((s.until for _, s in resting if s.state is State.COOLING), default=float("inf"))
        groups = dealt = self.groups
        if kept_from:
            groups = dealt = [equals.without(kept_from) for equals in self.groups]
        banned = {id(candidate): candidate.name for candidate, s in found if s is not None and s.banned}
        if banned:
            dealt = [equals.without(kept_from - banned.keys()) for equals in self.groups]
        self.split = Split(standings.version, until, groups, resting, frozenset(banned.values()), dealt)
        return self.split


class Lists:
    """Lists by profile and model, of one state of everything that they depend on."""

    def __init__(self) -> None:
        self._settings: object = None
        self._versions: tuple[int, ...] = ()
        self._lists: OrderedDict[tuple[str, str], Listed | str] = OrderedDict()

    def find(
        self,
        name: str,
        profile: Profile,
        model: str,
        credentials: Mapping[str, Credential],
        registry: Registry,
        locked: Mapping[str, str] = candidates.NONE_LOCKED,
        *,
        settings: object,
        version: int,
    ) -> Listed:
        """As `candidates.find`; `settings` and `version` are what `profile`, `credentials` and `locked` come from.
        Raises NoCandidateError."""
        versions = (version, registry.version)
        if settings is not self._settings or versions != self._versions:
            self._settings, self._versions = settings, versions
            self._lists.clear()
        key = (name, model)
        kept = self._lists.get(key)
        if kept is None:
            try:
                kept = Listed(candidates.find(name, profile, model, credentials, registry, locked))
            except NoCandidateError as error:
                kept = str(error)
            self._lists[key] = kept
            if len(self._lists) > KEPT:
                self._lists.popitem(last=False)
        else:
            self._lists.move_to_end(key)
        if isinstance(kept, str):
            raise NoCandidateError(kept)
        return kept
