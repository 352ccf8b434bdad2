"""A registry on this machine that has no image, or refuses it, or has one for other processors."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["open_registry"]

INDEX = "application/vnd.oci.image.index.v1+json"
FOREIGN = {
    "schemaVersion": 2,
    "mediaType": INDEX,
    "manifests": [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:" + "0" * 64,
            "size": 100,
            "platform": {"architecture": "s390x", "os": "linux"},
        }
    ],
}


class _Handler(http.server.BaseHTTPRequestHandler):
    # containerd tries TLS first, and plain HTTP when it sees an answer of HTTP/1.
    default_request_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if "/secret/" in self.path:
            self._answer(403, {"errors": [{"code": "DENIED", "message": "access denied"}]})
        elif "/foreign/" in self.path:
            self._answer(200, FOREIGN, INDEX)
        elif self.path == "/v2/":
            self._answer(200, {})
        else:
            self._answer(404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: object, kind: str = "application/json") -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def open_registry() -> Iterator[str]:
    """Serve on a free port of loopback, from where containerd pulls by plain HTTP."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
