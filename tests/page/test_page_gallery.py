"""Several bundles as a folder of pages with an index, which any static host can serve."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from opened import Opened, must_be_accessible, must_fit

from cnnref.errors import InputError
from cnnref.page.gallery import write_gallery
from cnnref.page.write import write_page
from cnnref.runtimes import find_bundle, read_bundle


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A folder of three bundles, one without an ONNX file, and of other things."""
    folder = tmp_path / "bundles"
    folder.mkdir()
    for name, source in (("first #1", "lenet5-mnist"), ("second", "resnet8-cifar10"), ("third", "speednet-cifar10")):
        (folder / name).symlink_to(find_bundle(source).resolve())
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("no bundle")
    return folder


def test_a_gallery_has_a_page_for_each_bundle_and_leads_to_it(bundles: Path, tmp_path: Path) -> None:
    told: list[str] = []
    pages = write_gallery(bundles, tmp_path / "site", tell=told.append)
    assert [page.name for page in pages] == ["index.html", "first #1.html", "second.html"]
    assert told == ["third is left out: a page needs a classifier and its model.onnx."]
    index = pages[0].read_text()
    assert re.findall('<a href="([^"]*)"', index) == ["first%20%231.html", "second.html"]
    assert not re.search("<script|(?:src|href)=[\"'](?:https?:)?//", index)
    write_page(read_bundle(bundles / "second"), tmp_path / "alone.html")
    assert pages[2].read_bytes() == (tmp_path / "alone.html").read_bytes()
    with pytest.raises(InputError, match="already exists"):
        write_gallery(bundles, tmp_path / "site")
    before = {page: page.read_bytes() for page in pages}
    assert {page: page.read_bytes() for page in write_gallery(bundles, tmp_path / "site", force=True)} == before


def test_what_is_no_gallery_is_neither_read_nor_replaced(bundles: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no bundle"):
        write_gallery(tmp_path, tmp_path / "site")
    with pytest.raises(InputError, match="is not a folder"):
        write_gallery(tmp_path / "absent", tmp_path / "site")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my own")
    with pytest.raises(InputError):
        write_gallery(bundles, tmp_path / "mine", force=True)
    assert (tmp_path / "mine" / "index.html").read_text() == "my own"
    (bundles / "index").symlink_to(find_bundle("lenet5-mnist").resolve())
    with pytest.raises(InputError, match="another name"):
        write_gallery(bundles, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_index_opens_the_pages_and_is_open_to_everyone(
    bundles: Path, tmp_path: Path, opened: Callable[..., Opened], axe: str
) -> None:
    index = write_gallery(bundles, tmp_path / "site")[0]
    tab = opened(index).page
    must_fit(tab)
    must_be_accessible(tab, axe)
    tab.locator(".gallery a").first.click()
    tab.wait_for_selector("#status:has-text('most probably')")
