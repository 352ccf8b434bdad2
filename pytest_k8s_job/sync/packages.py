"""Chooses the packages that `--sync` brings for an image that has no pytest.

They are taken from what is installed here where that is pure Python; of the rest pip downloads
wheels without compiled code. What depends on the image's Python is decided by its version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.archive import Archive, pack_contents
from pytest_k8s_job.sync.installed import files_of, find, is_compiled, is_pure, requirements_of
from pytest_k8s_job.sync.requirements_file import Wanted
from pytest_k8s_job.sync.wheels import Wheel, cache_folder, download

__all__ = ["Packages", "choose_packages"]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # that this tool runs on
REMEDY = "make an image with it, then --sync on top"
OURSELVES = "pytest-k8s-job"  # goes along in an archive of its own


@dataclass(frozen=True)
class Package:
    """One package that goes along."""

    name: str
    version: str
    requires_python: SpecifierSet
    requirements: Sequence[Requirement]
    source: Distribution | Wheel

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield its files."""
        if isinstance(self.source, Wheel):
            yield from self.source.contents()
            return
        for name, place in files_of(self.source):
            yield name, place.read_bytes()

    @property
    def identity(self) -> str:
        """What tells its files from those of any other state of the package."""
        if isinstance(self.source, Wheel):
            return f"{self.source.path.name} {self.source.path.stat().st_size}"
        return f"{self.name} {self.version} {self.source.read_text('RECORD')}"


@dataclass(frozen=True)
class Packages:
    """What goes along, and the versions of Python that it is complete for."""

    packages: Sequence[Package]
    pythons: tuple[str, ...]

    def archive(self) -> Archive:
        """Return them packed; once packed they are kept for later runs."""
        text = "\n".join(sorted(each.identity for each in self.packages))
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        kept = cache_folder() / f"packages-{key}.tar.gz"
        with suppress(OSError):
            return Archive(kept.read_bytes(), {})
        found = {name: (data, False) for each in self.packages for name, data in each.contents()}
        archive = pack_contents(found)
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial")
            partial.write_bytes(archive.data)
            partial.replace(kept)
        return archive


def choose_packages(wanted: Iterable[Wanted], python: str) -> Packages:
    """Return the packages with all that they need, for an image with this `python`."""
    roots = list(wanted)
    hashed = any(each.hashes for each in roots)
    chosen: dict[str, Package] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(each, "") for each in roots]
    while waiting:
        want, extra = waiting.pop(0)
        asked = want.requirement
        name = canonicalize_name(asked.name)
        if name == OURSELVES or not _applies(asked, python, extra):
            continue
        if name not in chosen:
            if hashed and not want.hashes:
                raise UsageError(f"--sync-requirements: the file has hashes, but none of {name}")
            chosen[name] = _choose(want, name, python)
        package = chosen[name]
        _check_version(asked, package)
        for extra_name in ("", *sorted(asked.extras)):
            if (name, extra_name) not in seen:
                seen.add((name, extra_name))
                needed = (_with_hashes(each, roots) for each in package.requirements)
                waiting += [(each, extra_name) for each in needed]
    fitting = tuple(each for each in PYTHONS if _fits(each, roots, chosen))
    return Packages(sorted(chosen.values(), key=lambda each: each.name), fitting)


def _check_version(asked: Requirement, package: Package) -> None:
    if not asked.specifier.contains(package.version, prereleases=True):
        message = f"{asked} is asked for, and {package.version} was chosen before"
        raise UsageError(f"--sync-requirements: {message}")


def _with_hashes(needed: Requirement, roots: Sequence[Wanted]) -> Wanted:
    name = canonicalize_name(needed.name)
    same = (each for each in roots if canonicalize_name(each.requirement.name) == name)
    return Wanted(needed, next((each.hashes for each in same), ()))


def _choose(want: Wanted, name: str, python: str) -> Package:
    asked, installed = want.requirement, find(name)
    version = ""
    if installed is not None and asked.specifier.contains(installed.version, prereleases=True):
        version = installed.version
        runs_on = SpecifierSet(str(installed.metadata.json.get("requires_python", "")))
        if is_pure(installed) and runs_on.contains(f"{python}.0"):
            needs = requirements_of(installed)
            return Package(name, version, runs_on, needs, installed)
    found = download(want.line(version), python)
    if isinstance(found, str):
        raise UsageError(f"--sync: {_why_not(name, version, installed)} (pip: {found}): {REMEDY}")
    runs_on = SpecifierSet(found.requires_python)
    return Package(name, found.version, runs_on, found.requirements, found)


def _why_not(name: str, version: str, installed: Distribution | None) -> str:
    """Return why a package cannot go along."""
    if version and installed is not None and is_compiled(installed):
        return f"{name} {version} has compiled code and no pure wheel"
    return f"there is no pure wheel of {name}, which may have compiled code"


def _applies(asked: Requirement, python: str, extra: str) -> bool:
    """Return whether a requirement holds in a pod with this `python`."""
    environment = {
        "extra": extra,
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    return asked.marker is None or asked.marker.evaluate(environment)


def _fits(python: str, roots: Sequence[Wanted], chosen: dict[str, Package]) -> bool:
    """True if what was chosen is all that another `python` needs, and runs on it."""
    waiting = [(each.requirement, "") for each in roots]
    seen: set[tuple[str, str]] = set()
    while waiting:
        asked, extra = waiting.pop()
        name = canonicalize_name(asked.name)
        if name == OURSELVES or not _applies(asked, python, extra):
            continue
        package = chosen.get(name)
        if package is None or not package.requires_python.contains(f"{python}.0"):
            return False
        for extra_name in ("", *asked.extras):
            if (name, extra_name) not in seen:
                seen.add((name, extra_name))
                waiting += [(each, extra_name) for each in package.requirements]
    return True
