"""The real cluster: the one module that imports the `kubernetes` client.

It is imported only where it is needed: for a kubeconfig that is not plain (plug-ins, proxies, OIDC,
service accounts) and to run a command in a container. Requests go through urllib3, which it uses
as well: answers are read as plain JSON, and log bytes as they come, since the client's own line
splitting loses an unfinished last line.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from pytest_k8s_job.cluster.connection import Connection, cluster_error
from pytest_k8s_job.cluster.kubeconfig import read_plain
from pytest_k8s_job.cluster.objects import INDEX_LABEL, JOB_LABEL, created, labels_of
from pytest_k8s_job.cluster.pods import JobRef, PodState, read_pod
from pytest_k8s_job.cluster.suite_container import suite_container
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError, UsageError

__all__ = ["KubernetesCluster", "connect"]

READ_SECONDS = 5.0  # for an answer to a diagnosis, which asks much and is awaited
REQUEST_SECONDS = 10.0  # for an answer; the API server's own limit is 60 s
SILENCE_SECONDS = 60.0  # of a log stream; the agent sends a heartbeat every 20 s
READ_BYTES = 1 << 16
WATCH_SECONDS = 330.0  # of silence; the server ends a watch after 300 s
JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
JOB = JOBS + "/{name}"
PODS = "/api/v1/namespaces/{namespace}/pods"
LOG = PODS + "/{name}/log"
REMEDY = "Set KUBECONFIG, or name a file with --kubeconfig (pytest: --k8s-kubeconfig)."
SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
EXEC_SECONDS = 30.0  # for a command in the container
EXEC_BYTES = 64 << 20  # of its output; the journal answers in pieces far below that
EXEC_STDOUT = b"\x01"  # first byte of a frame: its channel
EXEC_ERRORS = b"\x03"  # the channel that says how the command ended
SELECTOR_NAMES = 20  # Jobs named in one selector, which becomes a part of the URL


def connect(kubeconfig: str | None = None, context: str | None = None) -> KubernetesCluster:
    """Return the cluster of `context` (default: the current one) in `kubeconfig`.

    Without a file, `KUBECONFIG` and ~/.kube/config count; inside a pod, its service account.
    """
    connection = read_plain(kubeconfig, context)
    if connection is None:
        connection = _read_officially(*_load(kubeconfig, context))
    return KubernetesCluster(connection, lambda: _load(kubeconfig, context)[0])


def _load(kubeconfig: str | None, context: str | None) -> tuple[Any, str, str]:
    """Let the official client read the kubeconfig; return its settings, context and namespace."""
    from kubernetes import client, config  # noqa: PLC0415 (a quarter of a second, mostly OAuth)

    files: Any = config  # without annotations
    settings = client.Configuration()
    settings.retries = False  # the callers retry, and say so
    try:
        files.load_kube_config(kubeconfig, context, settings, persist_config=False)
        contexts, current = files.list_kube_config_contexts(kubeconfig)
    except (config.ConfigException, OSError) as error:
        if kubeconfig or context:
            raise UsageError(f"kubeconfig: {error}") from error
        try:
            files.load_incluster_config(settings)
        except config.ConfigException:
            raise UsageError(f"no cluster to run in: {error} {REMEDY}") from error
        own = SERVICE_ACCOUNT_NAMESPACE.read_text("utf-8").strip()
        return settings, "in-cluster", own or "default"
    found = next(each for each in contexts if each["name"] == context) if context else current
    return settings, found["name"], found["context"].get("namespace") or "default"


def _read_officially(settings: Any, context: str, namespace: str) -> Connection:
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415 (as above)

    rest: Any = RESTClientObject  # without annotations

    def authorization() -> str | None:
        found = settings.auth_settings().get("BearerToken")  # renews a token that has run out
        return str(found["value"]) if found else None

    pool = rest(settings).pool_manager
    return Connection(settings.host, context, namespace, pool, authorization)


class KubernetesCluster:
    """`Cluster` by the API of a real API server."""

    def __init__(self, connection: Connection, official_settings: Callable[[], Any]) -> None:
        self._connection = connection
        self._official_settings = official_settings
        # A refused connection is told to the user once, by the caller.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

    @property
    def server(self) -> str:
        """Address of the API server."""
        return self._connection.server

    @property
    def namespace(self) -> str:
        """The namespace of the context."""
        return self._connection.namespace

    def describe(self) -> str:
        return f"context {self._connection.context}"

    def create(self, job: Mapping[str, Any]) -> JobRef:
        metadata = job["metadata"]
        namespace = metadata.get("namespace") or self.namespace
        container = suite_container(job["spec"]["template"])["name"]
        answer = self._call("POST", JOBS, namespace=namespace, body=job)
        with self._connection.errors():
            uid = json.loads(answer.data)["metadata"]["uid"]
        return JobRef(namespace, metadata["name"], container, uid=uid)

    def find(self, namespace: str | None, name: str) -> dict[str, Any]:
        return self._get(JOB, namespace=namespace or self.namespace, name=name)

    def jobs(self, namespace: str | None) -> list[dict[str, Any]]:
        """Return the Job objects of `namespace`, or of the context's."""
        return list(self._get(JOBS, namespace=namespace or self.namespace)["items"])

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
        answer = self._connection.request("GET", path, READ_SECONDS, accept=accept)
        with self._connection.errors():
            body = bytes(answer.data)
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
            with self._connection.errors():
                yield from answer.stream(READ_BYTES)
        finally:
            answer.close()

    def changes(self, path: str) -> Iterator[bytes]:
        """Yield at each change of a list of objects, until the server ends the watch."""
        version = self.send("GET", f"{path}?limit=1")["metadata"]["resourceVersion"]
        query = urlencode({"watch": "true", "resourceVersion": version, "timeoutSeconds": "300"})
        seconds = (REQUEST_SECONDS, WATCH_SECONDS)
        answer = self._connection.request("GET", f"{path}?{query}", seconds)
        try:
            with self._connection.errors():
                yield from answer.stream(READ_BYTES)
        finally:
            answer.close()

    def exec(self, job: JobRef, pod: str, command: Sequence[str]) -> bytes:
        from kubernetes.stream import stream  # noqa: PLC0415

        from kubernetes import client  # noqa: PLC0415 (websockets, which hardly a run needs)

        core: Any = client.CoreV1Api(client.ApiClient(self._official_settings()))
        wanted = {"stdin": False, "stdout": True, "stderr": False, "tty": False, "binary": True}
        with self._connection.errors():
            try:
                socket = stream(
                    core.connect_get_namespaced_pod_exec,
                    pod,
                    job.namespace,
                    container=job.container,
                    command=list(command),
                    _preload_content=False,
                    **wanted,
                )
            except client.ApiException as error:
                raise cluster_error(error.status, error.body, error.reason) from error
            try:
                return _read_all(socket)
            finally:
                socket.close()

    def send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the API server's answer to any request; a PATCH is a merge patch."""
        answer = self._connection.request(method, path, REQUEST_SECONDS, body)
        with self._connection.errors():
            return dict(json.loads(answer.data))

    def delete(self, job: JobRef) -> None:
        query = {"propagationPolicy": "Background"}
        with suppress(GoneError):
            self._call("DELETE", JOB, query, namespace=job.namespace, name=job.name)

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, **names: str
    ) -> dict[str, Any]:
        answer = self._call("GET", path, query, REQUEST_SECONDS, **names)
        with self._connection.errors():
            return dict(json.loads(answer.data))

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        seconds: float | tuple[float, float] = REQUEST_SECONDS,
        body: object = None,
        **names: str,
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer to a request for the object with these `names`."""
        path = path.format(**{key: quote(name, safe="") for key, name in names.items()})
        if query:
            path += f"?{urlencode(query)}"
        return self._connection.request(method, path, seconds, body)


def _places(pod: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    """Yield the places of a pod: in its Job, and in its shard."""
    labels = labels_of(pod)
    yield labels[JOB_LABEL], None
    if index := labels.get(INDEX_LABEL):
        yield labels[JOB_LABEL], int(index)


def _read_all(socket: Any) -> bytes:
    """Return the stdout of the command behind `socket`, bounded in time and size.

    Frames are read here: the client adds each to all that it holds, 78 s long for 48 MiB.
    """
    from websocket import ABNF, WebSocketException  # noqa: PLC0415 (as the client that needs it)

    output, status = bytearray(), bytearray()
    end = time.monotonic() + EXEC_SECONDS
    try:
        while (left := end - time.monotonic()) > 0 and len(output) <= EXEC_BYTES:
            socket.sock.settimeout(left)
            opcode, frame = socket.sock.recv_data_frame(True)
            if opcode == ABNF.OPCODE_CLOSE:
                break
            if frame.data[:1] == EXEC_STDOUT:
                output += memoryview(frame.data)[1:]
            elif frame.data[:1] == EXEC_ERRORS:
                status += frame.data[1:]
        else:
            raise ClusterError("a command in the container said too much or took too long")
    except WebSocketException as error:
        raise ClusterError(f"a command in the container was cut off: {error}") from error
    ended = json.loads(status or b"{}")
    if ended.get("status") != "Success":
        raise ClusterError(f"a command in the container failed: {ended.get('message')}")
    return bytes(output)
