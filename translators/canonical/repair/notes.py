"""Sentences for the audit about what a request lost on its way, each said once."""

from __future__ import annotations


class Notes:
    def __init__(self) -> None:
        self._notes: dict[str, None] = {}

    def add(self, sentence: str) -> None:
        self._notes[sentence] = None

    def list(self) -> list[str]:
        return list(self._notes)
