"""A small service on the real cluster whose rollouts tests drive."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tool.config_maps import files_config_map, package_config_map
from tests.tool.diagnosis.place import IMAGE, kubectl, wait_until

__all__ = [
    "SERVER",
    "Shop",
    "container",
    "deployment",
    "open_runs",
    "open_shop",
    "service",
    "stray",
]

SERVER = """
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))  # as process 1 it would be ignored
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("VERSION", "1").encode())
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
PORT = 8080
CONNECTIONS = 20  # with two endpoints, one that is gone is met by all but one try in a million


def container(version: str = "1", **more: Any) -> dict[str, Any]:
    """Return a container that answers every GET with its version."""
    return {
        "name": "web",
        "image": IMAGE,
        "command": ["python", "-c", SERVER],
        "env": [{"name": "VERSION", "value": version}],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        **more,
    }


def deployment(name: str, version: str = "1", replicas: int = 1, **more: Any) -> dict[str, Any]:
    """Return a Deployment with the labels of its name, part of the shop."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "shop"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [container(version, **more)],
                },
            },
        },
    }


def service(name: str) -> dict[str, Any]:
    """Return the Service before the pods with the labels of its name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]},
    }


def stray(name: str) -> dict[str, Any]:
    """Return a bare pod that answers behind the Service `name`."""
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container("stray")]}
    metadata = {"name": f"stray-{name}", "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@dataclass(frozen=True)
class Shop:
    """A namespace with the Deployments and Services of a shop."""

    namespace: str

    def kubectl(self, *words: str, text: str | None = None, check: bool = True) -> str:
        """Run kubectl in the namespace."""
        return kubectl("-n", self.namespace, *words, text=text, check=check)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", text=json.dumps(items))

    def wait(self, name: str) -> None:
        """Wait until the rollout of a Deployment is over and nothing older is left."""
        self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")

        def alone() -> bool:
            pods = json.loads(self.kubectl("get", "pods", "-l", f"app={name}", "-o", "json"))
            wanted = self.kubectl("get", f"deployment/{name}", "-o", "jsonpath={.spec.replicas}")
            return len(pods["items"]) == int(wanted)

        wait_until(alone, f"the pods of {name}")
        if address := self.kubectl(
            "get", "service", name, "--ignore-not-found", "-o", "jsonpath={.spec.clusterIP}"
        ):
            wait_until(lambda: is_routed(address), f"no route to a pod of {name} that is gone")


def is_routed(address: str) -> bool:
    """Whether many connections in a row to a Service succeed: its nodes know the endpoints."""
    try:
        for _ in range(CONNECTIONS):
            socket.create_connection((address, 80), timeout=0.5).close()
    except OSError:
        return False
    return True


@contextmanager
def open_runs(folder: Path, suite: str) -> Iterator[str]:
    """Make a namespace for runs of one file of tests; return its name and delete it at the end."""
    name = f"runs-{secrets.token_hex(3)}"
    (folder / "test_shop.py").write_text(suite)
    kubectl("create", "namespace", name)
    try:
        for each in (package_config_map(), files_config_map("suite", folder)):
            kubectl("-n", name, "create", "-f", "-", text=each)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def open_shop(*objects: dict[str, Any]) -> Iterator[Shop]:
    """Make a namespace with these objects; delete it at the end."""
    shop = Shop(f"shop-{secrets.token_hex(3)}")
    kubectl("create", "namespace", shop.namespace)
    try:
        if objects:
            shop.apply(*objects)
        yield shop
    finally:
        kubectl("delete", "namespace", shop.namespace, "--wait=false")
