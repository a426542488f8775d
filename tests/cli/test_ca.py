"""`proxycast ca`: our certificate authority, and how clients are told to trust it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from addons.cli import ca
from addons.config.home import Home


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mitmproxy's folder, with an authority: it takes a moment to make one."""
    folder = tmp_path_factory.mktemp("confdir")
    ca.certificate(folder)
    return folder


def test_an_authority_is_made_where_there_is_none(read, tmp_path: Path):
    found = read("ca")
    assert found["certificate"] == str(tmp_path / ".mitmproxy" / "mitmproxy-ca-cert.pem")
    assert (tmp_path / ".mitmproxy" / "mitmproxy-ca.pem").stat().st_mode & 0o777 == 0o600


def test_one_that_is_there_stays(read, folder: Path):
    assert read("ca", "--confdir", str(folder))["sha256"] == read("ca", "--confdir", str(folder))["sha256"]


def test_each_client_is_told_its_own_way(read, done, folder: Path, home: Home):
    clients = {
        one["client"].split(",")[0]: "\n".join(one["commands"])
        for one in read("ca", "--confdir", str(folder))["clients"]
    }
    certificate, bundle = str(folder / "mitmproxy-ca-cert.pem"), str(home.path / "ca-bundle.pem")
    assert f"NODE_EXTRA_CA_CERTS={certificate}" in clients["Claude Code"]
    assert f"CODEX_CA_CERTIFICATE={bundle}" in clients["Codex"]
    assert f"SSL_CERT_FILE={bundle}" in clients["Python: httpx (the official SDKs) and requests"]
    text = done("ca", "--confdir", str(folder))
    assert "HTTPS_PROXY=http://127.0.0.1:8080" in text
    assert "update-ca-certificates" in text
    assert "add-trusted-cert" in text


def test_the_proxys_port_is_the_configured_one(done, folder: Path, home: Home):
    home.ensure()
    home.config.write_text("[proxy]\nport = 18080\n", encoding="utf-8")
    assert "HTTPS_PROXY=http://127.0.0.1:18080" in done("ca", "--confdir", str(folder))


def test_the_bundle_holds_the_systems_roots_and_ours(done, folder: Path, tmp_path: Path):
    bundle = tmp_path / "deep" / "bundle.pem"
    done("ca", "--confdir", str(folder), "--write-bundle", str(bundle))
    assert bundle.stat().st_mode & 0o777 == 0o644
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    subjects = [str(root["subject"]) for root in context.get_ca_certs()]
    assert any("'mitmproxy'" in subject for subject in subjects)
    assert len(subjects) > 50
    done("ca", "--confdir", str(folder), "--write-bundle", str(bundle))
    assert bundle.read_text("utf-8").count("BEGIN CERTIFICATE") >= len(subjects)
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle.pem"]


def test_a_bundle_that_cannot_be_written_is_one_line(refused, folder: Path, tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "cannot write" in refused("ca", "--confdir", str(folder), "--write-bundle", str(tmp_path / "file" / "x.pem"))
