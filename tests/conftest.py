"""Fixtures that every room's tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import SWITCHES

import cnnref  # noqa: F401  first of all: it sets the environment that TensorFlow reads when it is loaded

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture(scope="session")
def datasets_folder() -> Path:
    """The folder with the real data sets. The environment is only read: tests that want CNNREF_DATA set it."""
    named = os.environ.get("CNNREF_DATA")
    folder = Path(named) if named else SHARED_DATA
    if not folder.is_dir():
        pytest.skip(f"no data folder: set CNNREF_DATA to the folder with the data sets ({folder} is missing)")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: run bash scripts/browser.sh")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: run bash scripts/browser.sh")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=SWITCHES)
        yield chromium
        chromium.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that open a browser, so that -m browser and -m "not browser" divide the suite."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say after the quick tests what they leave out."""
    if config.option.markexpr == "not exhaustive and not browser":
        skipped = len(terminalreporter.stats.get("skipped", []))
        terminalreporter.write_line(
            "These were the quick tests. Left out: the tests marked exhaustive (every architecture in every format, "
            "kills of training runs, all shipped bundles on their whole test sets) and the tests in a browser"
            + (f"; {skipped} more were skipped, see -rs for what they need" if skipped else "")
            + ". To run all: bash scripts/test.sh --all"
        )
