"""The package's public names and its layers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

from pytest_k8s_job import errors
from tests.checkout import CHECKOUT

PACKAGE = CHECKOUT / "pytest_k8s_job"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imported(module: str) -> set[str]:
    """Return the top-level names of what a module imports."""
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", MODULES)
def test_public_names_exist(module: str) -> None:
    """Every name in a module's __all__ is there."""
    loaded = importlib.import_module(f"pytest_k8s_job.{module}")
    for name in getattr(loaded, "__all__", ()):
        assert hasattr(loaded, name)


def test_all_errors_are_public_and_of_one_kind() -> None:
    """Each error is exported, drawn in the tree of the module, and a K8sJobError."""
    own = {n for n, e in vars(errors).items() if inspect.isclass(e) and issubclass(e, Exception)}
    assert own == set(errors.__all__)
    for name in own:
        assert name in (errors.__doc__ or "")
        assert issubclass(getattr(errors, name), errors.K8sJobError)


@pytest.mark.parametrize("module", MODULES)
def test_client_library_stays_behind_its_edge(module: str) -> None:
    """Only cluster.py imports the Kubernetes client."""
    assert ("kubernetes" in imported(module)) == (module == "cluster")


def test_agent_needs_the_standard_library_only() -> None:
    """The agent starts before pytest does: it loads neither pytest nor anything installed."""
    code = "import sys, pytest_k8s_job.pod.agent as a; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    known = set(sys.stdlib_module_names) | {"pytest_k8s_job", "__main__", "__mp_main__"}
    assert {each for each in loaded if not each.startswith("_")} <= known


def test_plugin_is_light() -> None:
    """A session that runs here loads neither the Kubernetes client nor YAML."""
    code = "import sys, pytest_k8s_job.plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert not {"kubernetes", "yaml", "urllib3"} & set(done.stdout.split())
