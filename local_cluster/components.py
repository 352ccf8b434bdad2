"""The cluster's processes: the command line of each and how it tells that it is well."""

from dataclasses import dataclass
from pathlib import Path

from local_cluster import settings as s
from local_cluster.settings import Paths


@dataclass(frozen=True)
class Component:
    """One supervised process.

    Attributes:
        name: as supervisord and the status table name it.
        command: the whole command line.
        first: started before the API server answers; the others need it.
        health: URL that answers 200 when it is well; None if a socket or nothing tells it.
    """

    name: str
    command: tuple[str, ...]
    first: bool = False
    health: str | None = None


def components(paths: Paths, binaries: Path) -> list[Component]:
    """All processes, in the order in which they are started."""
    return [
        _etcd(paths, binaries),
        _apiserver(paths, binaries),
        Component(
            "containerd",
            (f"{binaries}/containerd", "--config", f"{paths.conf}/containerd.toml"),
            first=True,
        ),
        _controller_manager(paths, binaries),
        _scheduler(paths, binaries),
        _kubelet(paths, binaries),
        Component(
            "kube-proxy",
            (f"{binaries}/kube-proxy", f"--config={paths.conf}/kube-proxy.json"),
            health=f"http://127.0.0.1:{s.PROXY_HEALTH_PORT}/livez",
        ),
        Component(
            "storage",
            (
                f"{binaries}/storage",
                f"--kubeconfig={paths.conf}/storage.conf",
                f"--root={paths.state}/volumes",
                f"--provisioner={s.PROVISIONER}",
            ),
        ),
    ]


def _etcd(paths: Paths, binaries: Path) -> Component:
    client = f"http://127.0.0.1:{s.ETCD_PORT}"
    peer = f"http://127.0.0.1:{s.ETCD_PEER_PORT}"
    return Component(
        "etcd",
        (
            f"{binaries}/etcd",
            f"--data-dir={paths.state}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ),
        first=True,
        health=f"{client}/health",
    )


def _apiserver(paths: Paths, binaries: Path) -> Component:
    pki = paths.pki
    return Component(
        "kube-apiserver",
        (
            f"{binaries}/kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{s.ETCD_PORT}",
            f"--bind-address={s.NODE_IP}",
            f"--advertise-address={s.NODE_IP}",
            f"--secure-port={s.API_PORT}",
            f"--service-cluster-ip-range={s.SERVICE_CIDR}",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={pki}/sa.pub",
            f"--service-account-signing-key-file={pki}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--cert-dir={pki}",
        ),
        first=True,
        health=f"https://{s.NODE_IP}:{s.API_PORT}/readyz",
    )


def _controller_manager(paths: Paths, binaries: Path) -> Component:
    config = f"{paths.conf}/controller-manager.conf"
    return Component(
        "kube-controller-manager",
        (
            f"{binaries}/kube-controller-manager",
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={s.CONTROLLER_PORT}",
            f"--service-account-private-key-file={paths.pki}/sa.key",
            f"--root-ca-file={paths.pki}/ca.crt",
            f"--cluster-signing-cert-file={paths.pki}/ca.crt",
            f"--cluster-signing-key-file={paths.pki}/ca.key",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            f"--cert-dir={paths.pki}",
        ),
        health=f"https://127.0.0.1:{s.CONTROLLER_PORT}/healthz",
    )


def _scheduler(paths: Paths, binaries: Path) -> Component:
    config = f"{paths.conf}/scheduler.conf"
    return Component(
        "kube-scheduler",
        (
            f"{binaries}/kube-scheduler",
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={s.SCHEDULER_PORT}",
            "--leader-elect=false",
            f"--cert-dir={paths.pki}",
        ),
        health=f"https://127.0.0.1:{s.SCHEDULER_PORT}/healthz",
    )


def _kubelet(paths: Paths, binaries: Path) -> Component:
    return Component(
        "kubelet",
        (
            f"{binaries}/kubelet",
            f"--config={paths.conf}/kubelet.json",
            f"--kubeconfig={paths.conf}/kubelet.conf",
            f"--root-dir={paths.state}/kubelet",
            f"--cert-dir={paths.pki}/kubelet",
            f"--hostname-override={s.NODE}",
            f"--node-ip={s.NODE_IP}",
        ),
        health=f"http://127.0.0.1:{s.KUBELET_HEALTH_PORT}/healthz",
    )
