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
        said = [] if call.translated else self.identity(call.operation.value, credential)
        more = {name.lower(): (name, value) for name, value in said if not (official and name.lower() in sent)}
        signed = self.signed(call, credential, sent | {lower: value for lower, (_, value) in more.items()})
        more |= {name.lower(): (name, value) for name, value in signed}
        upstream.headers = [header for header in upstream.headers if header[0].lower() not in more] + [*more.values()]
        return upstream

    def mended(self, body: Json, call: Call) -> Json:
        """A body as the service wants it; the client's is left as it is."""
        return body

    def signed(self, call: Call, credential: Credential, sent: dict[str, str]) -> Headers:
        """Headers that are made of the others (`sent`, by lower-case name)."""
        return []
