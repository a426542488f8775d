"""A service of a public protocol that knows its client by headers, whichever client of that protocol calls."""

from __future__ import annotations

from addons.providers.api import Call, Headers, Json, Operation, Provider, Upstream
from addons.vault.credential import Credential
from translators import jsonio


class Identified(Provider):
    """The headers of the profile go with every call; what the official client itself sent stays (design.md, decision
    7). `agent` is what the user agent of that client begins with."""

    agent = ""

    def build(self, call: Call, credential: Credential) -> Upstream:
        upstream = super().build(call, credential)
        if call.operation is Operation.GENERATE:
            body = jsonio.loads(upstream.body)
            mended = self.mended(body, call)
            if mended != body:
                upstream.body = jsonio.dumps(mended)
        sent = {name.lower(): value for name, value in upstream.headers}
        official = not call.translated and sent.get("user-agent", "").startswith(self.agent)
        more = self.identity(call.operation.value, credential) if not call.translated else []
        more = [(name, value) for name, value in more if not (official and name.lower() in sent)]
        more += self.signed(call, credential, {**sent, **{name.lower(): value for name, value in more}})
        replaced = {name.lower() for name, _ in more}
        upstream.headers = [(name, value) for name, value in upstream.headers if name.lower() not in replaced] + more
        return upstream

    def mended(self, body: Json, call: Call) -> Json:
        """A body as the service wants it; the client's is left as it is."""
        return body

    def signed(self, call: Call, credential: Credential, sent: dict[str, str]) -> Headers:
        """Headers that are made of the others (`sent`, by lower-case name)."""
        return []
