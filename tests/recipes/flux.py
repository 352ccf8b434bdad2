"""Flux: a Kustomization that is ready when what it applied was validated."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from tests.recipes import controllers
from tests.recipes.cases import Case
from tests.recipes.place import RECIPES, Place, documents, set_tests
from tests.recipes.recipe import GOOD, Recipe

__all__ = ["Flux"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


class Flux(Recipe):
    """A Kustomization; source-controller does not build here, so its work is done by hand."""

    name = "flux"
    ran = "kustomize-controller 1.9.6 as a process, without source-controller"

    @contextmanager
    def installed(self, folder: Path) -> Iterator[None]:
        """Have its controller at work, and a server of artifacts."""
        self._served = folder / "artifacts"
        self._served.mkdir()
        handler = partial(_Quiet, directory=str(self._served))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            self._url = f"http://127.0.0.1:{server.server_port}"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with controllers.kustomize_controller(folder / "log"):
                yield
            server.shutdown()

    def prepare(self, place: Place) -> None:
        """Deploy version 1 and wait until it is ready, and so validated."""
        objects = documents((self.folder / "flux.yaml").read_text())
        for each in objects:
            if each["kind"] == "Kustomization":
                each["spec"]["targetNamespace"] = place.namespace
        place.apply(objects)
        self._publish(place, GOOD, "1")
        if not self._wait(place):
            raise RuntimeError(f"version 1: {place.shown}")

    def change_tests(self, place: Place, case: Case) -> None:
        """Leave it: the tests come with the commit."""

    def deploy(self, place: Place, case: Case) -> bool:
        """Publish a new version, and see whether the Kustomization gets ready."""
        self._publish(place, case, case.version)
        accepted = self._wait(place)
        place.show("kubectl", "get", "kustomization", "demo")
        place.show("kubectl", "logs", "job/validate")
        return accepted

    def remove(self, place: Place) -> None:
        """Delete the Kustomization, which has a finalizer."""
        place.kubectl("delete", "kustomization", "demo", "--ignore-not-found")

    def _publish(self, place: Place, case: Case, version: str) -> None:
        """Do what source-controller does after a commit: offer an archive, and write its status."""
        source = place.folder / f"commit-{version}"
        for name in ("demo", "flux"):
            shutil.copytree(RECIPES / name, source / name)
        tests = source / "demo" / "base" / "tests.yaml"
        (cronjob,) = documents(tests.read_text())
        set_tests(cronjob, case)
        tests.write_text(yaml.safe_dump(cronjob))
        kustomization = source / "flux" / "deploy" / "kustomization.yaml"
        (content,) = documents(kustomization.read_text())
        content["images"][0]["newTag"] = version
        kustomization.write_text(yaml.safe_dump(content))
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            tar.add(source, ".")
        data = archive.getvalue()
        digest = hashlib.sha256(data).hexdigest()
        name = f"{place.namespace}-{version}.tar.gz"
        (self._served / name).write_bytes(data)
        self._revision = f"main@sha1:{digest[:40]}"
        artifact = {
            "digest": f"sha256:{digest}",
            "lastUpdateTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "path": name,
            "revision": self._revision,
            "size": len(data),
            "url": f"{self._url}/{name}",
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": artifact["lastUpdateTime"],
        }
        status = {"observedGeneration": 1, "artifact": artifact, "conditions": [ready]}
        patch = json.dumps({"status": status})
        where = ("patch", "gitrepository", "demo", "--type=merge", "--subresource=status")
        place.kubectl(*where, f"--patch={patch}")

    def _wait(self, place: Place) -> bool:
        """Wait until Flux has decided on the newest revision; return whether it is ready."""
        return bool(place.wait("a decision", lambda: self._decision(place)) == "True")

    def _decision(self, place: Place) -> str:
        status = place.read("kustomization", "demo").get("status", {})
        if status.get("lastAttemptedRevision") != self._revision:
            return ""
        for each in status.get("conditions", ()):
            if each["type"] == "Ready" and each["status"] != "Unknown":
                return str(each["status"])
        return ""
