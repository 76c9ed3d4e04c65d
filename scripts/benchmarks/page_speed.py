"""Measure how quick the page of the shipped LeNet-5 is in Chromium, beside an empty page.

Prints milliseconds, the best of five, to the first paint, to the first result and for a later result, and their ratio
to the first paint of an empty page in the same run, which tells how fast the machine is.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parents[2] / "saved_models" / "lenet5-mnist.html"
EMPTY = "<!doctype html><title>empty</title><p>Nothing.</p>"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FIRST = "performance.getEntriesByName('first-result')[0].startTime"
LATER = "async () => { const t = performance.now(); await showPicture(sampleOf(3)); return performance.now() - t; }"
TURNS = 5


def main() -> None:
    """Measure and print."""
    found: dict[str, list[float]] = {"empty page": [], "first paint": [], "first result": [], "later result": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.html"
        empty.write_text(EMPTY, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
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
        browser.close()
    base = min(found["empty page"])
    for name, times in found.items():
        print(f"{name:14} {min(times):8.1f} ms   {min(times) / base:6.2f} of an empty page")


if __name__ == "__main__":
    main()
