"""The page of a bundle, written and opened once for many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import MODULES
from guide_alone import ALL, GRAY, Guide
from opened import Opened
from picture_files import Reader

from cnnref.page.bundle_scripts import bundle_scripts
from cnnref.page.write import PAGE, write_page
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


@pytest.fixture(scope="module")
def reader(browser: Any) -> Iterator[Reader]:
    """An empty page with the scripts that read pictures."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<!doctype html><title>empty</title>")
    page.add_script_tag(content=bundle_scripts(PAGE / "picture/read.js"))
    yield Reader(page)
    page.close()
    assert errors == []


@pytest.fixture
def guide_of(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Guide]]:
    """picture -> the guide with all its chapters built; at the end, nothing may have gone wrong."""
    guides: list[Guide] = []

    def open_guide(picture: np.ndarray = GRAY, **options: Any) -> Guide:
        guides.append(Guide(browser, tmp_path, picture, **options))
        guides[-1].page.evaluate(ALL)
        return guides[-1]

    yield open_guide
    for one in guides:
        one.context.close()
        assert one.wrong == []


@pytest.fixture(scope="module")
def bare(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One page for many questions to the arithmetic."""
    guide = Guide(browser, tmp_path_factory.mktemp("guide"), GRAY)
    yield guide.page
    guide.context.close()
    assert guide.wrong == []
