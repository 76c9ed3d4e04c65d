"""Measure how quick pages are in Chromium: the shipped LeNet-5 beside an empty page, or large networks.

Without names it prints milliseconds, the best of five, to the first paint, to the first result and for a later result,
and their ratio to the first paint of an empty page in the same run, which tells how fast the machine is.

With names of architectures it writes the page of each with random weights and prints the seconds until it answers, the
milliseconds for a later picture and for choosing a layer, and the memory of the tab in sizes of the model.
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
from playwright.sync_api import Browser, sync_playwright

PAGE = Path(__file__).parents[2] / "saved_models" / "lenet5-mnist.html"
EMPTY = "<!doctype html><title>empty</title><p>Nothing.</p>"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FIRST = "performance.getEntriesByName('first-result')[0].startTime"
LATER = "async () => { const t = performance.now(); await showPicture(sampleOf(3)); return performance.now() - t; }"
TURNS = 5

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


def measure_large(browser: Browser, file: Path, model: int) -> None:
    """Open a page and print what it takes."""
    session = browser.new_browser_cdp_session()
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    started = time.perf_counter()
    tab.goto(file.as_uri())
    tab.wait_for_selector("#guide", state="attached", timeout=300_000)
    opened = time.perf_counter() - started
    pictures = tab.evaluate(PICTURES)
    layers = sorted(tab.evaluate(LAYERS))
    # Chromium keeps an empty process ready for the next tab; the page's is the larger one.
    now, peak = (max(memory(one, kind) for one in renderers(session)) / model for kind in ("VmRSS", "VmHWM"))
    engine, drawn = (min(times) for times in zip(*pictures, strict=True))
    middle = layers[len(layers) // 2]
    print(
        f"{file.stem:24} page {file.stat().st_size / 1e6:6.1f} MB   opens in {opened:5.1f} s"
        f"   answers in {engine:6.0f} ms"
        f"   all drawn in {drawn:6.0f} ms   a layer in {middle:4.0f} ms, the slowest {layers[-1]:4.0f}"
        f"   memory {now:4.1f} models, at most {peak:4.1f}",
        flush=True,
    )
    tab.close()


def renderers(session: Any) -> set[int]:
    """The processes of the tabs."""
    listed = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return {one["id"] for one in listed if one["type"] == "renderer"}


def memory(process: int, kind: str) -> int:
    """The bytes of memory that a process has, or had at most, as Linux counts them."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(rf"{kind}:\s+(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("names", nargs="*", help="architectures, for example mobilenet_v2 resnet50 convnext_tiny")
    asked.add_argument("--half", action="store_true", help="store the weights in 16 bits")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        if not given.names:
            small(browser, folder)
        for one in given.names:
            text, model = large_page(one, given.half)
            file = folder / f"{one}{'.half' if given.half else ''}.html"
            file.write_text(text, encoding="utf-8")
            measure_large(browser, file, model)
        browser.close()


if __name__ == "__main__":
    main()
