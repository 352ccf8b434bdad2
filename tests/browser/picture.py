"""`python -m tests.browser.picture`: draws docs/images/report.png, the picture in the README."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from pytest_k8s_job.report.page import render
from tests.browser.documents import failing_run
from tests.checkout import CHECKOUT

TARGET = CHECKOUT / "docs" / "images" / "report.png"
SIZE = ViewportSize(width=1080, height=1000)  # legible in a README


def main() -> None:
    """Draw the top of the report of a realistic failed run."""
    TARGET.parent.mkdir(exist_ok=True)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "index.html")
        page_file.write_text(render(failing_run()), encoding="utf-8")
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page(viewport=SIZE)
        page.goto(page_file.as_uri())
        page.screenshot(path=TARGET)
        browser.close()
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} KiB")  # noqa: T201 (the interface)


if __name__ == "__main__":
    main()
