"""The first screen: the whole network with all its maps, how each is made, and the way from the answer to the pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opened import Opened

from cnnref.page.headline import headline, subline
from cnnref.page.write import MODEL
from cnnref.runtimes import find_bundle, read_bundle

#: The middle of a map in its column, on the screen.
MIDDLE = """
([layer, map]) => {
  const card = document.getElementById(`card-${layer}`);
  card.scrollIntoView({ behavior: "instant", block: "center" });
  const box = card.querySelector("canvas").getBoundingClientRect();
  const tiling = tilingOf(tensorNamed(nodeNamed(layer).output), box.width, box.height);
  const [left, top] = cornerOf(tiling, map);
  return [box.left + left + tiling.width / 2, box.top + top + tiling.height / 2];
}
"""
#: How many columns have colours in them, and how many there are.
PAINTED = """
() => {
  const painted = [...document.querySelectorAll(".card canvas")].map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 1;
  });
  return [painted.filter((one) => one).length, painted.length];
}
"""
#: From how many maps lines lead to the chosen one.
READS = """
() => {
  const items = laidOut(itemsOf(openAtFirst()));
  return readsOf(items, items.find((one) => one.name === state.node.name), state.channel, state.at).length;
}
"""
#: What is said of how a map of a layer is made.
MADE = """
([name]) => {
  lookAt(nodeNamed(name), 3);
  const { reads, parts } = makingOf(state.node, 3, 9);
  return [reads, parts.length];
}
"""
#: The largest error of: the shares of all channels and the bias, added up, are the map.
ERROR = """
([layer, channel, most]) => {
  const { parts, rest, bias, result } = makingOf(nodeNamed(layer), channel, most);
  const all = [...parts.map((one) => one.partial), ...(rest ? [rest.partial] : [])];
  return Math.max(...result.values.map((value, at) =>
    Math.abs(value - bias - all.reduce((sum, one) => sum + one[at], 0)) / result.limit));
}
"""


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet20-cifar10"])
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_first_screen_has_the_whole_network(
    name: str, width: int, height: int, page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    tab = opened(page_of(name), viewport={"width": width, "height": height}).ready()
    assert tab.text_content("h1").startswith(f"{name} tells ")
    assert "% of the 10,000 test pictures" in tab.text_content(".facts-line")
    painted, columns = tab.evaluate(PAINTED)
    assert painted == columns >= 8
    how = ["#play .sum"] if width > 1024 else []  # how a map is made, down to its last row
    for place in ("#picture .stage", ".strip", "#card-logits", *how):
        box = tab.locator(place).bounding_box()
        assert box["y"] >= 0, place
        assert box["x"] + box["width"] <= width, place
        assert box["y"] + box["height"] <= height, place
    answer = tab.locator(".scores .best").bounding_box()
    assert answer["y"] + answer["height"] <= height
    assert (
        tab.evaluate(
            "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.strip-scroll'))"
        )
        <= 0
    )
    blocks = tab.evaluate("laidOut(itemsOf(openAtFirst())).filter(hasSkip).length")
    assert blocks == ((9 if width > 1024 else 3) if name == "resnet20-cifar10" else 0)  # in blocks, or in stages


def test_a_click_on_a_map_plays_how_it_is_made(page_of: Callable[[str], Path], opened: Callable[..., Opened]) -> None:
    tab = opened(page_of("lenet5-mnist")).ready()
    tab.mouse.click(*tab.evaluate(MIDDLE, ["conv2", 3]))
    assert tab.evaluate("[state.node.name, state.channel]") == ["conv2", 3]
    assert "map 3 of conv2" in tab.text_content("#play h3")
    tab.wait_for_selector("#play button:has-text('Stop')")
    before = tab.text_content("#play .equation")
    tab.wait_for_function("(before) => document.querySelector('#play .equation').textContent !== before", arg=before)
    tab.wait_for_selector("#play button:has-text('Play')", timeout=30_000)
    assert tab.locator("#play .flows path").count() == 6
    tab.locator("#play .sum .pickable").focus()
    at = tab.evaluate("state.at")
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate("state.at") == at - 10
    row, column = divmod((at - 10) % 100, 10)
    assert tab.text_content("#play .equation").startswith(f"Row {row}, column {column}: the 6 channels add up to")
    # The lines in the drawing lead from the maps that are read.
    assert tab.evaluate(READS) == 6


def test_without_motion_nothing_plays(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.mouse.click(*tab.evaluate(MIDDLE, ["pool1", 2]))
    assert tab.evaluate("[state.node.name, state.channel]") == ["pool1", 2]
    assert tab.locator("#play button").is_hidden()
    assert "mean of what the window sees" in tab.text_content("#play .equation")


def test_what_the_channels_bring_adds_up(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    for layer, channel in (("conv1", 2), ("conv2", 11), ("dense1", 7)):
        for most in (4, 100):
            assert tab.evaluate(ERROR, [layer, channel, most]) < 1e-5, layer
    tab = shown("resnet20-cifar10")
    for layer in ("stem", "stage2_block1_conv1", "stage3_block2_conv2"):
        for most in (4, 100):
            assert tab.evaluate(ERROR, [layer, 5, most]) < 1e-5, layer
    for layer, reads, count in (
        ("stage1_block1_add", "cell", 2),
        ("pool", "whole", 1),
        ("stage2_block1_subsample", "moved", 1),
    ):
        assert tab.evaluate(MADE, [layer]) == [reads, count]


def test_columns_unfold_and_are_walked_with_the_keyboard(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    tab = opened(page_of("resnet20-cifar10")).ready()
    before = tab.locator(".card").count()
    folded = tab.locator(".card.folded:has-text('block1')").first
    folded.focus()
    tab.keyboard.press("Enter")
    assert tab.locator(".card").count() == before + 4
    assert tab.evaluate("document.activeElement.classList.contains('card')")
    assert tab.evaluate("document.activeElement.id").startswith("card-stage1_block1")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert "map 1 of 16" in tab.text_content(".map-said")
    assert tab.evaluate("state.channel") == 1
    tab.get_by_role("button", name="Fold again").click()
    assert tab.locator(".card").count() == before


def test_the_classes_keep_their_order(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    for sample in range(3):
        tab.evaluate("async (index) => { await showPicture(sampleOf(index)); }", sample)
        assert tab.locator(".scores .label").all_text_contents() == list("0123456789")
        assert tab.text_content(".scores .best .label") == str(sample)
    # Of many classes, the shown ones stay while one picture changes.
    many = tab.evaluate("""() => {
      const found = Array.from({ length: 40 }, (_, index) => index);
      state.picture = { ...state.picture, name: "your drawing" };
      const first = shownClasses(found, { classes: [], picture: "" });
      found[35] = 39.5;
      const second = shownClasses(found, { classes: first, picture: "your drawing" });
      found[0] = 99;
      return [first, second, shownClasses(found, { classes: second, picture: "your drawing" })];
    }""")
    assert many[0] == many[1] == list(range(39, 29, -1))
    assert many[2][0] == 0


def test_the_way_from_the_answer_to_the_pixel(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.evaluate("lookAtValue(state.graph.output, 0)")
    trail = tab.locator(".trail")
    assert trail.locator("li").last.text_content().startswith("pixel, channel 0, row ")
    for step in (0, 0, -1):
        trail.locator(".ahead button").nth(step).click()
        assert tab.evaluate("document.activeElement.getAttribute('aria-current')") == "step"
    assert tab.evaluate("state.node.name") == "conv1"
    words = [one.split(" ")[0] for one in trail.locator("button").all_text_contents()]
    assert words == ["probabilities_2", "logits", "dense2", "dense1", "pool2", "conv2", "pool1", "conv1"]
    value = tab.evaluate("short(tensorNamed('conv1').data[state.at])")
    assert tab.text_content("#value > [role=status]").endswith(f": {value}")
    trail.locator("button").nth(4).click()
    assert tab.evaluate("state.node.name") == "pool2"
    # A value beside the way begins another one.
    tab.evaluate("lookAt(nodeNamed('conv2'), 5)")
    assert [one.split(" ")[0] for one in trail.locator("button").all_text_contents()][:2] == [
        "probabilities_2",
        "conv2",
    ]


def test_normalizations_and_means_are_led_back(shown: Callable[[str], Any]) -> None:
    """Values of local response normalization and of means over axes, from the parts that the page names."""
    tab = shown("lenet5-mnist")
    x = np.random.default_rng(0).normal(size=(1, 7, 3, 4)).astype(np.float32)
    told = tab.evaluate("""(values) => {
      const tensors = new Map([["x", tensorOf([1, 7, 3, 4], Float32Array.from(values))]]);
      const told = {};
      const given = { LRN: { size: 5, alpha: 0.1 }, ReduceMean: { axes: [1, -1], keepdims: 0 } };
      for (const [op, attributes] of Object.entries(given)) {
        const node = { op, name: op, attributes, inputs: ["x"], output: "y", outputs: ["y"] };
        tensors.set("y", OPERATORS[op]([tensors.get("x")], attributes));
        const at = 1;
        told[op] = explainValue({ constants: new Map() }, node, tensors, at);
      }
      return told;
    }""", x.ravel().tolist())  # fmt: skip
    spread = told["LRN"]
    sum_of_squares = sum(part["square"] for part in spread["parts"])
    assert spread["input"] / (1 + 0.1 / 5 * sum_of_squares) ** 0.75 == pytest.approx(spread["value"], rel=1e-5)
    assert len(spread["parts"]) == 3  # the first of seven channels has neighbours on one side only
    cells = told["ReduceMean"]["groups"][0]["cells"]
    assert len(cells) == told["ReduceMean"]["count"] == 28
    assert np.mean([cell["input"] for cell in cells]) == pytest.approx(x.mean(axis=(1, 3)).ravel()[1], rel=1e-5)
    assert all(x.ravel()[cell["from"]] == cell["input"] for cell in cells)


@pytest.mark.parametrize(
    ("labels", "dataset", "words"),
    [
        ("0123456789", "mnist", "handwritten digits"),
        (["cat"], None, "cat"),
        (["cat", "dog"], None, "cat and dog"),
        (["cat", "dog", "cow", "hen"], "unheard of", "cat, dog, cow and hen"),
        (["cat", "dog", "cow", "hen", "pig"], None, "cat, dog, cow and 2 more"),
    ],
)
def test_the_title_says_what_is_told_apart(labels: Any, dataset: str | None, words: str) -> None:
    assert headline("net", labels, dataset) == f"net tells {words} apart"


def test_the_line_below_says_how_well() -> None:
    said = subline(read_bundle(find_bundle("lenet5-mnist")), MODEL)
    assert said[:2] == (
        "99.53\u00a0% of the 10,000 test pictures of MNIST are right",
        "28x28 gray pixels in, one of 10 classes out",
    )
    assert said[2:] == ("61,706 parameters", "416,520 multiplications a picture")
