"""What the service logged during a test, read back."""

import json
from typing import Any

import pytest


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged so far; every line must be JSON."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
