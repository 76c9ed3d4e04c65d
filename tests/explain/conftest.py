"""The page of a bundle, written and opened once for many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import MODULES
from opened import Opened

from cnnref.explain.page import write_page
from cnnref.runtimes import find_bundle, read_bundle


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """name of a shipped bundle -> its page, a file."""
    folder = tmp_path_factory.mktemp("pages")

    def written(name: str) -> Path:
        out = folder / f"{name}.html"
        return out if out.exists() else write_page(read_bundle(find_bundle(name)), out)

    return written


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """file -> an opened page; at the end, none may have asked for anything or have gone wrong."""
    pages: list[Opened] = []

    def open_page(path: Path, **settings: Any) -> Opened:
        pages.append(Opened(browser, path, **settings))
        return pages[-1]

    yield open_page
    for one in pages:
        one.close()
        assert one.wrong == []
        assert [url for url in one.asked if not url.startswith(("file:", "blob:", "data:"))] == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's program, which looks for what keeps people out."""
    program = MODULES / "axe-core" / "axe.min.js"
    if not program.is_file():
        pytest.skip(f"no axe-core in {MODULES}: run bash scripts/browser.sh, or set CNNREF_WEB_MODULES")
    return program.read_text(encoding="utf-8")
