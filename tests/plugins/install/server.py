"""A web server on loopback that has what a test puts there, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Self

from tests.loopback import Answer, Asked, Loopback


@dataclass
class Server:
    """`files`: path → bytes, or (status, headers, bytes)."""

    files: dict[str, bytes | tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = Loopback(self._answer)
        self.url = self._server.url
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _answer(self, asked: Asked) -> Answer:
        self.asked.append((asked.path, asked.headers))
        found = self.files.get(asked.path, (404, {}, b"{}"))
        status, headers, body = (200, {}, found) if isinstance(found, bytes) else found
        return status, body, headers

    def release(
        self, repository: str, tag: str, assets: dict[str, bytes], *, digests: bool = True, wrong: str = ""
    ) -> None:
        """The newest release of a repository, in the shape of GitHub's API; downloads are redirected as there. The
        digest of the asset `wrong` is another file's."""
        rows = []
        for name, content in assets.items():
            path = f"/{repository}/releases/download/{tag}/{name}"
            self.files[path] = (302, {"location": f"{self.url}/objects/{tag}/{name}?sig=x"}, b"")
            self.files[f"/objects/{tag}/{name}?sig=x"] = content
            digest = "sha256:" + hashlib.sha256(b"another" if name == wrong else content).hexdigest()
            row = {"name": name, "browser_download_url": self.url + path, "size": len(content), "state": "uploaded"}
            rows.append({**row, "digest": digest if digests else None})
        answer = {"tag_name": tag, "name": tag, "draft": False, "prerelease": False, "assets": rows}
        self.files[f"/repos/{repository}/releases/latest"] = json.dumps(answer).encode()
