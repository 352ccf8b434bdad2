"""The real cluster: the one module that imports the `kubernetes` client.

The client's models, watches and log iterator are left aside: answers are read as plain JSON, and
log bytes as they come, since the client's own line splitting loses an unfinished last line.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3

from kubernetes import client
from kubernetes import config as kubeconfig_files
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError, UsageError
from pytest_k8s_job.pods import JobRef, PodState, read_pod

__all__ = ["KubernetesCluster", "connect"]

_files: Any = kubeconfig_files  # without annotations

READ_SECONDS = 5.0  # for an answer to a diagnosis, which asks much and is awaited
REQUEST_SECONDS = 10.0  # for an answer; the API server's own limit is 60 s
SILENCE_SECONDS = 60.0  # of a log stream; the agent sends a heartbeat every 20 s
READ_BYTES = 1 << 16
JOB_LABEL = "batch.kubernetes.io/job-name"
INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


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
        raise UsageError(f"no cluster to run in: {outside}") from outside
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
        api = client.ApiClient(settings)
        # Raw answers are not what the client's annotations promise.
        self._core: Any = client.CoreV1Api(api)
        self._batch: Any = client.BatchV1Api(api)
        self._api: Any = api
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
        container = job["spec"]["template"]["spec"]["containers"][0]["name"]
        with self._errors():
            self._batch.create_namespaced_job(namespace, job, **_RAW)
        return JobRef(namespace, metadata["name"], container)

    def find(self, namespace: str | None, name: str) -> dict[str, Any]:
        with self._errors():
            answer = self._batch.read_namespaced_job(name, namespace or self._namespace, **_RAW)
        return dict(json.loads(answer.data))

    def jobs(self, namespace: str | None) -> list[dict[str, Any]]:
        """Return the Job objects of `namespace`, or of the context's."""
        with self._errors():
            answer = self._batch.list_namespaced_job(namespace or self._namespace, **_RAW)
        return list(json.loads(answer.data)["items"])

    def pod(self, job: JobRef) -> PodState | None:
        selector = f"{JOB_LABEL}={job.name}"
        if job.shard is not None:
            selector += f",{INDEX_LABEL}={job.shard}"
        with self._errors():
            answer = self._core.list_namespaced_pod(job.namespace, label_selector=selector, **_RAW)
        pods = json.loads(answer.data)["items"]
        if not pods:
            return None
        first = min(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        return read_pod(first, job.container)

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return the answer to a GET of `path`, and the server's clock in seconds, 0 if unsaid."""
        request = self._api.param_serialize(
            "GET", path, header_params={"Accept": accept}, auth_settings=["BearerToken"]
        )
        with self._errors():
            answer = self._api.call_api(*request, _request_timeout=READ_SECONDS)
            body = answer.read()
        if answer.status >= 400:
            raise _cluster_error(client.ApiException(answer.status, answer.reason, body=body))
        date = answer.getheaders().get("Date")
        return bytes(body), parsedate_to_datetime(date).timestamp() if date else 0.0

    def log(self, job: JobRef, pod: str, since: int | None) -> Iterator[bytes]:
        extra = {} if since is None else {"since_seconds": since}
        with self._errors():
            answer = self._core.read_namespaced_pod_log(
                pod,
                job.namespace,
                container=job.container,
                follow=True,
                _preload_content=False,
                _request_timeout=(REQUEST_SECONDS, SILENCE_SECONDS),
                **extra,
            )
            try:
                if answer.status == 204:
                    raise NotReadyError(f"pod {pod} is not on a node yet", 204)
                yield from answer.stream(READ_BYTES)
            finally:
                answer.close()

    def delete(self, job: JobRef) -> None:
        try:
            with self._errors():
                self._batch.delete_namespaced_job(
                    job.name, job.namespace, propagation_policy="Background", **_RAW
                )
        except GoneError:
            pass

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn the client's exceptions into ours."""
        try:
            yield
        except client.ApiException as error:
            raise _cluster_error(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            text = f"the API server {self._server} does not answer: {error}"
            raise ClusterError(text) from error


_RAW: dict[str, Any] = {"_preload_content": False, "_request_timeout": REQUEST_SECONDS}


def _cluster_error(error: client.ApiException) -> ClusterError:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body
    try:
        message = json.loads(body or "")["message"]
    except (TypeError, ValueError, KeyError):
        message = body or error.reason or "no reason given"
    text = f"the API server refused ({error.status}): {str(message).strip()}"
    if error.status == 404:
        return GoneError(text, 404)
    if error.status == 400:
        return NotReadyError(text, 400)
    return ClusterError(text, error.status or 0)
