"""The cluster's files: configuration, certificates, kubeconfigs."""

import os
from pathlib import Path

from local_cluster import configs, preflight
from local_cluster.commands import run
from local_cluster.components import Component, components
from local_cluster.settings import Paths
from local_cluster.supervision import render


def write(paths: Paths, programs: Path, parts: list[Component]) -> None:
    """Write what a start needs; certificates only if there are none yet."""
    for name in ("conf/cni", "log", "volumes"):
        (paths.state / name).mkdir(parents=True, exist_ok=True)
    paths.run.mkdir(exist_ok=True)
    paths.state.chmod(0o711)  # pods' users pass through to their volumes
    for directory in (paths.run, paths.conf):
        directory.chmod(0o700)
    for name, text in texts(paths, programs, parts).items():
        (paths.conf / name).write_text(text)
    if not paths.kubeconfig.exists():  # the last that is written
        _certify(paths, programs / "kubeadm")
    link = paths.state / "bin"
    link.unlink(missing_ok=True)
    link.symlink_to(programs)


def texts(paths: Paths, programs: Path, parts: list[Component]) -> dict[str, str]:
    """Name -> text of all configuration files."""
    version = preflight.cgroup_version()
    variable = f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "kubeadm.yaml": configs.kubeadm(paths),
        "containerd.toml": configs.containerd(paths),
        "kubelet.json": configs.kubelet(paths, version == 1, str(resolv_conf())),
        "kube-proxy.json": configs.kube_proxy(paths),
        "cni/10-weather-local.conflist": configs.cni(paths),
        "supervisord.conf": render(paths, parts, variable),
    }


def current(paths: Paths, programs: Path) -> bool:
    """Whether the files in place are those that this checkout would write."""
    wanted = texts(paths, programs, components(paths, programs))
    places = {paths.conf / name: text for name, text in wanted.items()}
    return all(p.exists() and p.read_text() == text for p, text in places.items())


def resolv_conf() -> Path:
    """systemd-resolved keeps the true name servers in a file of its own."""
    resolved = Path("/run/systemd/resolve/resolv.conf")
    return resolved if resolved.exists() else Path("/etc/resolv.conf")


def _certify(paths: Paths, kubeadm: Path) -> None:
    config = paths.conf / "kubeadm.yaml"
    run(kubeadm, "init", "phase", "certs", "all", "--config", config, what="making certificates")
    run(
        *(kubeadm, "init", "phase", "kubeconfig", "all", "--config", config),
        *("--kubeconfig-dir", paths.conf),
        what="making kubeconfigs",
    )
    for user, name in (("system:kube-proxy", "kube-proxy"), ("weather-storage", "storage")):
        text = run(kubeadm, "kubeconfig", "user", "--client-name", user, "--config", config)
        _write_secret(paths.conf / f"{name}.conf", text)
    admin = (paths.conf / "super-admin.conf").read_text()
    _write_secret(paths.kubeconfig, configs.kubeconfig(admin))


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
