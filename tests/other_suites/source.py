"""From the lock of a suite to its image: the sdist by version and hash, unpacked, built, loaded."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import local_cluster
from tests.checkout import CHECKOUT

__all__ = ["CHECKOUT", "EXAMPLE", "Source", "build_wheel", "fetch", "make_image", "pinned"]

EXAMPLE = CHECKOUT / "examples" / "suite-from-pypi"
LOCKS = CHECKOUT / "requirements" / "suites"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@dataclass(frozen=True)
class Source:
    """A suite that was fetched: `folder` holds what its sdist holds."""

    name: str
    version: str
    folder: Path

    @property
    def image(self) -> str:
        """Name of its image."""
        return f"suite-{self.name}:{self.version}"


def pinned(name: str) -> str:
    """Return the lines of the lock of `name` that pin the project itself."""
    text = (LOCKS / f"{name}.txt").read_text("utf-8")
    found = re.search(rf"^{re.escape(name)}==\S+ (?:\\\n +--hash=\S+ ?)+$", text, re.MULTILINE)
    if found is None:
        raise LookupError(f"requirements/suites/{name}.txt does not pin {name} with hashes")
    return found[0] + "\n"


def fetch(name: str, folder: Path) -> Source:
    """Download the sdist of `name` as its lock has it, and unpack it below `folder`."""
    folder.mkdir(parents=True)
    lock = folder / "sdist.txt"
    lock.write_text(pinned(name))
    # Pip asks an sdist for its metadata, for which it needs the build backend: ours, locked.
    words = ("--require-hashes", "--no-deps", "--no-binary=:all:", "--no-build-isolation")
    call(*PIP, "download", "--quiet", *words, "--dest", folder / "sdist", "--requirement", lock)
    (archive,) = (folder / "sdist").iterdir()
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    (unpacked,) = (each for each in folder.iterdir() if each.is_dir() and each.name != "sdist")
    suite = unpacked.rename(folder / "suite")
    version = lock.read_text().partition("==")[2].partition(" ")[0]
    return Source(name, version, suite)


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, with the build tools that are here."""
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
    call(*PIP, "wheel", *offline, "--wheel-dir", folder, CHECKOUT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_image(source: Source, wheel: Path) -> None:
    """Build the image of a suite by the example's Dockerfile and load it into the cluster."""
    context = source.folder.parent
    (context / "dist").mkdir()
    shutil.copy(wheel, context / "dist")
    shutil.copy(LOCKS / f"{source.name}.txt", context / "requirements.txt")
    local_cluster.build(EXAMPLE / "Dockerfile", source.image, context)
    local_cluster.load(source.image)


def call(*command: str | Path) -> None:
    """Run `command`, whose output is shown only if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:4])} failed:\n{done.stdout}{done.stderr}")
