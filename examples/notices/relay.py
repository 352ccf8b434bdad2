"""Takes notices of k8s-job, checks their signature, and tells Slack, Teams and GitHub.

Each is told for which the environment has the variables named at its function.
"""

# ruff: noqa: S310, T201 (the URLs are the user's own; its output is a container's log)

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OLDEST = 300  # seconds: an older notice may be one that somebody recorded and sends again
STATES = {"PASSED": "success", "FAILED": "failure"}  # GitHub's; all else is "error"


def slack(notice: dict) -> None:
    """SLACK_URL: an incoming webhook."""
    sign = ":white_check_mark:" if notice["verdict"] == "PASSED" else ":x:"
    post(os.environ["SLACK_URL"], {"text": f"{sign} *{notice['name']}* {notice['text']}"})


def teams(notice: dict) -> None:
    """TEAMS_URL: the flow "Post to a channel when a webhook request is received"."""
    colour = "Good" if notice["verdict"] == "PASSED" else "Attention"
    lines = [
        {"type": "TextBlock", "text": notice["name"], "weight": "Bolder"},
        {"type": "TextBlock", "text": notice["text"], "color": colour, "wrap": True},
    ]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": lines}
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "content": card}
    post(os.environ["TEAMS_URL"], {"type": "message", "attachments": [attachment]})


def github(notice: dict) -> None:
    """GITHUB_REPO: owner/name; GITHUB_TOKEN: may write commit statuses; IMAGE: that was built."""
    api = os.environ.get("GITHUB_API", "https://api.github.com")
    status = {
        "state": STATES.get(notice["verdict"], "error"),
        "context": f"k8s-job/{notice['name']}",
        "description": notice["text"][:140],  # characters that GitHub takes
    }
    token = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"}
    for digest in sorted({digest for _, digest in notice["images"]}):
        if commit := commit_of(f"docker://{os.environ['IMAGE']}@{digest}"):
            post(f"{api}/repos/{os.environ['GITHUB_REPO']}/statuses/{commit}", status, token)


def commit_of(image: str) -> str:
    """Return the commit that an image was built from; docker/metadata-action writes this label."""
    label = '{{index .Labels "org.opencontainers.image.revision"}}'
    command = ["skopeo", "inspect", "--format", label, image]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() if done.returncode == 0 else ""  # another image of the target


RECEIVERS = {"SLACK_URL": slack, "TEAMS_URL": teams, "GITHUB_REPO": github}


def post(url: str, body: dict, headers: dict | None = None) -> None:
    """Post JSON."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    urllib.request.urlopen(request, timeout=10).close()


class Handler(BaseHTTPRequestHandler):
    """One notice."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.relay(body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def relay(self, body: bytes) -> int:
        """Return the HTTP status: 403 for a wrong signature, 502 if a receiver failed."""
        stamp = self.headers.get("X-K8s-Job-Timestamp", "0")
        key = Path(os.environ["NOTIFY_KEY"]).read_bytes().strip()
        right = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        said = self.headers.get("X-K8s-Job-Signature", "")
        if not hmac.compare_digest(said.encode(), f"sha256={right}".encode()):
            return 403
        if abs(time.time() - int(stamp)) > OLDEST:
            return 403
        notice, status = json.loads(body), 200
        for variable, tell in RECEIVERS.items():
            if variable in os.environ:
                try:
                    tell(notice)
                except (OSError, subprocess.SubprocessError) as error:
                    print(f"{tell.__name__}: {type(error).__name__}", file=sys.stderr)
                    status = 502  # the sender tries again: who was told already is told twice
        return status


if __name__ == "__main__":
    server = ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler)
    print(f"listening on port {server.server_port}", flush=True)
    server.serve_forever()
