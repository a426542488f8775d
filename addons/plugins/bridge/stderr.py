"""What a plugin writes to its standard error goes to the log: lines cut short, paced, without secrets, nothing kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from addons.plugins.bridge.launch import READ_AHEAD
from addons.plugins.bridge.limits import Limits, Pace

log = logging.getLogger("proxycast.plugins")
#: Characters of a line that are shown.
LONGEST = 500


async def follow(name: str, stream: asyncio.StreamReader, redact: Callable[[str], str], limits: Limits) -> None:
    """Until it is closed. What comes faster than it may is read slowly, and left out of the log."""
    lines, amount = Pace(limits.log_lines, limits.log_burst), Pace(limits.log_bytes, limits.log_bytes)
    rest, left_out = b"", 0
    while data := await stream.read(READ_AHEAD):
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) > READ_AHEAD:
            whole, rest = [*whole, rest], b""
        for line in whole:
            if not line.strip():
                continue
            if not lines.spare():
                left_out += 1
                continue
            if left_out:
                log.warning("plugin %s: (%d lines left out)", name, left_out)
                left_out = 0
            log.warning("plugin %s: %s", name, shown(line, redact))
        await asyncio.sleep(amount.take(len(data)))
    if rest.strip() and lines.spare():
        log.warning("plugin %s: %s", name, shown(rest, redact))


def shown(line: bytes, redact: Callable[[str], str]) -> str:
    """One printable line. Secrets are taken out before it is cut, so that none is cut in two."""
    text = redact(line[: 4 * READ_AHEAD].decode("utf-8", "replace").strip())
    clean = "".join(character if character.isprintable() else "�" for character in text)
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 1] + "…"
