"""One line an exchange on the terminal, failed attempts included, and what else happens meanwhile: a second script,
`-s addons/gateway/console.py`.

What clients and upstreams wrote is not trusted: control characters never reach the terminal. A terminal that has
stopped does not stop the gateway: lines are written by a thread, and those that do not fit into its queue are left out.
"""

import contextlib
import logging
import queue
import threading
import time

import click
from mitmproxy import ctx, http

from addons.gateway import exchange as exchanges
from addons.gateway.exchange import Attempt, Cause, Exchange

_WIDTH = 160
_GATHER = 0.05  # seconds


class News(logging.Handler):
    """What our addons say at the level of information; mitmproxy's terminal shows what is worse."""

    def __init__(self, lines: queue.Queue[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno == logging.INFO

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(_safe(record.getMessage()))


class Console:
    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue(maxsize=1000)
        self._news = News(self._lines)

    def running(self) -> None:
        threading.Thread(target=self._write, daemon=True).start()
        logging.getLogger("addons").addHandler(self._news)
        address = getattr(ctx.master, "web_url", None)  # mitmweb tells it at a level that we leave out
        if address:
            self._lines.put(f"proxycast: mitmweb is at {address}")

    def done(self) -> None:
        logging.getLogger("addons").removeHandler(self._news)

    def response(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._tell(flow)

    def _tell(self, flow: http.HTTPFlow) -> None:
        exchange = exchanges.of(flow)
        # a stream that breaks ends in both hooks; a probe is no exchange
        if exchange is None or getattr(flow, "told", False) or (exchange.rejected and exchange.error is None):
            return
        flow.told = True  # type: ignore[attr-defined]
        for line in lines(exchange, 0 if flow.response is None else flow.response.status_code):
            try:
                self._lines.put_nowait(line)
            except queue.Full:
                return

    def _write(self) -> None:
        while True:
            lines = [self._lines.get()]
            time.sleep(_GATHER)  # one write for many lines: each takes the interpreter from the gateway
            while not self._lines.empty():
                lines.append(self._lines.get())
            click.echo("\n".join(lines))


def lines(exchange: Exchange, status: int) -> list[str]:
    """What is said of an exchange that is over: a line for it, and one for each attempt that failed."""
    attempt = exchange.current
    asked = exchange.requested_model or f"{exchange.method} {exchange.path}"
    who = exchange.client or (exchange.key.name if exchange.key is not None else "") or "client"
    ours = "refused" if exchange.error is not None or not status else "answered here"
    parts = [
        time.strftime("%H:%M:%S"),
        f"{who} → {attempt.candidate.name if attempt is not None else ours}",
        asked,
    ]
    if attempt is not None and attempt.model not in (asked, exchange.requested_model):
        parts[-1] += f" as {attempt.model}"
    hung_up = attempt is not None and attempt.cause is Cause.HANG_UP
    parts += ["hung up" if hung_up else str(status or "no answer"), f"{time.time() - exchange.started:.2f} s"]
    usage = exchange.usage
    if usage.input_total or usage.output:
        parts.append(f"{usage.input_total:,} in {usage.output or 0:,} out")
    failed = [one for one in exchange.attempts if one.failure is not None]
    if exchange.error is not None and not failed:
        parts.append(exchange.error.message)
    good = exchange.error is None and not hung_up and 200 <= status < 400
    colour = ("yellow" if failed else "green") if good else "red"
    first = "  ".join(parts)
    return [click.style(_safe(first), fg=colour), *(click.style(_safe(_failure(one)), dim=True) for one in failed)]


def _failure(attempt: Attempt) -> str:
    assert attempt.failure is not None
    status = f" (HTTP {attempt.failure.status})" if attempt.failure.status else ""
    return f"          attempt {attempt.number}, {attempt.candidate.name}: {attempt.failure.error.message}{status}"


def _safe(text: str) -> str:
    """One line of printable characters."""
    clean = text if text.isprintable() else "".join(each if each.isprintable() else "�" for each in text)
    return clean if len(clean) <= _WIDTH else clean[: _WIDTH - 1] + "…"


addons = [Console()]
