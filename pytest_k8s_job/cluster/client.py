"""The real cluster: the one module that imports the `kubernetes` client.

Only its kubeconfig, authentication and transport are used. The classes with a method for each
call cost half a second of imports; its models, watches and log iterator are left aside as well:
answers are read as plain JSON, and log bytes as they come, since the client's own line splitting
loses an unfinished last line.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3

from kubernetes import client
from kubernetes import config as kubeconfig_files
from pytest_k8s_job.cluster.objects import INDEX_LABEL, JOB_LABEL, created, labels_of
from pytest_k8s_job.cluster.pods import JobRef, PodState, read_pod
from pytest_k8s_job.cluster.suite_container import suite_container
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError, UsageError

__all__ = ["KubernetesCluster", "connect"]

_files: Any = kubeconfig_files  # without annotations

READ_SECONDS = 5.0  # for an answer to a diagnosis, which asks much and is awaited
REQUEST_SECONDS = 10.0  # for an answer; the API server's own limit is 60 s
SILENCE_SECONDS = 60.0  # of a log stream; the agent sends a heartbeat every 20 s
READ_BYTES = 1 << 16
JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
JOB = JOBS + "/{name}"
PODS = "/api/v1/namespaces/{namespace}/pods"
LOG = PODS + "/{name}/log"
REMEDY = "Set KUBECONFIG, or name a file with --kubeconfig (pytest: --k8s-kubeconfig)."
EXEC_SECONDS = 30.0  # for a command in the container
EXEC_BYTES = 64 << 20  # of its output; the journal answers in pieces far below that
EXEC_ERRORS = 3  # channel of a websocket that says how the command ended
SELECTOR_NAMES = 20  # Jobs named in one selector, which becomes a part of the URL


def connect(kubeconfig: str | None = None, context: str | None = None) -> KubernetesCluster:
    """Return the cluster of `context` (default: the current one) in `kubeconfig`.

    Without a file, `KUBECONFIG` and ~/.kube/config count; inside a pod, its service account.
    """
    settings = client.Configuration()
    settings.retries = False  # the callers retry, and say so
    try:
        _files.load_kube_config(kubeconfig, context, settings, persist_config=False)
        _, current = _files.list_kube_config_contexts(kubeconfig)
    except (kubeconfig_files.ConfigException, OSError) as error:
        if kubeconfig or context:
            raise UsageError(f"kubeconfig: {error}") from error
        return _from_inside(settings, error)
    found = _named(context, kubeconfig) if context else current
    namespace = found["context"].get("namespace") or "default"
    return KubernetesCluster(settings, found["name"], namespace)


def _from_inside(settings: client.Configuration, outside: Exception) -> KubernetesCluster:
    try:
        _files.load_incluster_config(settings)
    except kubeconfig_files.ConfigException:
        raise UsageError(f"no cluster to run in: {outside} {REMEDY}") from outside
    return KubernetesCluster(settings, "in-cluster", "default")


def _named(context: str, kubeconfig: str | None) -> dict[str, Any]:
    contexts, _ = _files.list_kube_config_contexts(kubeconfig)
    return next(dict(each) for each in contexts if each["name"] == context)


class KubernetesCluster:
    """`Cluster` by the API of a real API server."""

    def __init__(self, settings: client.Configuration, context: str, namespace: str) -> None:
        self._context = context
        self._namespace = namespace
        # A refused connection is told to the user once, by the caller.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        self._api: Any = client.ApiClient(settings)  # without annotations
        self._settings = settings
        self._server = settings.host

    @property
    def server(self) -> str:
        """Address of the API server."""
        return str(self._server)

    @property
    def namespace(self) -> str:
        """The namespace of the context."""
        return self._namespace

    def describe(self) -> str:
        return f"context {self._context}"

    def create(self, job: Mapping[str, Any]) -> JobRef:
        metadata = job["metadata"]
        namespace = metadata.get("namespace") or self._namespace
        container = suite_container(job["spec"]["template"])["name"]
        self._call("POST", JOBS, namespace=namespace, body=job)
        return JobRef(namespace, metadata["name"], container)

    def find(self, namespace: str | None, name: str) -> dict[str, Any]:
        return self._get(JOB, namespace=namespace or self._namespace, name=name)

    def jobs(self, namespace: str | None) -> list[dict[str, Any]]:
        """Return the Job objects of `namespace`, or of the context's."""
        return list(self._get(JOBS, namespace=namespace or self._namespace)["items"])

    def pods(self, jobs: Sequence[JobRef]) -> dict[JobRef, PodState]:
        names = sorted({job.name for job in jobs})
        few = len(names) <= SELECTOR_NAMES
        selector = f"{JOB_LABEL} in ({','.join(names)})" if few else JOB_LABEL
        found = self._get(PODS, {"labelSelector": selector}, namespace=jobs[0].namespace)["items"]
        found.sort(key=created, reverse=True)  # of several pods of one place, the first counts
        by_place = {place: pod for pod in found for place in _places(pod)}
        wanted = {job: by_place.get((job.name, job.shard)) for job in jobs}
        return {job: read_pod(pod, job.container) for job, pod in wanted.items() if pod}

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return the body at `path` and the server's clock, 0 if it is missing."""
        with self._errors():
            request = self._api.param_serialize(
                "GET", path, header_params={"Accept": accept}, auth_settings=["BearerToken"]
            )
            answer = self._api.call_api(*request, _request_timeout=READ_SECONDS).response
            body = bytes(answer.data)
            if not 200 <= answer.status < 300:
                raise _cluster_error(answer.status, body, answer.reason)
        date = answer.headers.get("Date")
        return body, parsedate_to_datetime(date).timestamp() if date else 0.0

    def log(self, job: JobRef, pod: str, since: int | None) -> Iterator[bytes]:
        query = {"follow": "true", "container": job.container}
        if since is not None:
            query["sinceSeconds"] = str(since)
        seconds = (REQUEST_SECONDS, SILENCE_SECONDS)
        answer = self._call("GET", LOG, query, seconds, namespace=job.namespace, name=pod)
        try:
            if answer.status == 204:
                raise NotReadyError(f"pod {pod} is not on a node yet", 204)
            with self._errors():
                yield from answer.stream(READ_BYTES)
        finally:
            answer.close()

    def exec(self, job: JobRef, pod: str, command: Sequence[str]) -> bytes:
        from kubernetes.stream import stream  # noqa: PLC0415 (50 ms that hardly a run needs)

        # A client of its own: while it connects, `stream` changes how the client works.
        core: Any = client.CoreV1Api(client.ApiClient(self._settings))
        with self._errors():
            socket = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                job.namespace,
                container=job.container,
                command=list(command),
                stdin=False,
                stdout=True,
                stderr=False,
                tty=False,
                binary=True,
                _preload_content=False,
            )
            try:
                return _read_all(socket)
            finally:
                socket.close()

    def delete(self, job: JobRef) -> None:
        query = {"propagationPolicy": "Background"}
        with suppress(GoneError):
            self._call("DELETE", JOB, query, namespace=job.namespace, name=job.name)

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, **names: str
    ) -> dict[str, Any]:
        answer = self._call("GET", path, query, REQUEST_SECONDS, **names)
        with self._errors():
            return dict(json.loads(answer.data))

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        seconds: float | tuple[float, float] = REQUEST_SECONDS,
        body: object = None,
        **names: str,
    ) -> Any:
        """Return the answer of the API server, with its body not yet read."""
        with self._errors():
            request = self._api.param_serialize(
                method,
                path,
                path_params=names,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json"},
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = self._api.call_api(*request, _request_timeout=seconds).response
            if not 200 <= answer.status < 300:
                raise _cluster_error(answer.status, answer.data, answer.reason)
        return answer

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the client's exceptions into ours."""
        try:
            yield
        except client.ApiException as error:  # the TLS handshake failed
            raise _cluster_error(error.status, error.body, error.reason) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            text = f"the API server {self._server} does not answer: {error}"
            raise ClusterError(text) from error


def _places(pod: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    """Yield the places of a pod: in its Job, and in its shard."""
    labels = labels_of(pod)
    yield labels[JOB_LABEL], None
    if index := labels.get(INDEX_LABEL):
        yield labels[JOB_LABEL], int(index)


def _read_all(socket: Any) -> bytes:
    """Return the stdout of the command behind `socket`, bounded in time and size."""
    output = bytearray()
    end = time.monotonic() + EXEC_SECONDS
    while socket.is_open():
        left = end - time.monotonic()
        if left <= 0 or len(output) > EXEC_BYTES:
            raise ClusterError("a command in the container said too much or took too long")
        socket.update(timeout=left)
        output += socket.read_channel(1)
    status = json.loads(socket.read_channel(EXEC_ERRORS) or b"{}")
    if status.get("status") != "Success":
        raise ClusterError(f"a command in the container failed: {status.get('message')}")
    return bytes(output)


def _cluster_error(status: int | None, body: object, reason: object) -> ClusterError:
    status = status or _handshake_status(str(reason))
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        message = json.loads(str(text))["message"]
    except (TypeError, ValueError, KeyError):
        message = text or reason or "no reason given"
    said = f"the API server refused ({status}): {str(message).strip()}"
    if status == 404:
        return GoneError(said, 404)
    if status == 400:
        return NotReadyError(said, 400)
    return ClusterError(said, status)


def _handshake_status(reason: str) -> int:
    """Return the HTTP status of a refused websocket, which the client puts into a text."""
    match = re.match(r"Handshake status (\d{3})", reason)
    return int(match[1]) if match else 0
