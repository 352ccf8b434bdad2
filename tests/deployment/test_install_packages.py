"""`deployment/install-packages` while another process holds a lock of apt or dpkg.

The locks are real, but lie in a directory of the test's own, so that the machine's stay free.
"""

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT

PROGRAM = CHECKOUT / "deployment" / "install-packages"
INSTALLED = "base-files"  # on every Debian: nothing is left to do
UNKNOWN = "no-such-package"  # apt-get updates its lists and then gives up

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="apt-get takes its locks for root only")


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], subprocess.Popen[str]]:
    """Starts the program with apt's own state in `tmp_path`, and without package sources."""
    (tmp_path / "status").write_bytes(Path("/var/lib/dpkg/status").read_bytes())
    (tmp_path / "lists").mkdir()
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::State::status "{tmp_path}/status";\nDir::State::lists "{tmp_path}/lists";\n'
        f'Dir::Cache "{tmp_path}";\nDir::Etc::sourcelist "/dev/null";\n'
        'Dir::Etc::sourceparts "/dev/null";\n'
    )

    def started(package: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(PROGRAM), package],
            env=os.environ | {"APT_CONFIG": str(config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return started


@pytest.mark.parametrize(
    ("lock", "package", "code"),
    [("lock-frontend", INSTALLED, 0), ("lists/lock", UNKNOWN, 1)],
)
def test_a_held_lock_is_waited_for(
    tmp_path: Path,
    start: Callable[[str], subprocess.Popen[str]],
    lock: str,
    package: str,
    code: int,
) -> None:
    """It names the lock and its holder, and goes on as soon as the lock is free."""
    with (tmp_path / lock).open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        process = start(package)
        assert process.stdout
        assert process.stdout.readline() == f"installing Debian packages: {package}\n"
        said = process.stdout.readline()
        assert said.startswith("waiting up to 30 min for another process to finish: Could not get")
        assert f"{tmp_path / lock}. It is held by process {os.getpid()} (" in said
        assert process.poll() is None
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest) == (code, "")
    assert ("apt-get could not install" in errors) == bool(code)


def test_a_free_lock_is_not_spoken_of(start: Callable[[str], subprocess.Popen[str]]) -> None:
    """Without another process there is no word of waiting."""
    out, _ = start(INSTALLED).communicate(timeout=60)
    assert out == f"installing Debian packages: {INSTALLED}\n"
