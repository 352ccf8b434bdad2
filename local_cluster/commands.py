"""Run another program and turn its failure into one line."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local_cluster.errors import ClusterError
from local_cluster.settings import NODE_IP

POLL_SECONDS = 0.2


def run(*command: str | Path, what: str = "", stdin: str | None = None) -> str:
    """Standard output of a command.

    Raises:
        ClusterError: it failed or is missing; `what` says what it was for.
    """
    words = [str(word) for word in command]
    what = what or " ".join(words[:3])
    try:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, env=direct(), check=False
        )
    except OSError as error:
        raise ClusterError(f"{what}: {words[0]}: {error.strerror}") from error
    if done.returncode:
        raise ClusterError(f"{what}: {_last_line(done.stderr or done.stdout)}")
    return done.stdout


def direct() -> dict[str, str]:
    """The environment, with the cluster's own address kept from a proxy."""
    around = ",".join(filter(None, (os.environ.get("NO_PROXY"), NODE_IP)))
    return {**os.environ, "NO_PROXY": around, "no_proxy": around}


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long command, append its output to `log`.

    Raises:
        ClusterError: it failed; names the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    with log.open("a") as out:
        out.write(f"\n$ {' '.join(words)}\n")
        out.flush()
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                check=False,
            )
        except OSError as error:
            raise ClusterError(f"{what}: {words[0]}: {error.strerror}") from error
    if done.returncode:
        raise ClusterError(f"{what} failed (exit {done.returncode}); log: {log}")


def wait_until(ready: Callable[[], str], seconds: float, what: str) -> None:
    """Poll `ready` until it returns an empty string; else it returns what is missing.

    Raises:
        ClusterError: still missing after `seconds`; tells the last thing that `ready` said.
    """
    end = time.monotonic() + seconds
    while missing := ready():
        if time.monotonic() > end:
            raise ClusterError(f"{what}: not ready within {seconds:.0f} s: {missing}")
        time.sleep(POLL_SECONDS)


def _last_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"
