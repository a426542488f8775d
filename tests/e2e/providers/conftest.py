"""One gateway with a credential and a key for each kind of provider, each at a stand-in of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from addons.vault.credential import Credential
from tests.e2e.stage import Stage, stage
from tests.standin import HELLO, StandIn

from .kinds import KINDS, OWN_PROVIDER, Kind


def credential(name: str, kind: Kind, backend: StandIn) -> Credential:
    settings = {
        key: value.format(url=backend.url) if isinstance(value, str) else value for key, value in kind.settings.items()
    }
    return Credential(name, kind.provider, kind.secret(backend), settings)


#: Where credentials and keys are made: it counts their names.
ROOT = "root"


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stage]]:
    """By kind: the gateway as the tests of pairs see it; and ROOT."""
    with ExitStack() as stack:
        backends = {
            name: stack.enter_context(kind.make(interleave=True, shred=7, models=("standin-1", "standin-2")))
            for name, kind in KINDS.items()
        }
        config = OWN_PROVIDER.format(url=backends["provider of one's own"].url)
        home = tmp_path_factory.mktemp("providers")
        shared = stack.enter_context(stage(home, backends["new_api"], config))
        made = {ROOT: shared}
        for name, kind in KINDS.items():
            word = name.replace(" ", "-").replace("'", "")
            known = shared.add(credential(word, kind, backends[name]))
            made[name] = shared.beside(backends[name], {name: shared.key(known, model=kind.model)})
        yield made


@pytest.fixture
def at(stages: dict[str, Stage]) -> Iterator[dict[str, Stage]]:
    """The stages with backends that have seen nothing yet; afterwards nothing of the gateway's own went wrong."""
    some = next(iter(stages.values()))
    for one in stages.values():
        one.backend.reset()
        one.backend.scenario = HELLO
    before = len(some.gateway.log)
    yield stages
    assert "Traceback" not in some.gateway.log[before:]
