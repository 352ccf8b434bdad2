"""The pages of the recipes: puts what was printed for a good and a bad deploy into them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.recipes.place import RECIPES
from tests.recipes.report import REPORT

__all__ = ["BLOCK", "blocks", "write_pages"]

# The block after `<!-- good -->` or `<!-- bad -->`.
BLOCK = re.compile(r"(<!-- (?P<case>[a-z-]+) -->\n```text\n)(?P<output>.*?)(\n```)", re.DOTALL)


def blocks(text: str) -> dict[str, str]:
    """Return case -> output, as a page shows them."""
    return {each["case"]: each["output"] for each in BLOCK.finditer(text)}


def write_pages(report: Path = REPORT, folder: Path = RECIPES) -> None:
    """Put the outputs of the last runs into the pages; a wrong one is left out."""
    outputs = {
        (row["recipe"], row["case"]): row["output"]
        for row in json.loads(report.read_text())
        if row["right"]
    }
    for page in sorted(folder.glob("*/README.md")):
        recipe = page.parent.name

        def replaced(match: re.Match[str], recipe: str = recipe) -> str:
            output = outputs.get((recipe, str(match["case"])), str(match["output"]))
            lines = (line.rstrip() for line in output.splitlines())
            return match[1] + "\n".join(lines) + match[4]

        page.write_text(BLOCK.sub(replaced, page.read_text()))
