"""Tries each recipe with each deploy: `python -m tests.recipes [--recipe NAME] [--case NAME]`.

Prints a line for each, writes reports/recipes.json, and exits 1 unless all went as they must.
"""

# ruff: noqa: T201 (the lines are the output)

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.recipes import report
from tests.recipes.argo_cd import ArgoCD
from tests.recipes.argo_rollouts import ArgoRollouts
from tests.recipes.cases import CASES, Case, Result
from tests.recipes.commands import GitHubActions, GitLab, Helm, Kubectl, Tekton
from tests.recipes.flagger import Flagger
from tests.recipes.flux import Flux
from tests.recipes.pages import write_pages
from tests.recipes.place import build_images, open_place
from tests.recipes.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (
    Kubectl(),
    Helm(),
    ArgoRollouts(),
    Flagger(),
    ArgoCD(),
    Flux(),
    GitHubActions(),
    GitLab(),
    Tekton(),
)
SHOWN = 4_000  # characters of the output of a deploy that went wrong


def main() -> int:
    """Try what the command line names; return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the controllers end too
    if options.docs:
        write_pages()
        return 0
    build_images()
    rows = []
    for recipe in RECIPES:
        if options.recipe not in ("", recipe.name):
            continue
        with open_folder() as folder, recipe.installed(folder):
            for case in recipe.cases:
                if options.case in ("", case.name):
                    rows.append(_row(recipe, case, options.show))
    report.write(rows)
    return 0 if rows and all(row["right"] for row in rows) else 1


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a folder that lives as long as the block."""
    with tempfile.TemporaryDirectory(prefix="recipes-") as folder:
        yield Path(folder)


def _row(recipe: Recipe, case: Case, show: bool) -> report.Row:
    try:
        result = _try(recipe, case)
    except Exception as error:  # the other recipes are still to be tried
        result = Result(None, f"{type(error).__name__}: {error}")
    row = report.row(recipe, case, result)
    print(report.line(row), flush=True)
    if show or not row["right"]:
        print(result.output[-SHOWN:], flush=True)
    return row


def _try(recipe: Recipe, case: Case) -> Result:
    with open_place(recipe.name) as place:
        try:
            recipe.prepare(place)
            recipe.change_tests(place, case)
            began = time.monotonic()
            accepted = recipe.deploy(place, case)
            seconds, output = time.monotonic() - began, "\n".join(place.shown)
            if recipe.takes_back:
                return Result(accepted, output, seconds)
            gate = place.run("k8s-job", "gate", "demo-test", "--timeout=1s")
            return Result(accepted, output, seconds, gate.returncode)
        finally:
            recipe.remove(place)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.recipes")
    parser.add_argument("--recipe", default="", choices=[each.name for each in RECIPES])
    parser.add_argument("--case", default="", choices=[each.name for each in CASES])
    parser.add_argument(
        "--docs", action="store_true", help="put earlier outputs into the pages, run nothing"
    )
    parser.add_argument("--show", action="store_true", help="print the output of each deploy")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
