"""Tests of the recipes' pages: each shows a good and a bad deploy, as they were printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recipes.__main__ import RECIPES as ALL
from tests.recipes.pages import blocks, write_pages
from tests.recipes.recipe import Recipe


@pytest.mark.parametrize("recipe", ALL, ids=lambda each: each.name)
def test_each_page_shows_both_deploys(recipe: Recipe) -> None:
    """A page shows what was printed for a deploy that passes and one that fails."""
    shown = blocks((recipe.folder / "README.md").read_text())
    assert "2 passed" in shown["good"]
    assert "1 failed, 1 passed" in shown["bad"]


def test_only_right_outputs_get_into_a_page(tmp_path: Path) -> None:
    """An output that was right replaces the one on the page, any other does not."""
    page = tmp_path / "kubectl" / "README.md"
    page.parent.mkdir()
    block = "<!-- {} -->\n```text\nold\n```\n"
    page.write_text(block.format("good") + block.format("bad"))
    row = {"recipe": "kubectl", "output": "new \nline"}
    rows = [{**row, "case": "good", "right": True}, {**row, "case": "bad", "right": False}]
    report = tmp_path / "recipes.json"
    report.write_text(json.dumps(rows))
    write_pages(report, tmp_path)
    assert blocks(page.read_text()) == {"good": "new\nline", "bad": "old"}
