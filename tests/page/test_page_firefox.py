"""The page in Firefox: what the other tests hold it to in Chromium, looked at once more where browsers differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from opened import Large

from cnnref.page.write import page
from cnnref.runtimes import find_bundle, read_bundle, read_samples

if TYPE_CHECKING:
    from firefox import Firefox

pytestmark = pytest.mark.browser

#: True once the network has run and a layer is shown.
READY = """new Promise((done) => {
  const look = () => (document.getElementById('guide') ? done(true) : setTimeout(look, 50));
  look();
})"""
#: Where the middle of a map of conv2 is in the window.
MAP = """(() => {
  const box = document.querySelector('#card-conv2 canvas').getBoundingClientRect();
  const tensor = tensorNamed(nodeNamed('conv2').output);
  const tiling = tilingOf(tensor, box.width, box.height);
  const [left, top] = cornerOf(tiling, 3);
  return [box.left + left + tiling.width / 2, box.top + top + tiling.height / 2];
})()"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Firefox, in which nothing may go wrong."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("no Firefox: run bash scripts/browser.sh")
    pytest.importorskip("websockets", reason="no package websockets: run bash scripts/browser.sh")
    import firefox

    started = firefox.Firefox(program, tmp_path_factory.mktemp("profile"))
    started.resize(1440, 900)
    yield started
    started.close()


@pytest.fixture
def shown_in_firefox(firefox: Firefox, page_of: Callable[[str], Path]) -> Iterator[Callable[..., Firefox]]:
    """(page or name of a bundle, part of the address) -> Firefox, once the network has run."""
    firefox.said.clear()
    firefox.asked.clear()

    def opened(file: Path | str, part: str = "") -> Firefox:
        firefox.open((page_of(file) if isinstance(file, str) else file).as_uri() + part)
        assert firefox.evaluate(READY)
        return firefox

    yield opened
    assert firefox.said == []
    assert [url for url in firefox.asked if not url.startswith(("file:", "blob:", "data:", "about:"))] == []


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet20-cifar10"])
def test_firefox_computes_what_onnx_runtime_computes(name: str, shown_in_firefox: Callable[..., Firefox]) -> None:
    tab = shown_in_firefox(name)
    assert tab.evaluate("Boolean(engine.worker)")  # in a thread of its own, from a file, too
    bundle = read_bundle(find_bundle(name))
    session = onnxruntime.InferenceSession(bundle.folder / "model.onnx", providers=["CPUExecutionProvider"])
    for image in read_samples(bundle).images[:3]:
        values = f"Uint8Array.of({','.join(map(str, image.ravel().tolist()))})"
        found = tab.evaluate(f"showPicture({{ values: {values}, name: 'a', sample: null }}).then(probabilities)")
        expected = session.run(["probabilities"], {"image": image[None].astype(np.float32)})[0][0]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_firefox_computes_a_large_network_with_webassembly(
    large: Large, shown_in_firefox: Callable[..., Firefox], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(page(large.contents), encoding="utf-8")
    tab = shown_in_firefox(tmp_path / "page.html")
    assert tab.evaluate("state.graph.single") is True
    np.testing.assert_allclose(tab.evaluate("probabilities()"), large.probabilities, atol=1e-5)


def test_firefox_plays_how_a_map_is_made(shown_in_firefox: Callable[..., Firefox]) -> None:
    tab = shown_in_firefox("lenet5-mnist")
    tab.click(*tab.evaluate(MAP))
    assert tab.evaluate("[state.node.name, state.channel]") == ["conv2", 3]
    assert "map 3 of conv2" in tab.evaluate("document.querySelector('#play h3').textContent")
    assert tab.evaluate("document.querySelector('#play button').textContent") == "■ Stop"
    sentence = "document.querySelector('#play .equation').textContent"
    before = tab.evaluate(sentence)
    wait = "new Promise((done) => setTimeout(done, 500)).then(() => {0})"
    assert tab.evaluate(wait.replace("{0}", sentence)) != before
    tab.evaluate("void document.querySelector('#play button').click()")
    assert tab.evaluate("document.querySelector('#play button').textContent") == "▶ Play"


def test_firefox_keeps_the_state_in_the_address(shown_in_firefox: Callable[..., Firefox]) -> None:
    tab = shown_in_firefox("lenet5-mnist", "#value&picture=2&layer=conv2&value=113")
    assert tab.evaluate("[state.picture.sample, state.node.name, state.at]") == [2, "conv2", 113]
    tab.evaluate("void document.querySelector('#card-pool1').click()")
    assert "layer=pool1" in tab.evaluate("location.hash")
    tab.back()
    wait = "new Promise((done) => setTimeout(done, 300)).then(() => [state.node.name, state.at])"
    assert tab.evaluate(wait) == ["conv2", 113]


def test_firefox_shows_the_first_screen_and_builds_the_guide(shown_in_firefox: Callable[..., Firefox]) -> None:
    tab = shown_in_firefox("resnet20-cifar10")
    for place in ("#picture .stage", ".strip", "#card-logits", ".scores .best", "#play .sum"):
        found = f"document.querySelector('{place}').getBoundingClientRect()"
        left, top, right, bottom = tab.evaluate(
            f"(({{ left, top, right, bottom }}) => [left, top, right, bottom])({found})"
        )
        assert 0 <= left < right <= 1440, place
        assert 0 <= top < bottom <= 900, place
    tab.evaluate("void document.querySelectorAll('#guide section').forEach((one) => one.scrollIntoView())")
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
