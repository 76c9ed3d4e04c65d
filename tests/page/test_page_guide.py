"""The guide's chapters: each reacts at once, and each can be reached and read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guide_alone import ALL, COLOUR, GRAY, GUIDE, LARGE, Guide
from opened import WCAG, must_be_accessible, must_fit

from cnnref.arithmetic import conv2d
from cnnref.arithmetic.kernels import KERNELS
from cnnref.page.bundle_scripts import read_module
from cnnref.page.compact import compact_script
from cnnref.page.write import PAGE


@pytest.fixture(scope="module")
def gray(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    """One guide with all its chapters built, for tests of which each works in chapters of its own."""
    guide = Guide(browser, tmp_path_factory.mktemp("guide"), GRAY)
    guide.page.evaluate(ALL)
    yield guide
    guide.context.close()
    assert guide.wrong == []


def test_the_worked_example_gives_19_25_37_43(gray: Guide) -> None:
    guide = gray
    following = guide.page.locator("#guide-example .player button").nth(2)
    results = []
    for _ in range(4):
        results.append(guide.text("example", ".sums strong"))
        following.click()
    assert results == ["19", "25", "37", "43"]
    assert guide.text("example", ".sums").startswith("Place 1 of 4: 0·0 + 1·1 + 3·2 + 4·3 = 0 + 1 + 6 + 12 = 19")


def test_the_window_s_sum_is_the_convolution_of_the_reader_s_picture(gray: Guide) -> None:
    guide = gray
    expected = conv2d(GRAY[:, :, 0], KERNELS["sobel_x"])
    # The window begins where there is most to see.
    row, column = np.unravel_index(np.abs(expected).argmax(), expected.shape)
    assert float(guide.text("kernel", ".sums strong")) == expected[row, column]
    for stage, key, there in (
        (1, "Right", column < 14),
        (1, "Left", column >= 14),
        (0, "Down", row < 14),
        (0, "Up", row >= 14),
    ):
        for _ in range(abs(14 - int(row if stage == 0 else column)) if there else 0):
            guide.page.locator("#guide-kernel .stage").nth(stage).press(f"Arrow{key}")
    assert float(guide.text("kernel", ".sums strong")) == expected[14, 14]
    guide.page.locator("#guide-kernel select").select_option("box_blur")
    blurred = float(guide.text("kernel", ".sums p:nth-child(2) strong"))
    assert blurred == pytest.approx(conv2d(GRAY[:, :, 0], KERNELS["box_blur"])[14, 14], rel=1e-4)
    guide.page.locator("#guide-kernel table input").nth(0).fill("100")
    assert guide.page.locator("#guide-kernel select").input_value() == "own"
    assert float(guide.text("kernel", ".sums strong")) == GRAY[14:17, 14:17].sum() + 99 * int(GRAY[14, 14, 0])


def test_colour_and_large_pictures_are_made_gray_and_small(guide_of: Callable[..., Guide]) -> None:
    for picture, size in ((COLOUR, (32, 32)), (LARGE, (43, 23))):
        guide = guide_of(picture)
        rows = np.array(guide.page.evaluate("grayRows(context.picture).rows"))
        assert rows.shape == size
        gray = picture @ np.array([0.299, 0.587, 0.114])
        block = -(-max(picture.shape) // 64)
        cut = gray[: size[0] * block, : size[1] * block].reshape(size[0], block, size[1], block)
        assert np.abs(rows - cut.mean(axis=(1, 3))).max() <= 0.5 + 1e-9
        assert ("Shrunk to" in guide.text("kernel")) == (block > 1)


def test_a_chosen_pixel_moves_the_mixer(guide_of: Callable[..., Guide]) -> None:
    guide = guide_of(COLOUR)
    assert guide.page.locator("#guide-pixels .stage").count() == 4
    guide.page.locator("#guide-pixels .stage").nth(0).press("ArrowRight")
    assert guide.text("pixels", ".big") == ", ".join(map(str, COLOUR[0, 1]))
    guide.move("pixels", 2, 7)
    assert guide.text("pixels", ".big") == ", ".join(map(str, [*COLOUR[0, 1, :2], 7]))
    assert "one channel" in guide_of(GRAY).text("pixels")


def test_a_new_picture_is_shown(gray: Guide) -> None:
    gray.page.locator("#guide-kernel select").select_option("sobel_x")
    gray.show(np.zeros((28, 28, 1), np.uint8))
    assert gray.text("kernel", ".sums strong") == "0"
    gray.show(GRAY)
    expected = conv2d(GRAY[:, :, 0], KERNELS["sobel_x"])
    assert abs(float(gray.text("kernel", ".sums strong"))) == np.abs(expected).max()


def test_every_chapter_reacts(gray: Guide) -> None:
    guide = gray
    page = guide.page
    guide.move("depth", 0, 5)
    assert "Map 0: 4 + (-1) + 3 + bias 5 = 11" in guide.text("depth")
    page.locator("#guide-depth table button").nth(4).hover()  # map 0, row 1, column 1
    assert "Map 0: 3 + 1 + 1 + bias 5 = 10" in guide.text("depth")
    guide.move("stride", 0, 4)
    assert "answer 2 x 3" in guide.text("stride")
    for side, cells in enumerate((0, 2, 1, 2)):
        guide.move("padding", side, cells)
    assert "Rows: 4 + 0 + 2 - 3 + 1 = 4" in guide.text("padding")
    assert "answer 4 x 5" in guide.text("padding")
    assert page.locator("#guide-padding td.padding").count() == 6 * 7 - 16
    guide.move("dilation", 0, 3)
    assert "Reach: 3·(3 - 1) + 1 = 7" in guide.text("dilation")
    assert "3 + 1 + 2 + 2 + 3 + 3 + 9 + 9 + 5 = 37" in guide.text("dilation")
    guide.move("size", 2, 4)
    assert "= ⌊7 / 4⌋ + 1 = ⌊1.75⌋ + 1 = 1 + 1" in guide.text("size")
    assert page.locator("#guide-size .cross").count() == 10 - 6
    page.locator("#guide-pooling table input").nth(0).fill("41")
    assert "max(41, 2, 3, 4) = 41" in guide.text("pooling")
    page.locator("#guide-pooling select").select_option("average")
    assert "(41 + 2 + 3 + 4) / 4 = 12.5" in guide.text("pooling")
    page.locator("#guide-flatten table button").nth(14).hover()  # channel 1, row 0, column 2
    assert "(1·3 + 0)·4 + 2 = entry 14" in guide.text("flatten")
    assert "(0·4 + 2)·2 + 1 = entry 5" in guide.text("flatten")
    assert page.locator("#guide-flatten li.chosen").all_inner_texts() == ["14\nO", "5\nO"]
    page.locator("#guide-dense table input").nth(4).fill("-3")
    assert "Output 1: 2·(-3) + (-1)·1 + 3·2 + 0 = -1" in guide.text("dense")
    page.locator("#guide-activations button", has_text="sigmoid").click()
    page.locator("#guide-activations .plot").press("End")
    assert "sigmoid(4) = 1 / (1 + exp(-4)) = 0.98201" in guide.text("activations")
    page.locator("#guide-activations .plot").press("ArrowLeft")
    assert "sigmoid(3.95)" in guide.text("activations")
    guide.move("softmax", 0, 0)
    assert "1.000 + 2.718 + 1.000 + 0.368 = 5.086" in guide.text("softmax")
    guide.move("network", 0, 4)
    assert "pool1, average pooling: keeps the mean" in guide.text("network", ".path-card")
    guide.move("network", 0, 6)
    assert "takes what a/b and pool1 gave" in guide.text("network", ".path-card")
    # Two lines lead to the last layer, one of them round the layer before it.
    lines = page.locator("#guide-network .path path")
    assert lines.count() == 6
    assert page.locator("#guide-network .path path.read").count() == 2


def test_every_chapter_on_blocks_and_learning_reacts(gray: Guide) -> None:
    guide = gray
    page = guide.page
    guide.move("field", 0, 4)
    guide.move("field", 2, 2)
    assert "Layer 4: 15 + (3 - 1)·8 = 31 pixels" in guide.text("field")
    assert page.locator("#guide-field rect").count() == 1 + 3 + 7 + 15 + 31
    guide.move("pointwise", 0, 4, kind="number")
    assert "Map 0: 4·1 + (-1)·(-1) + 3·0.5 = 6.5" in guide.text("pointwise")
    guide.move("pointwise", 0, 5)
    assert "Ordinary: 5·5·64·128 = 204,800 weights" in guide.text("pointwise")
    assert "5·5·64 + 64·128 = 9,792 weights" in guide.text("pointwise")
    before = page.locator("#guide-global .sums strong").all_inner_texts()
    page.locator("#guide-global button", has_text="Move").click()
    assert page.locator("#guide-global .sums strong").all_inner_texts() == before
    assert page.locator("#guide-global input").nth(1).input_value() == "0"
    page.locator("#guide-global select").select_option("max")
    assert page.locator("#guide-global .sums strong").all_inner_texts() == ["6", "3"]
    guide.move("batchnorm", 0, 2)
    assert "2·(8 - 5) / 2.2363 + 0 = 2.683" in guide.text("batchnorm")
    guide.move("skip", 0, 10)
    assert "With skips: (1 + 0.1)^10 = 2.5937" in guide.text("skip")
    drawn = guide.text("dropout", ".sums")
    page.locator("#guide-dropout button", has_text="Draw again").click()
    assert guide.text("dropout", ".sums") != drawn
    guide.move("dropout", 0, 0)
    assert "(2 + 5 + 1 + 4 + 3 + 6 + 2 + 1) / 8 = 3" in guide.text("dropout")
    guide.move("loss", 0, 0)
    guide.move("loss", 1, 0)
    assert "Loss: -log(0.33333) = 1.0986" in guide.text("loss")
    for _ in range(40):
        page.locator("#guide-descent button", has_text="Take a step").click()
    assert float(guide.text("descent", ".sums strong")) < 1e-6
    said = page.locator("#guide-backprop .sums").last.inner_text()
    foretold = page.locator("#guide-backprop .numbers:not(.edit)").nth(2).locator("td").all_inner_texts()
    page.locator("#guide-backprop button", has_text="Take the step").click()
    weights = (
        page.locator("#guide-backprop .edit").nth(1).locator("input").evaluate_all("all => all.map((one) => one.value)")
    )
    assert [float(one.replace("\u2212", "-")) for one in foretold] == pytest.approx([*map(float, weights)], rel=1e-4)
    # The loss that was foretold is the loss now.
    now = page.locator("#guide-backprop .sums").first.locator("strong").last.inner_text()
    assert said.endswith(f"= {now}")


def test_a_curve_can_be_dragged(gray: Guide) -> None:
    guide = gray
    guide.page.locator("#guide-activations button", has_text=re.compile("^ReLU")).click()
    plot = guide.page.locator("#guide-activations .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    guide.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    guide.page.mouse.down()
    guide.page.mouse.move(box["x"] + box["width"] * (4.2 + 3) / 8.4, box["y"] + 20)
    guide.page.mouse.up()
    assert "ReLU(3) = max(0, 3) = 3" in guide.text("activations")


def test_chapters_name_the_layers_that_do_it_as_text(gray: Guide) -> None:
    page = gray.page
    links = page.locator("#guide-kernel .words a")
    assert [link.get_attribute("href") for link in links.all()] == ["#layer-conv1", "#layer-a%2Fb"]
    assert page.locator("#guide-activations .words a").inner_text() == "<b>&1"
    assert page.locator("#guide-softmax .words a").count() == 0


def test_chapters_are_built_unasked_and_at_once_when_they_are_linked_to(browser: Any, tmp_path: Path) -> None:
    guide = Guide(browser, tmp_path, GRAY)
    guide.page.wait_for_selector(".waiting", state="detached")  # all of them, while there is nothing else to do
    guide.page.emulate_media(reduced_motion="reduce")
    guide.page.get_by_role("link", name="Pooling", exact=True).click()
    guide.page.wait_for_selector("#guide-pooling .doing")
    top = guide.page.evaluate("document.getElementById('guide-pooling').getBoundingClientRect().top")
    assert abs(top) < 2
    guide.page.goto("about:blank")
    guide.page.goto(f"{guide.file.as_uri()}#guide-dense")
    guide.page.wait_for_selector("#guide-dense .doing")
    assert guide.wrong == []
    guide.context.close()


def test_the_window_plays_stops_and_stays_still_for_those_who_want_it(gray: Guide) -> None:
    page = gray.page
    play = page.locator("#guide-kernel .player button").nth(1)
    play.click()
    assert "Stop" in play.inner_text()
    first = page.locator("#guide-kernel .sums").inner_text()
    page.wait_for_function("(text) => document.querySelector('#guide-kernel .sums').innerText !== text", arg=first)
    play.click()
    assert "Play" in play.inner_text()
    stopped = page.locator("#guide-kernel .sums").inner_text()
    page.wait_for_timeout(200)
    assert page.locator("#guide-kernel .sums").inner_text() == stopped
    page.emulate_media(reduced_motion="reduce")
    play.wait_for(state="hidden")


def test_the_page_keeps_out_nobody_and_never_scrolls_sideways(guide_of: Callable[..., Guide], axe: str) -> None:
    page = guide_of(COLOUR).page
    must_be_accessible(page, axe, rules=WCAG)
    must_fit(page)
    for name in ("guide-kernel", "guide-pixels"):
        page.locator(f"#{name} summary").first.click()
    must_fit(page)


def test_every_control_can_be_reached_by_tab_and_has_a_name(guide_of: Callable[..., Guide]) -> None:
    page = guide_of(COLOUR).page
    focusable = page.evaluate(
        """() => [...document.querySelectorAll("#guide :is(a, button, input, select, summary, [tabindex])")]
          .filter((one) => one.tabIndex >= 0 && one.checkVisibility()).length"""
    )
    page.evaluate("() => { window.reached = new Set();"
                  " addEventListener('focusin', (event) => reached.add(event.target)); }")  # fmt: skip
    for _ in range(focusable):
        page.keyboard.press("Tab")
    assert page.evaluate("[...reached].filter((one) => one.closest('#guide')).length") == focusable
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("#guide :is(button, input, select, [role=slider], [role=img], canvas)")]
          .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).length"""
    )
    assert unnamed == 0


def test_the_scripts_are_small_and_share_no_name_with_the_page_s() -> None:
    named = re.compile(r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
    texts = {str(file.relative_to(PAGE)): file.read_text(encoding="utf-8") for file in PAGE.rglob("*.js")}
    names = [name for text in texts.values() for name in named.findall(text)]
    own = {name for file in GUIDE for name in named.findall(texts[file])}
    assert sorted(name for name in own if names.count(name) > 1) == []
    chapters = len(re.findall(r'\["guide-', texts["guide/guide.js"]))
    assert chapters == 23
    # What the page carries of each chapter.
    carried = (compact_script(read_module(PAGE / file).script) for file in GUIDE)
    assert sum(len(script.encode()) for script in carried) < 3_200 * chapters
    for file in GUIDE:
        assert max(map(len, texts[file].splitlines())) <= 120
        assert "innerHTML" not in texts[file]
