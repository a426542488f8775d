"""Plugins for tests, written into a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MANIFEST = """
id = "{id}"
name = "Acme AI"
protocols = ["openai_chat"]
base_url = "{url}"
auth_header = "Authorization"
auth_prefix = "Bearer "
models = ["acme-*"]

[credential_schema]
type = "object"
required = ["secret"]
[credential_schema.properties.secret]
type = "string"
"""
CODE = """
from addons.providers.api import Provider

from .marks import MARK


class Acme(Provider):
    def auth_headers(self, credential, protocol=""):
        return [*super().auth_headers(credential, protocol), ("x-acme", MARK)]


def create(manifest):
    return Acme(manifest)
"""
#: A program that is a plugin of sorts.
PROGRAM = """#!/bin/sh
while read -r line; do
  id=$(printf '%s' "$line" | sed 's/.*"id":\\([^,}]*\\).*/\\1/')
  printf '{"jsonrpc":"2.0","id":%s,"result":{"protocol_version":1,"implements":[]}}\\n' "$id"
done
"""


def described(name: str = "acme", **more: Any) -> dict[str, Any]:
    """What its plugin.json says."""
    return {"name": name, "version": "1.0.0", "plugin_type": "provider", **more}


def write(
    plugins: Path,
    name: str = "acme",
    *,
    id: str | None = None,
    url: str = "https://api.acme.example/v1",
    manifest: str | None = "",
    json_: dict[str, Any] | None = None,
    files: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
) -> Path:
    """A plugin's folder: `manifest` is its manifest.toml ("" = one that works, None = none), `files` what else there
    is."""
    folder = plugins / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plugin.json").write_text(json.dumps(json_ if json_ is not None else described(name)), "utf-8")
    if manifest is not None:
        (folder / "manifest.toml").write_text(manifest or MANIFEST.format(id=id or name, url=url), "utf-8")
    for path, text in (files or {}).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


def with_code(mark: str, code: str = CODE) -> dict[str, str]:
    """The files of one that marks its requests, in a module beside its own."""
    return {"__init__.py": code, "marks.py": f"MARK = {mark!r}\n"}


def package(site: Path, name: str = "acme") -> None:
    """A Python package as pip leaves it, with an entry point of that name."""
    write(site, f"{name}_proxycast", id=name, files=with_code("packaged"))
    info = site / f"{name}_proxycast-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-proxycast\nVersion: 2.5\nSummary: Packaged\n")
    (info / "entry_points.txt").write_text(f"[proxycast.providers]\n{name} = {name}_proxycast\n")


def replace_file(path: Path, text: str) -> None:
    """As an editor writes it: another inode, the same second."""
    before = path.stat()
    path.with_name(".new").write_text(text, "utf-8")
    path.with_name(".new").replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
