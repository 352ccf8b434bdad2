"""A Git server for one folder, which Argo CD and Flux read deploys from."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Repository", "serve"]

BACKEND = ("git", "http-backend")
PASSED_ON = {
    "Content-Type": "CONTENT_TYPE",
    "Content-Encoding": "HTTP_CONTENT_ENCODING",
    "Git-Protocol": "GIT_PROTOCOL",
}
AUTHOR = ("-c", "user.name=recipes", "-c", "user.email=recipes@example.com")


class Repository:
    """A repository that is served; what is written and committed is on its branch `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, message: str) -> str:
        """Commit all that lies in the folder; return the commit."""
        self._git("add", "--all")
        self._git(*AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.folder), *words], check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve the repositories in `folder` by Git's own CGI program; yield the URL."""
    handler = type("GitHandler", (_Handler,), {"root": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    root: Path

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _pass_on(self, body: bytes) -> None:
        url = urlsplit(self.path)
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
        }
        for header, variable in PASSED_ON.items():
            environment[variable] = self.headers.get(header, "")
        answer = subprocess.run(
            BACKEND, input=body, env=environment, capture_output=True, check=False
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        self.send_response(int(headers.get("Status", "200").split()[0]))
        for name, value in headers.items():
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        pass
