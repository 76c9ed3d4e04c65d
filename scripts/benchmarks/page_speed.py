"""Measure how quick pages are in Chromium: the shipped LeNet-5 beside an empty page, or large networks.

Without names it prints milliseconds, the best of five, to the first paint, to the first result and for a later result,
and their ratio to the first paint of an empty page in the same run, which tells how fast the machine is.

With names of architectures it writes the page of each with random weights and prints the seconds until it answers, the
milliseconds for a later picture and for choosing a layer, and the memory in sizes of the model: what the tab's process
has in memory (VmRSS of Linux, after a garbage collection) beyond that of an empty tab, which Chromium's own program and
libraries fill, and beyond that of the shipped page of LeNet-5, whose network is small; and the least that there has to
be, the numbers of the weights and of one picture's maps.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

PAGE = Path(__file__).parents[2] / "saved_models" / "lenet5-mnist.html"
EMPTY = "<!doctype html><title>empty</title><p>Nothing.</p>"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FIRST = "performance.getEntriesByName('first-result')[0].startTime"
LATER = "async () => { const t = performance.now(); await showPicture(sampleOf(3)); return performance.now() - t; }"
TURNS = 5
SWITCHES = ["--no-sandbox", "--js-flags=--expose-gc"]

#: [milliseconds of the engine, milliseconds until everything is drawn] for one picture after the other.
PICTURES = """
async () => {
  const found = [];
  for (let turn = 0; turn < 6; turn++) {
    const started = performance.now();
    await showPicture(sampleOf(turn % 2));
    found.push([state.milliseconds, performance.now() - started]);
  }
  return found;
}
"""
#: The bytes of the weights, and of the maps of one picture.
NUMBERS = """
() => [state.graph.constants, state.tensors].map((held) =>
  [...held.values()].reduce((sum, { data }) => sum + (data.byteLength ?? 0), 0))
"""
#: Milliseconds to choose each layer, with its layout.
LAYERS = """
() => state.graph.nodes.map((node) => {
  const started = performance.now();
  lookAt(node);
  document.body.offsetHeight;
  return performance.now() - started;
})
"""


def small(browser: Browser, folder: Path) -> None:
    """The shipped page of LeNet-5 beside an empty page."""
    found: dict[str, list[float]] = {"empty page": [], "first paint": [], "first result": [], "later result": []}
    empty = folder / "empty.html"
    empty.write_text(EMPTY, encoding="utf-8")
    for _ in range(TURNS):
        tab = browser.new_page()
        tab.goto(empty.as_uri())
        tab.wait_for_function(PAINT)
        found["empty page"].append(tab.evaluate(PAINT))
        tab.close()
        tab = browser.new_page()
        tab.goto(PAGE.as_uri())
        tab.wait_for_selector("#guide", state="attached")
        found["first paint"].append(tab.evaluate(PAINT))
        found["first result"].append(tab.evaluate(FIRST))
        found["later result"].append(tab.evaluate(LATER))
        tab.close()
    base = min(found["empty page"])
    for name, times in found.items():
        print(f"{name:14} {min(times):8.1f} ms   {min(times) / base:6.2f} of an empty page")


def large_page(name: str, half: bool) -> tuple[str, int]:
    """The page of an architecture with random weights and two pictures of noise, and the bytes of its model."""
    import cnnref
    from cnnref.exporters.contract import contract_of
    from cnnref.exporters.onnx.model import onnx_model
    from cnnref.page.write import PageContents, Sample, page

    model = cnnref.build(name)
    contract = contract_of(model, name, None, {})
    content = onnx_model(model, contract).SerializeToString()
    images = np.random.default_rng(0).integers(0, 256, (2, *contract.shape), np.uint8)
    samples = [Sample(image, f"noise {number}") for number, image in enumerate(images)]
    given = PageContents(content, name=name, shape=contract.shape, labels=contract.labels, samples=samples, half=half)
    return page(given), len(content)


def measure_large(browser: Browser, file: Path, model: int, others: dict[str, int]) -> None:
    """Open a page and print what it takes; `others` has the bytes of other tabs."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    started = time.perf_counter()
    tab.goto(file.as_uri())
    tab.wait_for_selector("#guide", state="attached", timeout=300_000)
    opened = time.perf_counter() - started
    pictures = tab.evaluate(PICTURES)
    held = resident(browser, tab)
    layers = sorted(tab.evaluate(LAYERS))
    engine, drawn = (min(times) for times in zip(*pictures, strict=True))
    middle = layers[len(layers) // 2]
    print(
        f"{file.stem:24} page {file.stat().st_size / 1e6:6.1f} MB   opens in {opened:5.1f} s"
        f"   answers in {engine:6.0f} ms"
        f"   all drawn in {drawn:6.0f} ms   a layer in {middle:4.0f} ms, the slowest {layers[-1]:4.0f}"
    )
    more = "   ".join(f"{(held - other) / model:4.1f} models beyond {name}" for name, other in others.items())
    weights, maps = tab.evaluate(NUMBERS)
    print(
        f"{'':24} memory {held / 1e6:.0f} MB   {more}"
        f"   its weights {weights / model:.1f} models, its maps {maps / model:.1f}",
        flush=True,
    )
    tab.close()


def resident(browser: Browser, tab: Page) -> int:
    """The bytes of a tab in memory, after a garbage collection in its page and its workers."""
    for worker in tab.workers:
        worker.evaluate("gc()")
    tab.evaluate("gc()")
    time.sleep(1)  # the process returns its pages of memory a little later
    # Chromium keeps an empty process ready for the next tab; the page's is the largest one.
    return max(memory(one) for one in renderers(browser.new_browser_cdp_session()))


def memory_of(browser: Browser, page: str) -> int:
    """The bytes of a tab with that page in memory."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(page)
    tab.wait_for_load_state("load")
    if page != "about:blank":
        tab.wait_for_selector("#guide", state="attached")
    found = resident(browser, tab)
    tab.close()
    return found


def renderers(session: Any) -> set[int]:
    """The processes of the tabs."""
    listed = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return {one["id"] for one in listed if one["type"] == "renderer"}


def memory(process: int) -> int:
    """The bytes of a process in memory, as Linux counts them."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", help="architectures, for example mobilenet_v2 resnet50 convnext_tiny")
    asked.add_argument("--half", action="store_true", help="store the weights in 16 bits")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        if not given.names:
            small(browser, folder)
        others = (
            {}
            if not given.names
            else {
                "an empty tab": memory_of(browser, "about:blank"),
                "LeNet-5's page": memory_of(browser, PAGE.as_uri()),
            }
        )
        for one in given.names:
            text, model = large_page(one, given.half)
            file = folder / f"{one}{'.half' if given.half else ''}.html"
            file.write_text(text, encoding="utf-8")
            measure_large(browser, file, model, others)
        browser.close()


if __name__ == "__main__":
    main()
