"""In headless Chromium: the page of scripts/deploy/web, and the files themselves in the two web runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deployed import Site, expected, pictures

from cnnref.runtimes import Bundle, read_samples

READY = "document.querySelector('[role=status]').textContent.startsWith('Ready')"

IN_ONNX_RUNTIME = """
async ({ file, type, values, shape }) => {
  const ort = await import("/modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs");
  const session = await ort.InferenceSession.create(new Uint8Array(await (await fetch(file)).arrayBuffer()));
  const data = type === "uint8" ? Uint8Array.from(values) : Float32Array.from(values);
  const { probabilities } = await session.run({ image: new ort.Tensor(type, data, shape) });
  return Array.from(probabilities.data);
}
"""

IN_LITERT = """
async ({ file, type, values, shape }) => {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("/modules/@litertjs/core/dist/index.js");
  await (globalThis.litert ??= loadLiteRt("/modules/@litertjs/core/wasm/"));
  const model = await loadAndCompile(file, { accelerator: "wasm" });
  const data = type === "uint8" ? Uint8Array.from(values) : Float32Array.from(values);
  const image = new Tensor(data, shape);
  const results = await model.run(image);
  return Array.from(await results[0].data());
}
"""

#: LiteRT.js imports its helper by the name that it has on npm.
IMPORT_MAP = '{"imports": {"@litertjs/wasm-utils": "/modules/@litertjs/wasm-utils/dist/index.js"}}'


def shown(page: Any) -> dict[str, float]:
    """The classes and probabilities on the page."""
    labels = page.locator("li span").all_text_contents()
    return dict(zip(labels, page.eval_on_selector_all("data", "all => all.map(one => Number(one.value))"), strict=True))


@pytest.mark.parametrize("which", ["gray", "colour"])
def test_the_page_says_what_the_network_says(
    page: Any, site: Site, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    place = "bundle" if which == "gray" else "colour"
    page.goto(f"{site.address}index.html?bundle={place}")
    page.wait_for_function(READY)
    for index, picture in enumerate(pictures(bundle, tmp_path)):
        page.set_input_files("input", picture)
        wanted = expected(bundle, index)
        best = max(wanted, key=lambda label: wanted[label])
        page.wait_for_function("best => document.querySelector('li span')?.textContent === best", arg=best)
        assert shown(page) == pytest.approx(wanted, abs=1e-4)
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_labels_are_text_whatever_they_look_like(page: Any, site: Site, colour: Bundle, tmp_path: Path) -> None:
    page.goto(f"{site.address}index.html?bundle=colour")
    page.set_input_files("input", pictures(colour, tmp_path, 1)[0])
    page.wait_for_selector("li")
    assert "<b>" in shown(page)
    assert page.locator("li b").count() == 0


def test_a_mistake_is_one_sentence_on_the_page(page: Any, site: Site, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    page.goto(f"{site.address}index.html?bundle=nowhere")
    page.wait_for_selector(".wrong")
    assert "labels.txt is not in" in page.locator("[role=status]").text_content()
    page.goto(f"{site.address}index.html")
    page.wait_for_function(READY)
    page.set_input_files("input", tmp_path / "notes.txt")
    page.wait_for_selector(".wrong")
    assert page.locator("[role=status]").text_content() == "notes.txt is not a picture that this browser can read."


@pytest.mark.parametrize("which", ["gray", "colour"])
@pytest.mark.parametrize(
    ("file", "program", "allowed"),
    [
        ("model.onnx", IN_ONNX_RUNTIME, 1e-5),
        ("model.fp16.onnx", IN_ONNX_RUNTIME, 0.02),
        ("model.int8.onnx", IN_ONNX_RUNTIME, 0.5),
        ("model.tflite", IN_LITERT, 1e-5),
        ("model.fp16.tflite", IN_LITERT, 0.02),
        ("model.dynamic.tflite", IN_LITERT, 0.2),
        ("model.int8.tflite", IN_LITERT, 0.5),
    ],
)
def test_a_web_runtime_computes_the_same(
    page: Any, site: Site, which: str, file: str, program: str, allowed: float, request: pytest.FixtureRequest
) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    samples, place = read_samples(bundle), "bundle" if which == "gray" else "colour"
    page.goto(f"{site.address}index.html")
    page.evaluate(
        """text => {
          const map = Object.assign(document.createElement("script"), { type: "importmap", textContent: text });
          document.head.append(map);
        }""",
        IMPORT_MAP,
    )
    for index in range(3):
        image = samples.images[index : index + 1]
        given = {
            "file": f"/fixed/{bundle.name}.{file}" if program is IN_LITERT else f"/{place}/{file}",
            "type": bundle.artifacts[file].input_dtype,
            "values": image.ravel().tolist(),
            "shape": list(image.shape),
        }
        found = np.array(page.evaluate(program, given))
        np.testing.assert_allclose(found, samples.probabilities[index], rtol=0, atol=allowed)
