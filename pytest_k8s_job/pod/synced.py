"""The container's command of `--sync`: unpacks what the collector sent, then starts the agent.

The files come as parts of tar archives in a volume of ConfigMaps. They are put together in an
emptyDir, over links to what else the image has in its working directory; there pytest runs. No
shell, no tar, no writable root is needed. Standard library only.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_k8s_job.wire.sync_layout import (
    FILES,
    INPUT,
    PACKAGES,
    SUITE,
    SYNC,
    TOOL,
    WORK,
    content_digest,
    part_name,
    tree_digest,
)

__all__ = ["link_rest", "main", "unpack"]

USAGE_ERROR = 4  # pytest's own
# In a folder that holds sent files, the image's own would change what pytest does.
NEVER_LINKED = {"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"}
NEVER_LINKED |= {"pyproject.toml", "tox.ini", "setup.cfg", "__pycache__"}


def main() -> int:
    """Unpack everything, run the agent in the suite's folder and return its exit code."""
    order = json.loads(os.environ.pop(SYNC))
    _check_python(order["pythons"])
    image = Path.cwd()
    suite = Path(SUITE)
    sent = unpack(order["files"], "files", suite)
    paths = [TOOL]
    if order["packages"]:
        unpack(order["packages"], "packages", Path(PACKAGES))
        paths.append(PACKAGES)
    if image != Path("/"):
        link_rest(image, suite, frozenset(order["whole"]))
    _tell_emitter(sent)
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *_own_paths()])
    os.chdir(suite)
    from pytest_k8s_job.pod import agent  # noqa: PLC0415 (needs the Python that was checked)

    return agent.main([f"--rootdir={SUITE}", *sys.argv[1:]])


def _check_python(fitting: Sequence[str]) -> None:
    """Stop with one line if the packages were chosen for another Python."""
    here = "{}.{}".format(*sys.version_info)
    if fitting and here not in fitting:
        _stop(
            f"the packages that --sync brings fit Python {', '.join(fitting)}, the image has "
            f"{here}: add --sync-python {here}"
        )


def unpack(archive: Mapping[str, Any], kind: str, folder: Path) -> dict[str, str]:
    """Unpack the parts of an archive into `folder`; return the digest of each file there."""
    data = b"".join(
        Path(INPUT, part_name(kind, number)).read_bytes() for number in range(archive["parts"])
    )
    if content_digest(data) != archive["sha256"]:
        _stop(f"the archive of {kind} in {INPUT} is not the one that was sent")
    shutil.rmtree(folder, ignore_errors=True)  # of a container that was started before
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.data_filter
        names = [member.name for member in tar]
        tar.extractall(folder)  # noqa: S202 (its digest is the collector's)
    return {} if kind != "files" else {n: _digest_of(folder / n) for n in names}


def _digest_of(file: Path) -> str:
    return content_digest(file.read_bytes())


def link_rest(image: Path, suite: Path, whole: Iterable[str], below: str = "") -> None:
    """Link what the image has and was not sent; folders in `whole` were sent completely."""
    if (below or ".") in whole:
        return
    try:
        entries = sorted(os.scandir(image / below), key=lambda each: each.name)
    except OSError:
        return  # closed to this user: pytest could not read it either
    for entry in entries:
        path = f"{below}/{entry.name}".lstrip("/")
        place = suite / path
        if entry.name in NEVER_LINKED:
            continue
        if place.is_dir() and entry.is_dir():
            link_rest(image, suite, whole, path)
        elif not os.path.lexists(place):
            place.symlink_to(entry.path)


def _tell_emitter(sent: Mapping[str, str]) -> None:
    index = Path(WORK, "index.json")
    index.write_text(json.dumps({"sha256": tree_digest(sent), "files": sent}), "utf-8")
    os.environ[FILES] = str(index)


def _own_paths() -> list[str]:
    return [each for each in [os.environ.get("PYTHONPATH", "")] if each]


def _stop(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 (the pod's log)
    sys.exit(USAGE_ERROR)
