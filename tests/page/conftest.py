"""The page of a bundle, written and opened once for many tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
from browsers import MODULES
from guide_alone import ALL, GRAY, Guide
from opened import Large, Opened
from picture_files import Reader

import cnnref
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model
from cnnref.page.bundle_scripts import bundle_scripts
from cnnref.page.write import PAGE, PageContents, Sample, write_page
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
        one.was_quiet()


@pytest.fixture(scope="session")
def kept_open(browser: Any, page_of: Callable[[str], Path]) -> Iterator[Callable[[str], Opened]]:
    """name of a shipped bundle -> its page, which is opened once and stays open."""
    pages: dict[str, Opened] = {}

    def kept(name: str) -> Opened:
        if name not in pages:
            pages[name] = Opened(browser, page_of(name), reduced_motion="reduce")
        return pages[name]

    yield kept
    for one in pages.values():
        one.close()


@pytest.fixture
def shown(kept_open: Callable[[str], Opened]) -> Iterator[Callable[[str], Any]]:
    """name of a shipped bundle -> its page in a tab that many tests share, as it was when it opened.

    A page takes seconds to open. What a test changes for good belongs into a tab of its own (`opened`): what is
    unfolded, pictures of the reader's own, the history.
    """
    used: list[Opened] = []

    def show(name: str) -> Any:
        used.append(kept_open(name))
        return used[-1].as_it_opened()

    yield show
    for one in used:
        one.was_quiet()


@pytest.fixture(scope="session")
def large() -> Large:
    """The smallest architecture with more weights than a page computes in double precision."""
    model = small_models.randomise(cnnref.build("squeezenet1_1_cifar"))
    contract = contract_of(model, "large", None, {})
    image = np.random.default_rng(1).integers(0, 256, contract.shape, np.uint8)
    contents = PageContents(
        onnx_model(model, contract).SerializeToString(),
        name="large",
        shape=contract.shape,
        labels=contract.labels,
        samples=[Sample(image, "noise")],
    )
    found = Large(contents, np.asarray(model(image[None].astype(np.float32)))[0])
    small_models.forget()
    return found


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
