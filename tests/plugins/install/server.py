"""A web server on loopback that has what a test puts there, and remembers what it was asked."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class Server:
    """`files`: path → bytes, or (status, headers, bytes)."""

    files: dict[str, bytes | tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                found = server.files.get(self.path, (404, {}, b"{}"))
                status, headers, body = (200, {}, found) if isinstance(found, bytes) else found
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

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
