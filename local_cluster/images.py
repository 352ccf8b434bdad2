"""Images: built with buildah, loaded into the node's containerd."""

import configparser
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_cluster.commands import run, run_logged
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

CERTIFICATES = Path("/etc/ssl/certs")
PIP_FILES = ("/etc/pip.conf", Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf")
SOURCE_LABEL = "weather-local/image-id"  # on an image in the node: its id in buildah's storage
PIP_OPTIONS = (
    "cert",
    "client-cert",
    "default-timeout",
    "disable-pip-version-check",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
)


def normalize(name: str) -> str:
    """The name as Kubernetes completes it: `redis` is docker.io/library/redis:latest."""
    name = name.removeprefix("localhost/")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first:
        name = f"docker.io/{name}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def image_id(name: str) -> str:
    """Id (64 hex digits) of an image in buildah's storage.

    Raises:
        ClusterError: there is none of that name.
    """
    template = "{{.FromImageID}}"
    for candidate in (name, normalize(name)):
        done = subprocess.run(
            ["buildah", "inspect", "--type", "image", "--format", template, candidate],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.strip()
    raise ClusterError(f"no image {name} in buildah's storage: build it first")


@dataclass(frozen=True)
class Source:
    """What an image is built from; `stage` of the Dockerfile, by default its last."""

    dockerfile: Path
    context: Path
    stage: str = ""


def build(
    source: Source, tags: Sequence[str], build_args: Mapping[str, str], log: Path | None
) -> str:
    """Build an ordinary Dockerfile with this machine's network, certificates and pip settings.

    The output goes to `log`, or to stderr if that is None.

    Returns:
        The image's id, 64 hex digits; the same if nothing changed.

    Raises:
        ClusterError: the build failed; its last line and the log.
    """
    with tempfile.TemporaryDirectory(prefix="weather-build-") as directory:
        identity = Path(directory) / "id"
        command = [
            *("buildah", "build", "--isolation", "chroot", "--network", "host", "--layers"),
            *("--format", "docker", "--pull=never", "--iidfile", str(identity)),
            *_mounts(Path(directory)),
            *(word for k, v in build_args.items() for word in ("--build-arg", f"{k}={v}")),
            *(word for tag in tags for word in ("-t", tag)),
            *(["--target", source.stage] if source.stage else []),
            *("-f", str(source.dockerfile), str(source.context)),
        ]
        if log is None:
            done = subprocess.run(command, stdout=sys.stderr, check=False)
            if done.returncode:
                raise ClusterError(f"building {source.dockerfile} failed (exit {done.returncode})")
        else:
            log.unlink(missing_ok=True)
            run_logged(command, log, f"building {source.dockerfile}")
        return identity.read_text().strip().removeprefix("sha256:")


def tag(name: str, further: str) -> None:
    """Give an image of buildah's storage one more name."""
    run("buildah", "tag", image_id(name), further)


def load(paths: Paths, binaries: Path, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Bring images from buildah's storage into the node, with the names given.

    An image that is there with the same id only gets the names that it lacks.

    Raises:
        ClusterError: one is not in buildah's storage, or the cluster is down.
    """
    ctr = ctr_images(paths, binaries)
    if not paths.containerd_socket.exists():
        raise ClusterError("the cluster is not up: run `python -m local_cluster up` first")
    there = loaded(ctr)
    for name in names:
        full, identity = normalize(name), image_id(name)
        if there.get(full) == identity:
            continue
        twin = next((n for n, i in there.items() if i == identity), None)
        if twin:
            run(*ctr, "tag", "--force", twin, full)
        else:
            say(f"loading {full} into the node")
            _import(ctr, identity, full, paths)
        run(*ctr, "label", full, f"{SOURCE_LABEL}={identity}")
        there[full] = identity


def load_archive(paths: Paths, binaries: Path, archive: Path, name: str) -> None:
    """Bring an image from an archive into the node, unless one of that name is there.

    Raises:
        ClusterError: containerd does not answer or refuses.
    """
    ctr = ctr_images(paths, binaries)
    if name not in run(*ctr, "list", "--quiet", what="listing the node's images").split():
        run(*ctr, "import", archive, what=f"loading {name}")


def loaded(ctr: list[str]) -> dict[str, str]:
    """Name -> id in buildah's storage, of the images in the node that `load` brought."""
    found = {}
    for line in run(*ctr, "list", what="listing the node's images").splitlines()[1:]:
        fields = line.split()
        labels = dict(p.partition("=")[::2] for p in fields[-1].split(","))
        if SOURCE_LABEL in labels:
            found[fields[0]] = labels[SOURCE_LABEL]
    return found


def ctr_images(paths: Paths, binaries: Path) -> list[str]:
    """The start of a command line that works on the node's images."""
    return [str(binaries / "ctr"), "-a", str(paths.containerd_socket), "-n", "k8s.io", "images"]


def _import(ctr: list[str], identity: str, name: str, paths: Paths) -> None:
    with tempfile.TemporaryDirectory(prefix=".load-", dir=paths.state) as directory:
        archive = f"{directory}/image.tar"
        run("buildah", "push", "--quiet", identity, f"docker-archive:{archive}:{name}")
        run(*ctr, "import", archive, what=f"loading {name}")


def _mounts(directory: Path) -> list[str]:
    """What a RUN step sees of the machine, without a trace in the image."""
    mounts = [f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    options, folders = pip_settings(os.environ)
    config = directory / "pip.conf"
    config.write_text(options)
    mounts.append(f"{config}:/etc/pip.conf:ro")
    mounts += [f"{folder}:{folder}:ro" for folder in folders]
    return [word for mount in mounts for word in ("--volume", mount)]


def pip_settings(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """A pip.conf with this machine's pip settings, and the folders that it names.

    The environment's PIP_ variables outdo the machine's own configuration, as they do in pip.
    """
    parser = configparser.RawConfigParser()
    parser.read(PIP_FILES)
    values = dict(parser["global"]) if parser.has_section("global") else {}
    for option in PIP_OPTIONS:
        if value := environment.get(f"PIP_{option.upper().replace('-', '_')}"):
            values[option] = value
    kept = {k: v for k, v in values.items() if k in PIP_OPTIONS}
    folders = [f for f in kept.get("find-links", "").split() if Path(f).is_dir()]
    if (CERTIFICATES / "ca-certificates.crt").exists():
        kept["cert"] = str(CERTIFICATES / "ca-certificates.crt")
    lines = [f"{k} = {v}" for k, v in sorted(kept.items())]
    return "\n".join(["[global]", *lines, ""]), folders
