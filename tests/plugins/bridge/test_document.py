"""docs/plugin-protocol.md names what there is, and nothing that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from addons.plugins.bridge import protocol, rpc
from addons.plugins.bridge.events import TYPES
from addons.plugins.bridge.protocol import Method
from addons.plugins.bridge.sdk import SERVICES
from addons.plugins.manifest import PERMISSIONS
from translators.canonical.errors import ErrorKind
from translators.canonical.events import StopReason

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "plugin-protocol.md").read_text("utf-8")


def words(section: str, columns: int = 1) -> set[str]:
    """What stands in code in the first columns of a section's table."""
    part = TEXT.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1 : 1 + columns] for row in part.splitlines() if row.startswith("| `")]
    return {word for row in rows for cell in row for word in re.findall(r"`([^`]+)`", cell)}


def test_every_method_has_its_row() -> None:
    told = {protocol.CANCEL_CALL, protocol.CANCEL_RESPONSE, protocol.EVENT}
    assert words("What the gateway asks") == {*Method, *told}


def test_every_service_has_its_row_and_permission() -> None:
    assert words("Services") == set(SERVICES)
    assert words("Services", 2) == {*SERVICES, *filter(None, SERVICES.values())}
    assert set(filter(None, SERVICES.values())) == set(PERMISSIONS)


def test_every_event_has_its_row() -> None:
    assert words("Canonical events") == set(TYPES)


def test_every_kind_reason_and_code_is_there() -> None:
    for word in (*ErrorKind, *StopReason):
        assert f"`{word}`" in TEXT
    for code in (
        rpc.METHOD_NOT_FOUND,
        rpc.INVALID_PARAMS,
        rpc.INTERNAL_ERROR,
        rpc.FAILED,
        rpc.PERMISSION_DENIED,
        rpc.LIMIT_REACHED,
    ):
        assert f"−{-code}" in TEXT
