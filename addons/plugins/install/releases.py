"""The newest release of a GitHub repository, in the shape of GitHub's REST API, and which of its files are wanted.

Shape: `GET /repos/{owner}/{repo}/releases/latest` → `tag_name`, `assets[]` with `name`, `browser_download_url` and, for
files uploaded since June 2025, `digest` ("sha256:…"). https://docs.github.com/en/rest/releases/releases
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from addons.plugins.folder import PluginError
from addons.plugins.install.archive import is_archive
from addons.plugins.install.download import Downloads, NotFoundError
from addons.plugins.platforms import PLATFORMS, here

#: Names another server of that API, such as a company's own GitHub.
API_VARIABLE = "PROXYCAST_GITHUB_API"
API = "https://api.github.com"
#: Where releases without a `checksum_file` in their plugin.json commonly keep their sums.
SUMS = ("checksums.txt", "SHA256SUMS", "SHA256SUMS.txt", "sha256sums.txt", "checksums.sha256")
#: A plugin's page, where it is not part of the plugin's archive.
PAGES = ("dist.zip", "dist.tar.gz", "ui.zip", "ui.tar.gz")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a release; `sha256` as its server says, "" = it says nothing."""

    name: str
    url: str
    sha256: str = ""


class _Asset(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    browser_download_url: str
    digest: str | None = None


class _Release(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tag_name: str
    assets: list[_Asset] = []


@dataclass(frozen=True, slots=True)
class Release:
    """`version` is the tag from its first digit on."""

    version: str
    assets: Mapping[str, Asset]

    def plugin_archive(self, repo: str) -> Asset:
        """The one archive that is the plugin for this machine; raises PluginError."""
        archives = [a for a in self.assets.values() if is_archive(a.name) and a.name.lower() not in PAGES]
        mine = [a for a in archives if here() in a.name.lower()]
        general = [a for a in archives if not any(platform in a.name.lower() for platform in PLATFORMS)]
        chosen: Sequence[Asset] = mine or general
        if len(chosen) > 1:
            chosen = [a for a in chosen if a.name.lower().startswith(repo.lower())] or chosen
        if len(chosen) != 1:
            names = ", ".join(self.assets) or "nothing"
            raise PluginError(f"the release has no plugin.json and not one archive for {here()}; it has: {names}")
        return chosen[0]


def latest(owner: str, repo: str, downloads: Downloads) -> Release:
    """Raises PluginError."""
    api = os.environ.get(API_VARIABLE) or API
    url = f"{api.rstrip('/')}/repos/{owner}/{repo}/releases/latest"
    try:
        release = _Release.model_validate_json(downloads.text(url, "application/vnd.github+json"))
    except NotFoundError:
        raise PluginError(f"{owner}/{repo} has no release that can be seen without an account") from None
    except ValidationError as error:
        raise PluginError(f"{url}: not the answer of GitHub's API: {error.errors()[0]['msg']}") from error
    assets = {a.name: Asset(a.name, a.browser_download_url, _sha256(a.digest)) for a in release.assets}
    digits = re.search(r"\d.*", release.tag_name)
    return Release(digits[0] if digits else release.tag_name, assets)


def _sha256(digest: str | None) -> str:
    kind, _, value = (digest or "").partition(":")
    return value.lower() if kind == "sha256" else ""
