"""What the decoder of an answer must know of the request beside the names of its tools. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from translators.canonical.names import NameMap


@dataclass(slots=True)
class AnswerNames(NameMap):
    """`tags`: thinking was asked for in the old way: it comes in a tag at the head of the text. `window`: tokens
    of the model's context, for an estimate."""

    tags: bool = False
    window: int = 0

    @classmethod
    def of(cls, names: NameMap, *, tags: bool, window: int) -> AnswerNames:
        return cls(names.to_backend, names.to_client, names.custom, names.namespaces, tags, window)
