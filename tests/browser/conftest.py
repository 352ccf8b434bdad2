"""A real Chromium, and pages whose requests and complaints are noted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pytest_k8s_job.report.document import Document
from pytest_k8s_job.report.page import render

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}  # a common phone
expect.set_options(timeout=30_000)  # ms; a machine that builds a cluster beside this is slow


@dataclass
class Watched:
    """A page, the addresses it asked for, and what it wrote to the console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Open = Callable[..., Watched]
Show = Callable[..., Watched]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; root, as in CI, must run it without its sandbox."""
    path = shutil.which("chromium") or pytest.fail("chromium is missing: make chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


@pytest.fixture
def watch(browser: Browser) -> Iterator[Open]:
    """Opens an empty page that is watched; keywords are Playwright's for a context."""
    contexts = []

    def opened(**options: Any) -> Watched:
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on(
            "console",
            lambda said: (
                watched.complaints.append(said.text) if said.type in ("error", "warning") else None
            ),
        )
        return watched

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def show(watch: Open, tmp_path: Path) -> Show:
    """Writes a document's page to a file and opens that."""

    def shown(document: Document, **options: Any) -> Watched:
        path = tmp_path / "index.html"
        path.write_text(render(document), encoding="utf-8")
        watched = watch(**options)
        watched.page.goto(path.as_uri())
        return watched

    return shown
