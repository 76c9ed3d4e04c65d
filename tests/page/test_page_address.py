"""What is looked at is in the address: it can be handed on, and Back leads back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from digits_drawn import drawn
from opened import Opened
from PIL import Image

LOOKED_AT = "[state.node.name, state.picture.name, state.at, state.asked]"


def test_choosing_changes_the_address_which_leads_there_and_back_again(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    page = page_of("lenet5-mnist")
    tab = opened(page, reduced_motion="reduce").ready()
    tab.evaluate("lookAt(nodeNamed('conv1')); lookAt(nodeNamed('conv2'), 3)")
    tab.locator("#picture .tiles button").nth(2).click()
    tab.wait_for_selector("#status:has-text('sample 2,')")
    before = tab.evaluate(LOOKED_AT)
    tab.select_option("#why select", index=7)
    tab.locator("#value .pickable").focus()
    steps = tab.evaluate("history.length")
    tab.keyboard.press("ArrowRight")
    label = tab.locator("#value .pickable").get_attribute("aria-label")
    value = tab.evaluate("short(state.tensors.get(state.node.output).data[state.at])")
    assert label.endswith(f": {value}")
    assert "; row " in label
    # Walking inside a map is no step that Back would lead back from.
    assert tab.evaluate("history.length") == steps
    seen = tab.evaluate(LOOKED_AT)
    assert seen == ["conv2", "sample 2, 2", before[2] + 1, 7]
    assert tab.url.endswith(f"#picture=2&layer=conv2&value={seen[2]}&class=7")

    again = opened(page, reduced_motion="reduce").ready()
    again.goto(tab.url)
    again.reload()
    again.wait_for_selector("#status:has-text('sample 2,')")
    again.wait_for_selector("#why select")
    assert again.evaluate(LOOKED_AT) == seen
    assert again.input_value("#why select") == "7"

    tab.locator(".contents a", has_text="Padding").click()
    assert abs(tab.evaluate("document.getElementById('guide-padding').getBoundingClientRect().top")) < 2
    assert tab.url.endswith(f"#guide-padding&picture=2&layer=conv2&value={seen[2]}&class=7")
    tab.go_back()
    tab.wait_for_url("**/*#picture=2&*&class=7")
    tab.go_back()
    tab.wait_for_url(f"**/*#picture=2&layer=conv2&value={before[2]}")
    assert tab.evaluate(LOOKED_AT) == before
    tab.go_back()
    tab.wait_for_selector("#status:has-text('sample 0,')")


def test_an_address_of_older_form_or_of_nonsense_opens(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    tab = opened(page_of("lenet5-mnist"), reduced_motion="reduce").ready()
    for hash_, place in (("#why", "why"), ("#guide-softmax", "guide-softmax")):
        tab.goto(page_of("lenet5-mnist").as_uri() + hash_)
        tab.reload()
        tab.wait_for_selector("#guide", state="attached")
        tab.wait_for_selector(".waiting", state="detached")
        assert tab.evaluate(f"Math.abs(document.getElementById('{place}').getBoundingClientRect().top) < innerHeight")
    for nonsense in ("#layer-%E0%A4%A&&=&", "#picture=99&layer=none&value=1e9&class=-1"):
        tab.goto(page_of("lenet5-mnist").as_uri() + nonsense)
        tab.reload()
        tab.wait_for_selector("#status:has-text('sample 0,')")
        tab.wait_for_selector("#guide", state="attached")


def test_the_link_is_copied(page_of: Callable[[str], Path], opened: Callable[..., Opened]) -> None:
    one = opened(page_of("lenet5-mnist"))
    one.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = one.ready()
    tab.bring_to_front()
    tab.evaluate("lookAt(nodeNamed('conv1'))")
    tab.get_by_role("button", name="Copy link").click()
    tab.wait_for_selector(".page-head [role=status]:has-text('Copied.')")
    assert tab.evaluate("navigator.clipboard.readText()") == tab.url
    assert "#picture=0&layer=conv1&value=" in tab.url


def test_digits_are_centred_in_visible_steps_and_a_cleared_drawing_is_no_picture(
    page_of: Callable[[str], Path], opened: Callable[..., Opened], tmp_path: Path
) -> None:
    tab = opened(page_of("lenet5-mnist")).ready()

    def most_probable() -> Any:
        return tab.evaluate("probabilities().indexOf(Math.max(...probabilities()))")

    for place, (digit, picture) in enumerate(drawn()):
        Image.fromarray(picture).save(path := tmp_path / f"drawn{place}.png")
        tab.set_input_files("#file", path)
        tab.wait_for_selector(f"#status:has-text('drawn{place}.png')")
        assert most_probable() == digit
        steps = tab.locator(".steps li").all_inner_texts()
        assert any("negative" in step for step in steps) == bool(picture[0, 0])
        assert steps[-1] == "its centre of mass put into the middle of 28 \u00d7 28"
    tab.get_by_label("find the digit").uncheck()
    tab.wait_for_selector(".steps", state="hidden")
    assert most_probable() != digit
    tab.get_by_label("find the digit").check()
    tab.wait_for_selector(".steps li")
    assert most_probable() == digit

    kept = tab.text_content("#status").split(".png")[0]
    tab.locator(".drawing").scroll_into_view_if_needed()
    box = tab.locator(".drawing").bounding_box()
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    tab.mouse.down()
    for x, y in ((70, 20), (40, 90)):
        tab.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    tab.mouse.up()
    tab.wait_for_selector("#status:has-text('your drawing')")
    assert most_probable() == 7
    tab.go_back()
    tab.wait_for_selector(f"#status:has-text('{kept}')")
    tab.go_forward()
    tab.wait_for_selector("#status:has-text('your drawing')")
    tab.get_by_role("button", name="Clear the drawing").click()
    tab.wait_for_selector(f"#status:has-text('{kept}')")


def test_all_words_of_the_guide_are_there_to_be_searched(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    """Without a scroll."""
    tab = opened(page_of("lenet5-mnist")).ready()
    tab.wait_for_selector(".waiting", state="detached")
    assert tab.evaluate("scrollY") == 0
    text = tab.inner_text("#guide")
    for words in ("feature map", "stride", "bias", "dot product", "receptive field", "residual", "chain rule"):
        assert words in text


def test_figures_can_be_taken_along(shown: Callable[[str], Any]) -> None:
    tab = shown("lenet5-mnist")
    tab.wait_for_selector("#guide-activations .save")
    tab.evaluate("lookAt(nodeNamed('conv1'))")
    for place, name in (
        ("#value", "map 0 of conv1"),
        ("#why", "Grad-CAM of 0_ from pool2"),
        ("#guide-field", "receptive field"),
    ):
        saved = []
        for button in range(2):
            with tab.expect_download() as download:
                tab.locator(f"{place} .save button").nth(button).click()
            saved.append(download.value)
        assert [one.suggested_filename for one in saved] == [f"{name}.svg", f"{name}.png"]
        drawing = ElementTree.parse(saved[0].path()).getroot()
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        with Image.open(saved[1].path()) as picture:
            picture.load()
            width, height = (round(float(drawing.get(side) or 0)) for side in ("width", "height"))
            assert picture.size == (width, height)
            assert len(picture.convert("RGB").getcolors(10**6) or []) > 3
    # Each cell of the map has its colour: the middle of the PNG's cell is that of the page's canvas.
    with tab.expect_download() as download:
        tab.locator("#value .save button").nth(1).click()
    pixels = tab.evaluate("""() => {
      const canvas = document.querySelector("#value .stage canvas");
      const copy = new OffscreenCanvas(28, 28).getContext("2d");
      copy.drawImage(canvas, 0, 0);
      return [...copy.getImageData(0, 0, 28, 28).data];
    }""")
    with Image.open(download.value.path()) as picture:
        side = picture.width / 28
        for row, column in ((0, 0), (9, 13), (27, 4)):
            at = 4 * (28 * row + column)
            found = picture.convert("RGB").getpixel((int((column + 0.5) * side), int((row + 0.5) * side)))
            assert list(found) == pixels[at : at + 3]
