"""A certificate authority of its own for the upstream of a credential (setting `ca_file`), leaving all others alone.

The hook knows no flow, so what counts is the address: dispatch notes it when it sends a credential there. Our addons
come before mitmproxy's own `tlsconfig`, which leaves a connection alone that is already set up (mitmproxy sheet, point
7).
"""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path

from mitmproxy import connection, ctx, tls
from mitmproxy.addons.tlsconfig import DEFAULT_HOSTFLAGS
from mitmproxy.net import tls as net_tls
from OpenSSL import SSL

from addons.vault.credential import Credential

log = logging.getLogger(__name__)
Address = tuple[str, int]


class TrustError(Exception):
    """The CA file cannot be used; the text says why."""


class Authorities:
    """Which credentials bring a CA file of their own to which address."""

    def __init__(self) -> None:
        self._files: dict[Address, dict[str, str]] = {}

    def note(self, credential: Credential, address: Address) -> None:
        """`credential` is about to be sent to `address`. Raises TrustError."""
        given = credential.setting("ca_file")
        known = self._files.get(address)
        if not given:
            if known is not None and known.pop(credential.name, None) is not None and not known:
                del self._files[address]
            return
        path = str(Path(given).expanduser())
        if known is None or known.get(credential.name) != path:
            try:
                SSL.Context(SSL.TLS_CLIENT_METHOD).load_verify_locations(path)
            except SSL.Error:
                raise TrustError(f"its ca_file {path} cannot be read, or holds no certificate") from None
            self._files.setdefault(address, {}).pop(credential.name, None)
            self._files[address][credential.name] = path

    def of(self, address: Address) -> str | None:
        """The CA file for that address; of several the one that was noted last."""
        known = self._files.get(address)
        return next(reversed(known.values())) if known else None


class Trust:
    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities

    def tls_start_server(self, data: tls.TlsData) -> None:
        server = data.conn
        if not isinstance(server, connection.Server) or server.address is None or data.is_dtls:
            return
        address = (server.address[0], server.address[1])
        ca_file = self._authorities.of(address)
        if ca_file is None or data.ssl_conn is not None:
            return
        try:
            data.ssl_conn = _connection(ca_file, address[0], data)
        except (SSL.Error, OSError) as error:  # the default stands, and refuses what it does not know
            log.error("proxycast: the CA file %s cannot be used: %s", ca_file, error)


def _connection(ca_file: str, host: str, data: tls.TlsData) -> SSL.Connection:
    context = net_tls.create_proxy_server_context(  # cached: one for each file
        method=net_tls.Method.TLS_CLIENT_METHOD,
        min_version=net_tls.Version[ctx.options.tls_version_server_min],
        max_version=net_tls.Version[ctx.options.tls_version_server_max],
        cipher_list=None,
        ecdh_curve=None,
        verify=net_tls.Verify.VERIFY_PEER,
        ca_path=None,
        ca_pemfile=ca_file,
        client_cert=None,
        legacy_server_connect=False,
    )
    made = SSL.Connection(context)
    # The name has to be verified as well as the chain, and pyOpenSSL has no public way to say so.
    library = SSL._lib  # type: ignore[attr-defined]
    parameters = library.SSL_get0_param(made._ssl)
    library.X509_VERIFY_PARAM_set_hostflags(parameters, DEFAULT_HOSTFLAGS)
    try:
        packed = ipaddress.ip_address(host).packed
        done = library.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed))
    except ValueError:
        name = host.encode("idna")
        made.set_tlsext_host_name(name)
        done = library.X509_VERIFY_PARAM_set1_host(parameters, name, len(name))
    if done != 1:
        raise OSError(f"the name {host!r} cannot be verified")
    data.conn.sni = host
    data.conn.alpn_offers = data.conn.alpn_offers or tuple(data.context.client.alpn_offers)
    if data.conn.alpn_offers:
        made.set_alpn_protos(list(data.conn.alpn_offers))
    made.set_connect_state()
    return made
