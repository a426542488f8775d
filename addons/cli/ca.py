"""`proxycast ca`: how each client is told to trust the intercepting proxy's certificate authority."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import certifi
import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from addons.cli.context import Context, fail, guarded, json_option, pass_context

#: Where systems keep their roots as one file: Debian, Fedora, SUSE, Alpine and macOS.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_BASENAME, _KEY_SIZE = "mitmproxy", 2048


@dataclass(frozen=True, slots=True)
class Client:
    """How one kind of client is told; {ca} is our certificate alone, {bundle} the system's roots with ours."""

    name: str
    note: str
    commands: tuple[str, ...]


#: clients.md §9; field.md, cases 98 to 102.
CLIENTS = (
    Client(
        "Claude Code, Gemini CLI, Qwen Code, opencode, other programs on Node or Bun",
        "added to their own roots",
        ("export HTTPS_PROXY={proxy}", "export NODE_EXTRA_CA_CERTS={ca}"),
    ),
    Client(
        "Node's built-in fetch",
        "does not look at HTTPS_PROXY by itself",
        ("export HTTPS_PROXY={proxy}", "export NODE_USE_ENV_PROXY=1", "export NODE_EXTRA_CA_CERTS={ca}"),
    ),
    Client(
        "Codex, other programs on rustls",
        "needs the system's roots too: hosts that are not decrypted keep their own certificates",
        ("export HTTPS_PROXY={proxy}", "export CODEX_CA_CERTIFICATE={bundle}", "export SSL_CERT_FILE={bundle}"),
    ),
    Client(
        "Python: httpx (the official SDKs) and requests",
        "the file replaces their roots, so it must be the bundle",
        ("export HTTPS_PROXY={proxy}", "export SSL_CERT_FILE={bundle}", "export REQUESTS_CA_BUNDLE={bundle}"),
    ),
    Client(
        "curl",
        "",
        ("curl --proxy {proxy} --cacert {ca} https://api.anthropic.com/",),
    ),
    Client(
        "the system's store on Debian and Ubuntu (every program that uses it; take it out again when done)",
        "undo: sudo rm /usr/local/share/ca-certificates/proxycast.crt && sudo update-ca-certificates --fresh",
        ("sudo cp {ca} /usr/local/share/ca-certificates/proxycast.crt", "sudo update-ca-certificates"),
    ),
    Client(
        "the system's store on macOS",
        "undo: sudo security delete-certificate -c mitmproxy /Library/Keychains/System.keychain",
        ("sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}",),
    ),
)


def certificate(folder: Path) -> Path:
    """mitmproxy's certificate in `folder`; the authority is made there if there is none."""
    from mitmproxy.certs import CertStore

    CertStore.from_store(folder, _BASENAME, _KEY_SIZE)
    return folder / f"{_BASENAME}-ca-cert.pem"


def system_roots() -> Path:
    """The file of the roots that this system trusts; certifi's where the system has none."""
    known = (ssl.get_default_verify_paths().cafile, *SYSTEM_BUNDLES)
    return next((Path(path) for path in known if path and Path(path).is_file()), Path(certifi.where()))


def write_bundle(path: Path, ca: Path) -> Path:
    """Roots of the system and `ca` in one file that every user may read; → where the roots came from."""
    roots = system_roots()
    text = roots.read_text("utf-8", errors="replace").rstrip("\n") + "\n" + ca.read_text("ascii")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)
    return roots


def details(ca: Path) -> dict[str, Any]:
    """What a person compares: subject, end and fingerprint."""
    parsed = x509.load_pem_x509_certificate(ca.read_bytes())
    until: datetime = parsed.not_valid_after_utc
    return {
        "certificate": str(ca),
        "subject": parsed.subject.rfc4514_string(),
        "valid_until": until.date().isoformat(),
        "sha256": parsed.fingerprint(hashes.SHA256()).hex(":").upper(),
    }


@click.command("ca")
@click.option(
    "--write-bundle",
    "bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the system's roots together with ours to this file.",
)
@click.option(
    "--confdir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("~/.mitmproxy"),
    show_default=True,
    help="mitmproxy's folder, if you have moved it.",
)
@json_option
@pass_context
@guarded
def ca(context: Context, bundle: Path | None, confdir: Path, as_json: bool) -> None:
    """How each client is told to trust the intercepting proxy. Only inference hosts are ever decrypted."""
    settings = context.settings()
    path = certificate(confdir.expanduser())
    where = bundle.expanduser().absolute() if bundle else context.home.path / "ca-bundle.pem"
    try:
        roots = write_bundle(where, path) if bundle else None
    except OSError as error:
        fail(f"cannot write {where}: {error.strerror}")
    proxy = f"http://{settings.gateway.host}:{settings.proxy.port}"
    clients = [
        {
            "client": client.name,
            "note": client.note,
            "commands": [line.format(proxy=proxy, ca=path, bundle=where) for line in client.commands],
        }
        for client in CLIENTS
    ]
    found = {**details(path), "bundle": str(where) if where.exists() else None, "clients": clients}
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo(f"certificate  {path}\nvalid until  {found['valid_until']}\nSHA-256      {found['sha256']}")
    if roots is not None:
        click.echo(f"bundle       {where} (with the roots of {roots})")
    elif not where.exists():
        click.echo(f"bundle       not written yet: proxycast ca --write-bundle {where}")
    for client in clients:
        click.echo(f"\n{client['client']}" + (f"\n  # {client['note']}" if client["note"] else ""))
        for line in client["commands"]:
            click.echo(f"  {line}")
