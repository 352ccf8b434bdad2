"""Downloads wheels of pure Python by pip, and keeps them for later runs."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement

from pytest_k8s_job.errors import UsageError

__all__ = ["Wheel", "cache_folder", "download"]

SECONDS = 120.0  # for pip and one package
ANY_PURE = ("--implementation=py", "--abi=none", "--platform=any")


class Wheel:
    """A downloaded wheel: its metadata and files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
        self.version = str(metadata["Version"])
        self.requires_python = str(metadata["Requires-Python"] or "")
        self.requirements = [Requirement(each) for each in metadata.get_all("Requires-Dist") or ()]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files that Python imports, and the metadata."""
        with zipfile.ZipFile(self.path) as archive:
            for name in archive.namelist():
                first, _, rest = name.partition("/")
                if first.endswith(".data"):
                    kind, _, rest = rest.partition("/")
                    if kind != "purelib":
                        continue
                    yield rest, archive.read(name)
                elif not name.endswith("/"):
                    yield name, archive.read(name)


def cache_folder() -> Path:
    """Return the folder of what later runs may use again; it may not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "pytest-k8s-job")


def download(line: str, python: str) -> Wheel | str:
    """Return the pure wheel for a line of a requirements file, or what pip says."""
    key = hashlib.sha256(f"{line}\n{python}".encode()).hexdigest()[:16]
    folder = cache_folder() / "wheels" / key
    for path in folder.glob("*.whl"):
        return Wheel(path)
    pip = _pip()
    if not pip:
        raise UsageError(
            f"--sync: {line.split(maxsplit=1)[0]} must be downloaded, and there is no pip here: "
            "`python -m ensurepip`, or make an image with it, then --sync on top"
        )
    with tempfile.TemporaryDirectory(prefix="pytest-k8s-job-") as temporary:
        said = _run_pip([*pip, "download"], line, python, Path(temporary))
        found = next(Path(temporary).glob("*.whl"), None)
        if found is None:
            return said
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, folder / f".{found.name}")
        return Wheel((folder / f".{found.name}").replace(folder / found.name))


def _pip() -> list[str]:
    """Return how pip is called; a virtualenv of uv has none of its own."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    return [found] if (found := shutil.which("pip") or shutil.which("pip3")) else []


def _run_pip(command: list[str], line: str, python: str, folder: Path) -> str:
    """Let pip download into `folder`; return the last thing that it said."""
    file = folder / "requirements.txt"
    file.write_text(line, "utf-8")
    command += ["--quiet", "--no-deps", "--only-binary=:all:"]
    command += [f"--python-version={python}", *ANY_PURE]
    try:
        done = subprocess.run(
            [*command, f"--dest={folder}", f"--requirement={file}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS:g} s"
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}"
