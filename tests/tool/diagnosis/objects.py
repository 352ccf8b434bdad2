"""Objects that the faults are made of: short to write, quick to start and to end."""

from __future__ import annotations

from typing import Any

from tests.tool.diagnosis.place import IMAGE

__all__ = [
    "SLEEP",
    "config_map",
    "container",
    "deployment",
    "job",
    "pod_spec",
    "server",
    "service",
]

Object = dict[str, Any]
SLEEP = ["python", "-c", "import time; time.sleep(600)"]
SERVE = """\
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
status = int(os.environ.get("STATUS", "200"))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if status < 0:
            time.sleep(60)
        if status == 0:
            self.connection.setsockopt(1, 13, b"\\1\\0\\0\\0\\0\\0\\0\\0")
            self.connection.close()
            return
        body = b"redis does not answer" if status >= 500 else b"fine"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
"""


def container(command: list[str] | None = None, name: str = "main", **more: Any) -> Object:
    """Return a container of the local test image."""
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}}
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": command or SLEEP,
        "resources": resources,
        **more,
    }


def pod_spec(main: Object | None = None, **more: Any) -> Object:
    """Return the spec of a pod of one container."""
    grace = {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    return {**grace, "containers": [main or container()], **more}


def job(spec: Object | None = None, name: str = "suite", **more: Any) -> Object:
    """Return a Job as the tool creates it."""
    template = {"spec": {"restartPolicy": "Never", **(spec or pod_spec())}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **more},
    }


def deployment(spec: Object | None = None, name: str = "api", **more: Any) -> Object:
    """Return a Deployment whose pods are labelled with its name."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec or pod_spec()}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **more},
    }


def service(name: str = "api", port: int = 80, target: int | str = 8080, **selector: str) -> Object:
    """Return a Service for the pods of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": selector or {"app": name},
            "ports": [{"port": port, "targetPort": target}],
        },
    }


def config_map(name: str, **data: str) -> Object:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def server(status: int = 200, port: int = 8080, probe: bool = True, **more: Any) -> Object:
    """Return a container that answers each GET with `status`; 0 resets, -1 hangs.

    It is ready when it answers with 200, or, without `probe`, as soon as it listens.
    """
    asked = (
        {"httpGet": {"path": "/readyz", "port": port}} if probe else {"tcpSocket": {"port": port}}
    )
    return container(
        ["python", "-c", SERVE],
        env=[{"name": "STATUS", "value": str(status)}, {"name": "PORT", "value": str(port)}],
        ports=[{"name": "http", "containerPort": port}],
        readinessProbe={**asked, "periodSeconds": 1},
        **more,
    )
