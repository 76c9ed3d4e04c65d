"""Pictures that are moved, turned, blurred, lightened and strewn with noise, and a camera where the page is served."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opened import must_be_accessible, until
from scipy.ndimage import gaussian_filter

from cnnref.page.bundle_scripts import bundle_scripts
from cnnref.page.write import PAGE

CHANGED = "([values, shape, change]) => Array.from(changedPicture(values, shape, { ...UNCHANGED, ...change }))"

#: A camera that shows a moving picture.
CAMERA = """
() => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 64, height: 48 });
  const context = canvas.getContext("2d");
  setInterval(() => { context.fillStyle = "#fff"; context.fillRect(0, 0, 64, 48); }, 30);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
}
"""


@pytest.fixture(scope="module")
def alone(browser: Any) -> Iterator[Any]:
    """An empty page with the changes."""
    tab = browser.new_page()
    tab.set_content("<!doctype html><title>empty</title>")
    tab.add_script_tag(content=bundle_scripts(PAGE / "picture/change.js"))
    yield tab
    tab.close()


@pytest.fixture
def change(alone: Any) -> Callable[..., np.ndarray]:
    """(picture, what is done to it) -> the changed picture."""

    def changed(picture: np.ndarray, **given: float) -> np.ndarray:
        found = alone.evaluate(CHANGED, [picture.ravel().tolist(), list(picture.shape), given])
        return np.array(found, np.uint8).reshape(picture.shape)

    return changed


PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)


def test_no_change_is_no_change(change: Callable[..., np.ndarray]) -> None:
    np.testing.assert_array_equal(change(PICTURE), PICTURE)


def test_a_moved_picture_keeps_its_pixels_and_repeats_its_edge(change: Callable[..., np.ndarray]) -> None:
    found = change(PICTURE, right=3, down=-2)
    np.testing.assert_array_equal(found[:-2, 3:], PICTURE[2:, :-3])
    np.testing.assert_array_equal(found[:-2, :3], np.repeat(PICTURE[2:, :1], 3, axis=1))


@pytest.mark.parametrize(("degrees", "quarters"), [(90, -1), (-90, 1), (180, 2)])
def test_a_quarter_turn_is_that_of_numpy(change: Callable[..., np.ndarray], degrees: int, quarters: int) -> None:
    np.testing.assert_array_equal(change(PICTURE, turned=degrees), np.rot90(PICTURE, quarters))


def test_brightness_stops_at_black_and_white(change: Callable[..., np.ndarray]) -> None:
    expected = np.clip(PICTURE.astype(int) - 70, 0, 255)
    np.testing.assert_array_equal(change(PICTURE, brightness=-70), expected)


def test_a_blurred_picture_is_that_of_scipy(change: Callable[..., np.ndarray]) -> None:
    for deviation in (0.5, 3):
        expected = gaussian_filter(PICTURE.astype(float), (deviation, deviation, 0), mode="nearest")
        np.testing.assert_allclose(change(PICTURE, blur=deviation), expected, atol=0.51)


def test_noise_has_the_size_that_is_said_and_is_the_same_each_time(change: Callable[..., np.ndarray]) -> None:
    gray = np.full((60, 60, 1), 128, np.uint8)
    found = change(gray, noise=20)
    assert found.std() == pytest.approx(20, rel=0.05)
    assert found.mean() == pytest.approx(128, abs=1)
    np.testing.assert_array_equal(change(gray, noise=20), found)


def test_the_probabilities_follow_a_slider(shown: Callable[[str], Any], axe: str) -> None:
    tab = shown("lenet5-mnist")
    before = tab.evaluate("probabilities()")
    assert tab.get_by_role("button", name="Use the camera").count() == 0  # the page is a file
    tab.get_by_label("turned").fill("90")
    until(tab, "state.picture.name.endsWith(', changed')")
    after = tab.evaluate("probabilities()")
    assert after != before
    best = max(range(10), key=lambda index: after[index])
    tab.wait_for_selector(f"#change h3:has-text('Most probably {best}')")
    values = tab.locator("#change data").evaluate_all("all => all.map((one) => Number(one.value))")
    assert max(values) == max(after)
    must_be_accessible(tab, axe, "#change")
    tab.get_by_role("button", name="Undo all changes").click()
    until(tab, "state.picture.sample === 0")
    assert tab.evaluate("probabilities()") == before
    assert tab.get_by_label("turned").input_value() == "0"


def test_a_camera_where_the_page_is_served(page_of: Callable[[str], Path], browser: Any) -> None:
    page = page_of("lenet5-mnist")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=page.parent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        context = browser.new_context(permissions=["camera"])
        try:
            tab = context.new_page()
            tab.goto(f"http://localhost:{server.server_port}/{page.name}")
            tab.wait_for_selector("#guide", state="attached")
            camera = tab.get_by_role("button", name="Use the camera")
            tab.evaluate(
                "() => { navigator.mediaDevices.getUserMedia = async () => { throw new Error('There is none.'); }; }"
            )
            camera.click()
            tab.wait_for_selector("#change :text('The camera cannot be used: There is none.')")
            tab.evaluate(CAMERA)
            camera.click()
            until(tab, "state.picture.name === 'your camera' && state.picture.values.every((one) => one === 255)")
            tab.get_by_role("button", name="Stop the camera").click()
            assert camera.count() == 1
        finally:
            context.close()
            server.shutdown()
