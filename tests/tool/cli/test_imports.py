"""The command starts where only the validator's packages are installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.checkout import CHECKOUT

EXTRAS = ("collector", "report", "metrics", "loop")


def missing_in_the_validator() -> list[str]:
    """Return the modules of our extras that the validator's image does not have."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    lock = (CHECKOUT / "requirements" / "validator.txt").read_text()
    extras = project["project"]["optional-dependencies"]
    names = {word.partition(">")[0] for extra in EXTRAS for word in extras[extra]}
    return sorted(name for name in names if f"\n{name}==" not in f"\n{lock}")


def test_something_is_missing_there() -> None:
    """Else the next test would say nothing."""
    assert "pathspec" in missing_in_the_validator()
    assert "kubernetes" not in missing_in_the_validator()


@pytest.mark.parametrize("module", ["cli.main", "validation.session_plugin", "plugin"])
def test_it_starts_without_them(module: str) -> None:
    """No verb imports at its start what only another verb needs."""
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in missing_in_the_validator())
    code = f"import sys; {blocked}import pytest_k8s_job.{module}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
