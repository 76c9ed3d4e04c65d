"""The way from the answer down to the pixel, and what stays as it was while the reader goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opened import Opened
from PIL import Image

from cnnref.page.write import LARGE, size_note


def test_a_dense_layer_leads_to_what_it_was_computed_from(shown: Callable[[str], Any]) -> None:
    """The largest products come first, and each leads to the value that it was made from, down to the picture."""
    tab = shown("lenet5-mnist")
    tab.evaluate("lookAt(nodeNamed('logits'), 3)")
    rows = tab.locator("#made-of table.ranked tbody tr")
    products = [float(one) for one in rows.locator("td:last-child").all_text_contents()]
    assert len(products) == 12
    assert [abs(one) for one in products] == sorted((abs(one) for one in products), reverse=True)
    told = tab.evaluate("explainValue(state.graph, nodeNamed('logits'), state.tensors, 3).groups[0].cells")
    assert abs(products[0]) == pytest.approx(max(abs(cell["product"]) for cell in told), rel=1e-10)
    largest = max(told, key=lambda cell: abs(cell["product"]))
    rows.first.locator("button").click()
    assert tab.evaluate("[state.node.output === nodeNamed('logits').inputs[0], state.at]") == [True, largest["from"]]
    # The input has the order row, column, channel, and its places are called so.
    assert tab.evaluate("placeName(state.graph.input.name, 23 * 28 + 8)") == "channel 0, row 23, column 8"
    first = tab.evaluate("makerOf(nodeNamed('conv1').inputs[0]).op")
    assert first in ("Transpose", "Add", "Mul")
    assert tab.evaluate("placeName(nodeNamed('conv1').output, 2 * 28 * 28 + 5)") == "channel 2, row 0, column 5"


def test_a_channel_and_open_tables_stay_while_the_arrows_walk(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.evaluate("lookAtValue(nodeNamed('conv2').output, 12)")
    tab.select_option("#made-of select", index=4)
    tab.locator("#made-of summary", has_text="products").click()
    tab.locator("#made-of table.terms").wait_for()
    tab.locator("#value .pickable").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("state.at") == 13
    assert tab.evaluate("document.querySelector('#made-of select').selectedIndex") == 4
    tab.locator("#made-of table.terms").wait_for()


def test_the_negative_is_that_of_the_picture_shown(
    page_of: Callable[[str], Path], opened: Callable[..., Opened], tmp_path: Path
) -> None:
    tab = opened(page_of("lenet5-mnist")).ready()
    Image.fromarray(np.full((28, 28), 40, np.uint8)).save(tmp_path / "dark.png")
    tab.set_input_files("#file", tmp_path / "dark.png")
    tab.wait_for_selector("#status:has-text('dark.png')")
    tab.locator("#picture .tiles button").nth(2).click()
    tab.wait_for_selector("#status:has-text('sample 2,')")
    sample = tab.evaluate("[...state.picture.values]")
    tab.get_by_label("dark on light").check()
    tab.wait_for_selector("#status:has-text('the negative of sample 2,')")
    assert tab.evaluate("[...state.picture.values]") == [255 - value for value in sample]
    (tmp_path / "words.png").write_text("no picture")
    tab.set_input_files("#file", tmp_path / "words.png")
    tab.wait_for_selector("[role=alert]:has-text('words.png')")
    tab.select_option("#why select", index=7)
    tab.locator("#picture .tiles button").nth(3).click()
    tab.wait_for_selector("#status:has-text('sample 3,')")
    assert tab.text_content("[role=alert]") == ""
    assert not tab.get_by_label("dark on light").is_checked()
    # A class that was picked for another picture is not kept, and Grad-CAM, which is never below 0, says so.
    assert tab.input_value("#why select") == tab.get_attribute(".scores .best", "data-index")
    assert tab.text_content("#why .scale").startswith("0")


def test_slices_of_a_depthwise_kernel_name_the_channel_that_is_read(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    told = tab.evaluate("""() => {
      const kernel = { shape: [4, 1, 3, 3], data: new Float32Array(36) };
      const node = { ...nodeNamed("conv1"), attributes: { group: 4 } };
      state.channel = 3;
      return kernelsOf(node, kernel).textContent;
    }""")
    assert "Kernel of map 3, slice for input channel 3" in told


def test_an_address_leads_to_its_layer(page_of: Callable[[str], Path], opened: Callable[..., Opened]) -> None:
    tab = opened(page_of("resnet8-cifar10"), reduced_motion="reduce").ready()
    names = tab.evaluate("state.graph.nodes.map((node) => [node.name, node.op])")
    layer = next(name for name, op in reversed(names) if op == "Conv")
    tab.goto(page_of("resnet8-cifar10").as_uri() + "#why")
    tab.reload()
    tab.wait_for_selector("#guide", state="attached", timeout=60_000)
    assert abs(tab.evaluate("document.getElementById('why').getBoundingClientRect().top")) < 300
    tab.goto(page_of("resnet8-cifar10").as_uri() + f"#layer-{layer}")
    tab.reload()
    tab.wait_for_selector("#guide", state="attached", timeout=60_000)
    assert tab.evaluate("state.node.name") == layer
    # A residual network is no chain: the guide says what each layer takes.
    takes = tab.evaluate("guideContext().network.layers.map((layer) => layer.takes)")
    assert max(map(len, takes)) == 2


def test_values_are_spoken_and_the_keyboard_is_not_lost(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.evaluate("lookAtValue(nodeNamed('conv2').output, 12)")
    tab.locator("#value .pickable").focus()
    tab.keyboard.press("ArrowRight")
    value = tab.evaluate("short(state.tensors.get(state.node.output).data[13])")
    assert tab.text_content("#value > [role=status]") == f"channel 0, row 1, column 3: {value}"
    tab.locator("#made-of .numbers button").first.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.closest('section')?.id") == "value"


def test_occlusion_leaves_the_page_alone_can_be_stopped_and_is_kept(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    tab = opened(page_of("resnet20-cifar10")).ready()
    tab.get_by_role("button", name="Cover the picture").click()
    tab.wait_for_selector("#why .note[role=status]:has-text('%')")
    tab.locator("#picture .tiles button").nth(1).click()  # the page answers meanwhile
    tab.wait_for_selector("#status:has-text('sample 1,')")
    assert tab.locator("#why .half:first-child .stage").count() == 0
    tab.get_by_role("button", name="Stop covering").click()
    tab.wait_for_selector("#why .note[role=status]:has-text('stopped')")
    lenet = opened(page_of("lenet5-mnist")).ready()  # what covering shows stays there
    lenet.get_by_role("button", name="Cover the picture").click()
    lenet.wait_for_selector("#why .half:first-child .stage")
    lenet.locator("#picture .tiles button").nth(1).click()
    lenet.wait_for_selector("#why .half:first-child .stage", state="detached")
    lenet.locator("#picture .tiles button").nth(0).click()
    lenet.wait_for_selector("#why .half:first-child .stage")


def test_colours_are_printed(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.emulate_media(media="print")
    for place in ("#made-of .numbers td", "#layer .ramp"):
        assert tab.evaluate(f"getComputedStyle(document.querySelector('{place}')).printColorAdjust") == "exact"


def test_a_large_network_is_decoded_and_announced(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    assert tab.evaluate("bytesOf('AAEC'.repeat(40_000_000)).length") == 120_000_000
    assert size_note(LARGE - 1) == ""
    assert "153 MB" in size_note(153_000_000)
    assert "about 0.6 GB of memory" in size_note(153_000_000)  # convnext_tiny's, of which 557 MB were measured
