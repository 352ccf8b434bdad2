"""`k8s-job`, also as `python -m pytest_k8s_job`."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command; say what is missing where only the pod's half is installed."""
    try:
        from pytest_k8s_job.cli import main as command  # noqa: PLC0415 (needs the extra)
    except ModuleNotFoundError as error:
        sys.exit(f"k8s-job needs {error.name}: pip install 'pytest-k8s-job[collector]'")
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
