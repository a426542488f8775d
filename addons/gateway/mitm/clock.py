"""The deadlines of one exchange's stream: when a connect, a first event, a silence or a whole answer has lasted too
long."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pydantic import ValidationError

from addons.config.settings import Timeouts

#: After the terminal event of a stream the upstream has this long to end its message before we do without.
DRAIN = 2.0
_STANDARD = Timeouts()  # until an attempt says otherwise; nobody writes to it


def own_limits(limits: Timeouts, own: object) -> Timeouts:
    """The limits with those that a credential sets itself (setting `timeouts`); what is none of them is left out."""
    if not isinstance(own, dict):
        return limits
    try:
        return Timeouts.model_validate({**limits.model_dump(), **own})
    except ValidationError:
        return limits


@dataclass(slots=True)
class Clock:
    """`due` maps a limit to its monotonic deadline. Limits that end the attempt: connect, first_event, silence, whole.

    `keepalive` is the one that only wants a sign of life sent to the client.
    """

    due: dict[str, float] = field(default_factory=dict)
    limits: Timeouts = field(default_factory=lambda: _STANDARD)

    def begin(self, limits: Timeouts, *, stream: bool) -> None:
        """An attempt starts. The first keep-alive counts from the first attempt: it is the client that waits."""
        now = time.monotonic()
        self.limits = limits
        keepalive = self.due.get("keepalive")
        self.due = {"connect": now + limits.connect}
        if stream:
            self.due["first_event"] = now + limits.first_event
            self.due["keepalive"] = now + limits.hold if keepalive is None else keepalive
        else:
            self.due["whole"] = now + limits.whole

    def connected(self) -> None:
        self.due.pop("connect", None)

    def heard(self, *, content: bool) -> None:
        """The upstream said something; `content` when the point of no return is passed."""
        if content:
            self.due.pop("first_event", None)
            self.due["silence"] = time.monotonic() + self.limits.silence

    def told(self) -> None:
        """The client was sent something."""
        if "keepalive" in self.due:
            self.due["keepalive"] = time.monotonic() + self.limits.keepalive

    def drain(self) -> None:
        """The answer is complete; only the end of the message is awaited."""
        self.due = {"drain": time.monotonic() + DRAIN}

    def rest(self) -> None:
        """Between two attempts: only the client's patience counts."""
        self.due = {name: at for name, at in self.due.items() if name == "keepalive"}

    def stop(self) -> None:
        self.due = {}

    def expired(self) -> set[str]:
        now = time.monotonic()
        return {name for name, at in self.due.items() if at <= now}
