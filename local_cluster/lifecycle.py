"""`up`, `down` and `status`: the main path of this package, from top to bottom."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster import base_images, binaries, configs, health, images, machine, preflight, sweep
from local_cluster import settings as s
from local_cluster.commands import run, wait_until
from local_cluster.components import Component, components
from local_cluster.settings import Paths
from local_cluster.supervision import Supervisor, render

API_SECONDS = 90.0  # from etcd's start to /readyz; 3 s on an idle machine
READY_SECONDS = 120.0  # from there to node and DNS ready; 5 s on an idle machine
SYSTEM_IMAGES = {configs.PAUSE_IMAGE: "pause", configs.COREDNS_IMAGE: "coredns"}

Say = Callable[[str], None]


def up(paths: Paths, say: Say) -> None:
    """Start the cluster, or mend what is not well; returns when it is usable.

    Raises:
        ClusterError: says what is missing or broken, and where the log is.
    """
    preflight.check_root()
    preflight.cgroup_version()
    with lock(paths, say):
        preflight.check_disk(paths)
        preflight.install_packages(paths, say)
        programs = binaries.provide(paths, say)
        base_images.provide(paths, say)
        parts = components(paths, programs)
        if _current(paths, programs) and all(
            p.well for p in health.parts(paths, parts, programs / "kubectl")
        ):
            say(f"the local cluster is up: context {s.CONTEXT} in {paths.kubeconfig}")
            return
        _start(paths, programs, parts, say)
        say(f"the local cluster is up: context {s.CONTEXT} in {paths.kubeconfig}")


def down(paths: Paths, say: Say) -> None:
    """End the cluster and remove everything of it but the cache.

    Raises:
        ClusterError: something does not go away.
    """
    preflight.check_root()
    with lock(paths, say):
        say("ending the processes")
        sweep.end_everything(paths)
        say("removing mounts, bridge, packet rules, cgroups and files")
        machine.unmount(paths)
        machine.restore(paths)
        sweep.remove_files(paths)
        say("the local cluster is down")


def status(paths: Paths) -> list[health.Part]:
    """Every part of the cluster and how it is; never raises for a part that is not well."""
    programs = running_programs(paths)
    if programs is None:
        return [health.Part("cluster", False, "not up")]
    return health.parts(paths, components(paths, programs), programs / "kubectl")


def running_programs(paths: Paths) -> Path | None:
    """The directory of the running cluster's programs, None if it was never started."""
    link = paths.state / "bin"
    return link.resolve() if link.exists() else None


@contextmanager
def lock(paths: Paths, say: Say) -> Iterator[None]:
    """One at a time, over all checkouts of this user."""
    paths.cache.mkdir(parents=True, exist_ok=True)
    with (paths.cache / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"waiting for process {file.read().strip() or '?'}, which works on the cluster")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def _start(paths: Paths, programs: Path, parts: list[Component], say: Say) -> None:
    supervisor = Supervisor(paths)
    if not (supervisor.running() and _current(paths, programs)):
        if supervisor.running():
            say("the cluster's programs or settings have changed: restarting them")
            supervisor.stop_all()
        elif sweep.end_components(paths):
            say("ended what an earlier, unclean end had left")
        preflight.check_ports()
        _configure(paths, programs, parts)
        say("starting etcd, API server and containerd")
        supervisor.launch()
    machine.prepare(paths)
    for part in parts:
        if part.first:
            supervisor.start(part.name)
    first = [part for part in parts if part.first]
    wait_until(lambda: _unwell(paths, first), API_SECONDS, "the API server was not ready")
    say("API server ready; starting the other components")
    for part in parts:
        if not part.first:
            supervisor.start(part.name)
    kubectl = programs / "kubectl"
    addons = configs.addons(_resolv_conf().read_text())
    for image, program in SYSTEM_IMAGES.items():
        archive = base_images.program_archive(programs / program, image, paths, say)
        images.load_archive(paths, programs, archive, image)
    run(
        *(kubectl, "--kubeconfig", paths.kubeconfig, "apply", "--server-side", "--force-conflicts"),
        *("-f", "-"),
        stdin=addons,
        what="applying the add-ons",
    )
    images.load(paths, programs, [base_images.REDIS.name], lambda _: None)
    say("waiting for node and DNS")
    wait_until(
        lambda: _all_unwell(paths, parts, kubectl), READY_SECONDS, "the cluster was not ready"
    )


def _configure(paths: Paths, programs: Path, parts: list[Component]) -> None:
    """Write certificates, kubeconfigs and configuration files."""
    for directory in (
        paths.state,
        paths.conf / "cni",
        paths.logs,
        paths.run,
        paths.state / "volumes",
    ):
        directory.mkdir(parents=True, exist_ok=True)
    paths.state.chmod(0o711)  # pods' users pass through to their volumes
    for directory in (paths.run, paths.conf):
        directory.chmod(0o700)
    for name, text in _files(paths, programs, parts).items():
        (paths.conf / name).write_text(text)
    if not (paths.pki / "sa.key").exists():
        _certify(paths, programs / "kubeadm")
    link = paths.state / "bin"
    link.unlink(missing_ok=True)
    link.symlink_to(programs)


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


def _files(paths: Paths, programs: Path, parts: list[Component]) -> dict[str, str]:
    """Name -> text of all configuration files: what a running cluster is compared with."""
    version = preflight.cgroup_version()
    variable = f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "kubeadm.yaml": configs.kubeadm(paths),
        "containerd.toml": configs.containerd(paths),
        "kubelet.json": configs.kubelet(paths, version == 1, str(_resolv_conf())),
        "kube-proxy.json": configs.kube_proxy(paths),
        "cni/10-weather-local.conflist": configs.cni(paths),
        "supervisord.conf": render(paths, parts, variable),
    }


def _current(paths: Paths, programs: Path) -> bool:
    """Whether the files in place are those that this checkout would write."""
    files = _files(paths, programs, components(paths, programs))
    places = {paths.conf / name: text for name, text in files.items()}
    return all(p.exists() and p.read_text() == text for p, text in places.items())


def _unwell(paths: Paths, parts: list[Component]) -> str:
    """What is wrong with the first of these components that is not well."""
    processes = {p["name"]: p for p in Supervisor(paths).processes()}
    for part in parts:
        found = health.component_part(paths, part, processes.get(part.name, {}))
        if not found.well:
            return f"{found.name}: {found.detail}; log: {paths.logs}/{part.name}.log"
    return ""


def _all_unwell(paths: Paths, parts: list[Component], kubectl: Path) -> str:
    found = next((p for p in health.parts(paths, parts, kubectl) if not p.well), None)
    return f"{found.name}: {found.detail}; logs: {paths.logs}" if found else ""


def _resolv_conf() -> Path:
    """systemd-resolved keeps the true name servers in a file of its own."""
    resolved = Path("/run/systemd/resolve/resolv.conf")
    return resolved if resolved.exists() else Path("/etc/resolv.conf")


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
