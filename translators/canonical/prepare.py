"""The repairs that every backend wants, in their order: the first step of each `encode_request` (mapping.md §6).

After it an encoder only spells. The order matters: what the backend cannot have goes first, because it leaves turns
empty; neighbours are merged before results are sought, because results belong to a turn; system text is folded after
results were moved, because it comes behind them.
"""

from __future__ import annotations

from translators.canonical.errors import TranslationError
from translators.canonical.names import NameMap
from translators.canonical.repair import foreign, identity, media, results, settings, tools, turns
from translators.canonical.repair.notes import Notes
from translators.canonical.request import Request
from translators.canonical.target import Target


def prepare(request: Request, target: Target) -> tuple[Request, NameMap, list[str]]:
    """→ (a repaired copy, the names of its tools, what was lost).

    Pure: the same history gives the same copy on the next turn too. Turns and lists of the copy are new, blocks may be
    the client's own: replace them, do not write to them. Raises TranslationError for a request that builds on what its
    own provider has stored.
    """
    if request.stateful is not None:
        why = request.stateful
        raise TranslationError(why.message, kind=why.kind, param=why.param, code=why.code)
    notes = Notes()
    if target.protocol != "anthropic":
        request = identity.without_attribution(request, notes)
    request = foreign.without_foreign(request, target, notes)
    request, names = tools.with_tools_fitted(request, target, notes)
    request = turns.without_empty_text(request, target)
    conversation = turns.merged(request.turns)
    conversation = media.without_media(conversation, target, notes)
    conversation = results.with_results_paired(conversation, target, notes)
    conversation = turns.with_system_folded(conversation, target, notes)
    conversation = turns.merged(conversation)
    conversation = turns.with_nothing_empty(conversation)
    conversation = turns.with_answerable_end(conversation, target, notes)
    request = settings.with_settings_fitted(request.altered(turns=conversation), target, notes)
    return request.altered(tools=list(request.tools), system=list(request.system)), names, notes.list()
