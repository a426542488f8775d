"""ProxyCast: `mitmdump -s proxycast.py`. The path of a flow, one addon a step; each name leads to one module."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from addons.gateway.access import Access, Loopback
from addons.gateway.answers.respond import Respond
from addons.gateway.dispatch import Dispatch
from addons.gateway.drain import Drain
from addons.gateway.fence import Fence
from addons.gateway.importing import Import
from addons.gateway.intercept import Intercept
from addons.gateway.listeners import Listeners
from addons.gateway.local.endpoints import Endpoints, Models
from addons.gateway.mitm.hookcache import HookCache
from addons.gateway.mitm.http1 import Http1Repairs
from addons.gateway.mitm.layer import Ticker, Upstreams
from addons.gateway.mitm.lean import Lean
from addons.gateway.mitm.webflows import WebFlows
from addons.gateway.plugins import Plugins
from addons.gateway.report import Report
from addons.gateway.route import Route
from addons.gateway.setup import Audit, open_services
from addons.gateway.trust import Trust
from addons.gateway.upkeep.probe import Probe
from addons.gateway.upkeep.quota_questions import QuotaQuestions
from addons.gateway.upkeep.quotas import Quotas
from addons.plugins.bridge.addon import PluginEvents
from addons.views.answer import Views

services = open_services()

addons = [
    HookCache(),
    Lean(),
    Http1Repairs(),
    Listeners(services),
    Loopback(services),
    Fence(services),
    Upstreams(),
    Ticker(services.settings),
    Audit(services),
    Access(services),
    Intercept(services),
    Endpoints(services),
    Route(services),
    Models(services),
    Dispatch(services),
    Trust(services.authorities),
    services.proxies,
    Respond(services),
    Import(services),
    PluginEvents(services),
    Report(services),
    Probe(services),
    Quotas(services),
    QuotaQuestions(services),
    WebFlows(),
    Views(),
    Drain(services),
    Plugins(services),
]
