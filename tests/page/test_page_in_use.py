"""The page in use: pictures of one's own, the keyboard, every width, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opened import AXE, WCAG, Opened, must_be_accessible, must_fit
from PIL import Image

import cnnref
from cnnref.runtimes import find_bundle

FOCUSED = """
() => {
  const here = document.activeElement;
  if (here === document.body) return null;
  const style = here.getAttribute("class") ?? "";
  return [here.closest("section")?.id ?? here.parentElement.tagName, here.tagName, style, here.id];
}
"""
OPEN_ALL = "(where) => document.querySelectorAll(where).forEach((one) => (one.open = true))"


def build_all_chapters(tab: Any) -> None:
    """Chapters are built when they come near; a link to the last one builds all before it."""
    tab.evaluate("location.hash = 'guide-network'")
    tab.wait_for_selector("#guide .waiting", state="detached")


def test_pictures_of_ones_own_are_seen_as_predict_sees_them(
    page_of: Callable[[str], Path], opened: Callable[..., Opened], tmp_path: Path
) -> None:
    tab = opened(page_of("resnet8-cifar10")).ready()
    pixels = np.random.default_rng(1).integers(0, 256, (70, 50, 4), np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "own.png")
    tab.set_input_files("#file", tmp_path / "own.png")
    tab.wait_for_selector("#status:has-text('own.png')")
    seen = np.array(tab.evaluate("[...state.picture.values]"), np.uint8).reshape(32, 32, 3)
    np.testing.assert_array_equal(seen, cnnref.pictures.read_picture(tmp_path / "own.png", 32, 32, 3))
    best = cnnref.runtimes.predict(find_bundle("resnet8-cifar10"), [tmp_path / "own.png"])[0].top[0]
    assert tab.text_content(".scores .best .label") == best[0]
    before = tab.text_content("#status")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "words.png").write_text("no picture <b>at all</b>")
    for file, said in (("empty.png", "empty"), ("words.png", "no picture")):
        tab.set_input_files("#file", tmp_path / file)
        tab.wait_for_selector(f"[role=alert]:has-text('{file}'):has-text('{said}')")
    assert tab.text_content("#status") == before


def test_a_drawn_digit_is_read(page_of: Callable[[str], Path], opened: Callable[..., Opened]) -> None:
    tab = opened(page_of("lenet5-mnist")).ready()
    box = tab.locator("canvas.drawing").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.52, box["y"] + box["height"] * 0.18)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.48, box["y"] + box["height"] * 0.82, steps=12)
    tab.mouse.up()
    tab.wait_for_selector("#status:has-text('your drawing: most probably 1')")
    tab.get_by_role("button", name="Clear the drawing").click()
    canvas = tab.locator("canvas.drawing")
    canvas.focus()
    for key in ["ArrowUp"] * 9 + ["Space"] + ["ArrowDown"] * 18:
        tab.keyboard.press(key)
    tab.wait_for_selector("#status:has-text('your drawing: most probably 1')")


def test_everything_is_reached_with_the_keyboard(page_of: Callable[[str], Path], opened: Callable[..., Opened]) -> None:
    tab = opened(page_of("lenet5-mnist")).ready()
    reached = set()
    for _ in range(400):
        tab.keyboard.press("Tab")
        here = tab.evaluate(FOCUSED)
        if here is None:
            break
        reached.add(tuple(here))
    sections = {place for place, *_ in reached}
    assert {"NAV", "picture", "network", "layer", "value", "why"} <= sections
    assert any(here == "file" for *_, here in reached)
    assert any("drawing" in style for _, _, style, _ in reached)
    # From the chosen value to the one beside it, and from a card to the next.
    tab.locator("#value .pickable").focus()
    before = tab.text_content(".the-value")
    tab.keyboard.press("ArrowLeft")
    assert tab.text_content(".the-value") != before
    assert tab.evaluate("document.activeElement.classList.contains('pickable')")
    tab.locator("#card-conv1").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    assert tab.text_content("#layer h2").startswith("conv1_tanh")
    assert tab.text_content("#made-of .equation").startswith("tanh(x)")


def test_a_value_leads_to_the_values_it_was_computed_from(shown: Callable[[str], Any]) -> None:
    """From a probability down to the picture, by the buttons alone."""
    tab = shown("lenet5-mnist")
    tab.evaluate("lookAt(nodeNamed('probabilities_2') ?? state.graph.nodes.at(-1))")
    tab.locator("#made-of .equation button").click()
    assert tab.text_content("#layer h2").startswith("logits")
    tab.evaluate("lookAtValue('pool2', 30)")
    tab.locator("#made-of .numbers button").first.click()
    assert tab.text_content("#layer h2").startswith("conv2_tanh")
    tab.locator("#made-of .equation button").click()
    tab.locator("#made-of .numbers button").first.click()
    assert tab.text_content("#layer h2").startswith("pool1")
    assert tab.locator("#picture .field").is_visible()
    assert tab.locator("#value .field").is_visible()


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet20-cifar10"])
def test_with_everything_open_a_page_keeps_out_nobody_and_fits_every_width(
    name: str, page_of: Callable[[str], Path], opened: Callable[..., Opened], axe: str
) -> None:
    """Where CNNREF_SCREENSHOTS names a folder, whole pages are written there, to look at."""
    tab = opened(page_of(name), reduced_motion="reduce").ready()
    build_all_chapters(tab)
    tab.evaluate(OPEN_ALL, "details")
    if name == "lenet5-mnist":  # the drawing of what covering does is the same for every network
        tab.get_by_role("button", name="Cover the picture").click()
        tab.wait_for_selector("#why .half:first-child .stage", timeout=180_000)
        assert must_be_accessible(tab, axe, rules=WCAG) > 15
    else:  # and so are the chapters, but for that on the network itself
        assert must_be_accessible(tab, axe, {"exclude": ["#guide section:not(#guide-network)"]}, WCAG) > 15
    must_fit(tab)
    if "CNNREF_SCREENSHOTS" in os.environ:
        tab.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = false))")
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            for width in (320, 768, 1440):
                tab.set_viewport_size({"width": width, "height": 900})
                file = f"{name}-{width}-{scheme}.png"
                tab.screenshot(path=Path(os.environ["CNNREF_SCREENSHOTS"]) / file, full_page=True)


@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_as_it_opens_follows_the_advice_of_axe_too(
    width: int, page_of: Callable[[str], Path], opened: Callable[..., Opened], axe: str
) -> None:
    tab = opened(page_of("lenet5-mnist"), viewport={"width": width, "height": 900}).ready()
    tab.evaluate(axe)
    assert tab.evaluate(AXE, [{"exclude": ["#guide section"]}, None])[0] == []


def test_the_pictures_in_the_readme(
    page_of: Callable[[str], Path], opened: Callable[..., Opened], tmp_path: Path
) -> None:
    """Where CNNREF_SCREENSHOTS names a folder, they are written there."""
    shots = Path(os.environ.get("CNNREF_SCREENSHOTS", tmp_path))
    tab = opened(page_of("lenet5-mnist"), viewport={"width": 1200, "height": 760}).ready()
    tab.wait_for_selector(".waiting", state="detached")
    for file, scheme, look, anchor in (
        ("explain-network.png", "light", "lookAt(nodeNamed('conv2'), 3)", ".page-head"),
        ("explain-number.png", "light", "lookAt(nodeNamed('conv2'), 3)", "#value"),
        ("explain-guide.png", "dark", "0", "#guide-padding"),
    ):
        tab.emulate_media(color_scheme=scheme)
        tab.evaluate(look)
        tab.evaluate("(anchor) => document.querySelector(anchor).scrollIntoView({ behavior: 'instant' })", anchor)
        tab.wait_for_timeout(500)
        tab.screenshot(path=shots / file)
        with Image.open(shots / file) as taken:
            assert taken.size == (1200, 760)
            assert len(taken.convert("RGB").getcolors(10_000_000)) > 50
