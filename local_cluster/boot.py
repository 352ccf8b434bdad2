"""From files on the disk to a cluster that answers: the order in which things are started."""

from collections.abc import Callable
from pathlib import Path

from local_cluster import base_images, configs, files, health, images, machine, preflight, sweep
from local_cluster.commands import run, wait_until
from local_cluster.components import Component
from local_cluster.settings import Paths
from local_cluster.supervision import Supervisor, can_connect

API_SECONDS = 90.0  # from etcd's start to /readyz; 3 s on an idle machine
READY_SECONDS = 180.0  # from there to node and DNS ready; 5 s on an idle machine
SYSTEM_IMAGES = {configs.PAUSE_IMAGE: "pause", configs.COREDNS_IMAGE: "coredns"}

Say = Callable[[str], None]


def start(paths: Paths, programs: Path, parts: list[Component], say: Say) -> None:
    """Start what does not run, and wait until all is well.

    Raises:
        ClusterError: a port is taken, or a part does not come up; names its log.
    """
    _launch(paths, programs, parts, say)
    machine.prepare(paths)
    first = [part for part in parts if part.first]
    _start_all(paths, first)
    wait_until(lambda: _containerd_missing(paths), API_SECONDS, "containerd")
    for image, program in SYSTEM_IMAGES.items():
        archive = base_images.program_archive(programs / program, image, paths, say)
        images.load_archive(paths, programs, archive, image)
    wait_until(lambda: _unwell(paths, first), API_SECONDS, "API server")
    say("API server ready; starting the other components")
    _start_all(paths, parts)
    kubectl = programs / "kubectl"
    _apply_addons(paths, kubectl)
    images.load(paths, programs, [base_images.REDIS.name], lambda _: None)
    say("waiting for node and DNS")
    wait_until(lambda: _any_unwell(paths, parts, kubectl), READY_SECONDS, "cluster")


def _launch(paths: Paths, programs: Path, parts: list[Component], say: Say) -> None:
    """supervisord with the settings of this checkout, and nothing left of an earlier one."""
    supervisor = Supervisor(paths)
    if supervisor.running():
        if files.current(paths, programs):
            return
        say("the cluster's programs or settings have changed: restarting them")
        supervisor.stop_all()
    if sweep.end_components(paths):
        say("ended what an earlier, unclean end had left")
    preflight.check_ports()
    files.write(paths, programs, parts)
    say("starting etcd, API server and containerd")
    supervisor.launch()


def _start_all(paths: Paths, parts: list[Component]) -> None:
    supervisor = Supervisor(paths)
    states = supervisor.states()
    for part in parts:
        if states.get(part.name) not in ("RUNNING", "STARTING"):
            supervisor.call("startProcess", part.name, False)


def _apply_addons(paths: Paths, kubectl: Path) -> None:
    run(
        *(kubectl, "--kubeconfig", paths.kubeconfig, "apply", "--server-side", "--force-conflicts"),
        *("-f", "-"),
        stdin=configs.addons(files.resolv_conf().read_text()),
        what="applying the add-ons",
    )


def _containerd_missing(paths: Paths) -> str:
    if can_connect(paths.containerd_socket):
        return ""
    return f"no answer at {paths.containerd_socket}; log: {paths.logs}/containerd.log"


def _unwell(paths: Paths, parts: list[Component]) -> str:
    """What is wrong with the first of these components that is not well."""
    processes = {p["name"]: p for p in Supervisor(paths).processes()}
    for part in parts:
        found = health.component_part(paths, part, processes.get(part.name, {}))
        if not found.well:
            return f"{found.name}: {found.detail}; log: {paths.logs}/{part.name}.log"
    return ""


def _any_unwell(paths: Paths, parts: list[Component], kubectl: Path) -> str:
    found = next((p for p in health.parts(paths, parts, kubectl) if not p.well), None)
    return f"{found.name}: {found.detail}; logs: {paths.logs}" if found else ""
