"""Requests made from the description of the API, good and bad, against the real service."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.app.served import Served
from tests.checkout import CHECKOUT

CONFIG = CHECKOUT / "tests" / "app" / "schemathesis.toml"
EXAMPLES = "15"
"""Requests of each route in each phase; together about 400."""
LONGEST = 240
"""Seconds for all of them on a busy machine."""
EVERY_DAY = (
    "date,precipitation,temp_max,temp_min,wind,weather\n"
    "0001-01-01,0,9,3,2,sun\n9999-12-31,0,9,3,2,sun\n"
)
"""A data set that any period lies within, so that jobs are made."""


@pytest.mark.slow
def test_schemathesis_finds_nothing(serve: Callable[[], Served], tmp_path: Path) -> None:
    """No request is answered by other than what the description says, nor by an error of ours."""
    served = serve()
    headers = {"Content-Type": "text/csv"}
    requests.post(f"{served.url}/data", data=EVERY_DAY, headers=headers, timeout=10)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
    command += ["run", f"{served.url}/openapi.json", "--max-examples", EXAMPLES, "--no-color"]
    run = subprocess.run(
        [*command, "--generation-deterministic"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Operations:       29 selected" in run.stdout, run.stdout
