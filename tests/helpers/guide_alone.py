"""What the tests of the guide share: the guide alone in a page, with a picture and a small network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from cnnref.page.bundle_scripts import bundle_scripts
from cnnref.page.write import PAGE, STYLES

GUIDE = tuple(f"guide/{file.name}" for file in sorted((PAGE / "guide").glob("*.js")))
LAYERS = [
    {"name": "scale", "kind": "mul", "text": "product", "takes": []},
    {"name": "conv1", "kind": "conv", "text": "convolution", "takes": ["scale"]},
    {"name": "<b>&1", "kind": "tanh", "text": "tanh", "takes": ["conv1"]},
    {"name": "pool1", "kind": "averagepool", "text": "average pooling", "takes": ["<b>&1"]},
    {"name": "a/b", "kind": "conv", "text": "convolution", "takes": ["pool1"]},
    {"name": "dense1", "kind": "dense", "text": "dense layer", "takes": ["a/b", "pool1"]},
]
GRAY = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
LARGE = np.random.default_rng(2).integers(0, 256, (130, 70, 3), np.uint8)
SET = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }"
SHOW = "(values) => { context.picture.values = Uint8Array.from(values); heard.forEach((one) => one()); }"
ALL = "dispatchEvent(new Event('beforeprint'))"


class Guide:
    """The guide alone in a page, with a picture and a small network."""

    def __init__(self, browser: Any, folder: Path, picture: np.ndarray, **options: Any) -> None:
        self.context = browser.new_context(offline=True, **{"viewport": {"width": 1440, "height": 900}, **options})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.file = folder / "guide.html"
        self.file.write_text(guide_page(picture), encoding="utf-8")
        self.page.goto(self.file.as_uri())

    def text(self, chapter: str, what: str = ".doing") -> str:
        """What a part of a chapter says, the signs of minus and times as they are typed."""
        said: str = self.page.locator(f"#guide-{chapter} {what}").first.inner_text()
        return said.replace("\u2212", "-").replace("\u00d7", "x")

    def move(self, chapter: str, index: int, value: float, kind: str = "range") -> None:
        """Set a slider of a chapter, or a field of its tables."""
        self.page.locator(f"#guide-{chapter} input[type={kind}]").nth(index).evaluate(SET, str(value))

    def show(self, picture: np.ndarray) -> None:
        """Another picture of the same size."""
        self.page.evaluate(SHOW, picture.ravel().tolist())


def guide_page(picture: np.ndarray) -> str:
    rows, columns, channels = picture.shape
    style = "\n".join((PAGE / file).read_text(encoding="utf-8") for file in STYLES)
    script = bundle_scripts(PAGE / "guide/guide.js")
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>The guide</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style>
<main><h1>The guide alone</h1></main><script>{script}
const heard = [];
const context = {{
  picture: {{ values: Uint8Array.from({picture.ravel().tolist()}), rows: {rows}, columns: {columns},
    channels: {channels} }},
  onPicture: (listener) => heard.push(listener),
  network: {{ layers: {json.dumps(LAYERS).replace("<", chr(92) + "u003c")} }},
}};
document.querySelector("main").append(buildGuide(context));</script></html>"""
