"""Tests of the check of pipelines against a schema."""

from __future__ import annotations

import json
from pathlib import Path

from tests.recipes.schemas import faults, read

SCHEMA = {"type": "object", "required": ["on"], "properties": {"on": {"type": "string"}}}


def test_faults_are_found(tmp_path: Path) -> None:
    """`on` is a name and no truth value, and what breaks the schema is named with its place."""
    (tmp_path / "small.json").write_text(json.dumps(SCHEMA))
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text("on: push\n")
    assert list(faults(read(pipeline), "small", tmp_path)) == []
    pipeline.write_text("on: 3\n")
    assert list(faults(read(pipeline), "small", tmp_path)) == ["$.on: 3 is not of type 'string'"]
