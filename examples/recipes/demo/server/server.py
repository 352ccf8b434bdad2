"""A service that adds two numbers. Version 3 adds them wrongly."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

VERSION = Path("/version").read_text().strip()
ERROR = 1 if VERSION == "3" else 0


class Handler(BaseHTTPRequestHandler):
    """Answers GET /version and GET /sum?a=1&b=2."""

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/version":
            self.answer(200, {"version": VERSION})
        elif url.path == "/sum":
            numbers = dict(parse_qsl(url.query))
            self.answer(200, {"sum": int(numbers["a"]) + int(numbers["b"]) + ERROR})
        else:
            self.answer(404, {"title": "Not Found"})

    def answer(self, status, value):
        """Send a JSON value."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Log nothing: the probe asks each second."""


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
