"""The base images that Dockerfiles and manifests name, made from Debian packages.

There is no registry. They stand in buildah's storage under the names that a registry's images
would have, so that Dockerfiles stay the ordinary ones. An image of that name that somebody pulled
is left as it is.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_cluster.commands import run, run_logged
from local_cluster.errors import ClusterError
from local_cluster.settings import PACKAGE, Paths

SUITE = "trixie"  # Debian 13: Python 3.13, Redis 8.0
RECIPES = PACKAGE / "images"
LABEL = "weather-local.recipe"
MMDEBSTRAP = (
    "--mode=root",
    "--format=tar",
    "--keyring=/usr/share/keyrings",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
)


@dataclass(frozen=True)
class BaseImage:
    """How an image is made.

    Attributes:
        name: full name, as `FROM` and manifests resolve it.
        recipe: name of its Dockerfile in images/, without the suffix.
        variant: mmdebstrap's: which packages beside those named.
        packages: Debian packages.
        hooks: further options of mmdebstrap.
        files: files of images/ that the Dockerfile copies.
    """

    name: str
    recipe: str
    variant: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...]
    files: tuple[str, ...] = ()

    def key(self) -> str:
        """Hex digest of everything that decides the image."""
        digest = hashlib.sha256(f"{SUITE} {MMDEBSTRAP} {self!r}".encode())
        for name in (f"{self.recipe}.Dockerfile", *self.files):
            digest.update((RECIPES / name).read_bytes())
        return digest.hexdigest()[:16]


PYTHON = BaseImage(
    "docker.io/library/python:3.13-slim",
    "python",
    "minbase",
    ("python3", "python3-venv", "python3-pip", "ca-certificates"),
    (
        # as in the public image, pip needs no leave to install and `python` is a command
        '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        '--customize-hook=ln -s ../../bin/python3 "$1"/usr/local/bin/python',
    ),
)
REDIS = BaseImage(
    "docker.io/library/redis:8.0",
    "redis",
    "essential",
    ("redis-server", "redis-tools"),
    (
        # the public image's user id; the package takes the user that it finds
        '--essential-hook=echo "redis:x:999:" >> "$1"/etc/group',
        '--essential-hook=echo "redis:x:999:999::/data:/usr/sbin/nologin" >> "$1"/etc/passwd',
        '--customize-hook=install -d -m 755 -o 999 -g 999 "$1"/data',
    ),
    ("docker-entrypoint.sh", "redis-server"),
)


def provide(paths: Paths, say: Callable[[str], None]) -> None:
    """Make the base images that are missing in buildah's storage.

    Raises:
        ClusterError: a mirror or a build failed; names the log.
    """
    for image in (PYTHON, REDIS):
        if _present(image):
            continue
        rootfs = paths.cache / "images" / f"{image.recipe}-{image.key()}.tar"
        if not rootfs.exists():
            say(f"making {image.name} from Debian packages: about a minute, once")
            _bootstrap(image, rootfs, paths.cache / "images.log")
        _commit(image, rootfs, paths.cache / "images.log")


def _present(image: BaseImage) -> bool:
    template = '{{index .OCIv1.Config.Labels "%s"}}' % LABEL  # noqa: UP031 - braces
    done = subprocess.run(
        ["buildah", "inspect", "--type", "image", "--format", template, image.name],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0 and done.stdout.strip() in (image.key(), "", "<no value>")


def _bootstrap(image: BaseImage, rootfs: Path, log: Path) -> None:
    rootfs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rootfs-", dir=rootfs.parent) as directory:
        temporary = Path(directory) / "rootfs.tar"
        include = f"--include={','.join(image.packages)}"
        command: list[str | Path] = ["mmdebstrap", *MMDEBSTRAP, f"--variant={image.variant}"]
        command += [include, *image.hooks, SUITE, temporary, *mirrors()]
        run_logged(command, log, f"making {image.name} (no network?)", cwd=Path("/"))
        temporary.rename(rootfs)


def mirrors() -> list[str]:
    """Source lines for the suite, from the mirrors that this machine's apt uses.

    Raises:
        ClusterError: apt knows no Debian mirror.
    """
    form = "$(REPO_URI) $(ORIGIN) $(LABEL)"
    for attempt in ("", "apt-get -qq update"):
        if attempt:
            run(*attempt.split(), what="apt-get update (no network?)")
        targets = run("apt-get", "indextargets", "--format", form, "Identifier: Packages")
        found = {line.partition(" ")[2]: line.split()[0] for line in targets.splitlines()}
        if main := found.get("Debian Debian"):
            break
    else:
        raise ClusterError("apt knows no Debian mirror: look at /etc/apt/sources.list")
    lines = [f"deb {main} {SUITE} main", f"deb {main} {SUITE}-updates main"]
    if security := found.get("Debian Debian-Security"):
        lines.append(f"deb {security} {SUITE}-security main")
    return lines


def _commit(image: BaseImage, rootfs: Path, log: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".context-", dir=rootfs.parent) as directory:
        context = Path(directory)
        os.link(rootfs, context / "rootfs.tar")
        for name in image.files:
            shutil.copy(RECIPES / name, context)
        recipe = RECIPES / f"{image.recipe}.Dockerfile"
        command: list[str | Path] = ["buildah", "build", "--isolation", "chroot", "--format"]
        command += ["docker", "--label", f"{LABEL}={image.key()}", "-f", recipe]
        run_logged([*command, "-t", image.name, context], log, f"making {image.name}")


def program_archive(binary: Path, name: str, paths: Paths, say: Callable[[str], None]) -> Path:
    """A docker-archive of an image with nothing but one static program, called `name`.

    `binary` lies in a cache directory whose name says what it was built from.
    """
    binary = binary.resolve()
    archive = paths.cache / "images" / f"{binary.parent.name}.tar"
    if archive.exists():
        return archive
    say(f"making {name}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".program-", dir=archive.parent) as directory:
        shutil.copy(binary, f"{directory}/program")
        build = ("buildah", "build", "--isolation", "chroot", "--format", "docker", "--quiet")
        recipe = RECIPES / "program.Dockerfile"
        identity = run(*build, "-f", recipe, directory, what=f"making {name}").strip()
        temporary = Path(directory) / "image.tar"
        run("buildah", "push", "--quiet", identity, f"docker-archive:{temporary}:{name}")
        run("buildah", "rmi", "--force", identity)
        temporary.rename(archive)
    return archive
