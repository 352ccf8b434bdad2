"""The command `k8s-job`, also as `python -m pytest_k8s_job`."""

import sys

__all__ = ["main"]

PYTEST = "pytest"  # the verb that runs `pytest --in-cluster`
PLUGIN = "k8s_job"  # our entry point


def main() -> int:
    """Run the command; say what is missing where only the pod's part is installed."""
    if sys.argv[1:2] == [PYTEST]:
        return run_pytest(sys.argv[2:])
    try:
        from pytest_k8s_job.cli import main as command  # noqa: PLC0415 (needs the extra)
    except ModuleNotFoundError as error:
        sys.exit(f"k8s-job needs {error.name}: pip install 'pytest-k8s-job[collector]'")
    return command.main()


def run_pytest(words: list[str]) -> int:
    """Run `pytest --in-cluster` with our plugin loaded before those that the ini file names.

    Pytest imports what `addopts = -p NAME` names before it loads entry points, and stops at a
    plugin that only the image has.
    """
    import pytest  # noqa: PLC0415 (the other verbs do without)

    return pytest.main(["--in-cluster", *words], plugins=[PLUGIN])


if __name__ == "__main__":
    sys.exit(main())
