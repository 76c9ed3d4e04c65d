"""In headless Chromium: the page of scripts/deploy/web, and the files themselves in the two web runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deployed import Site, computed, expected, pictures

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


#: Integers are rounded to steps, and where a value lies between two of them, machines may choose differently.
STEPS = 0.02


def shown(page: Any) -> dict[str, float]:
    """The classes and probabilities on the page."""
    labels = page.locator("li span").all_text_contents()
    return dict(zip(labels, page.eval_on_selector_all("data", "all => all.map(one => Number(one.value))"), strict=True))


@pytest.mark.parametrize("which", ["gray", "colour", "unusual"])
def test_the_page_says_what_the_network_says(
    page: Any, site: Site, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    page.goto(f"{site.address}index.html?bundle={which}")
    page.wait_for_function(READY)
    for index, picture in enumerate(pictures(bundle, tmp_path)):
        page.set_input_files("input", picture)
        wanted = expected(bundle, index)
        best = max(wanted, key=lambda label: wanted[label])
        page.wait_for_function(
            "text => document.querySelector('[role=status]').textContent === text",
            arg=f"{picture.name} is most probably {best}.",
        )
        assert shown(page) == pytest.approx(wanted, abs=1e-4)
    for width in (320, 768, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=tmp_path / f"page-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_another_file_of_the_bundle_can_be_asked_for(page: Any, site: Site, gray: Bundle, tmp_path: Path) -> None:
    page.goto(f"{site.address}index.html?model=model.int8.onnx")
    page.set_input_files("input", pictures(gray, tmp_path, 1)[0])
    page.wait_for_selector("li")
    wanted = dict(zip(gray.labels, computed(gray, "model.int8.onnx", 1)[0].tolist(), strict=True))
    assert shown(page) == pytest.approx(wanted, abs=STEPS)


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
    assert "bundle.json is not in" in page.locator("[role=status]").text_content()
    page.goto(f"{site.address}index.html?model=labels.txt")
    page.wait_for_selector(".wrong")
    assert page.locator("[role=status]").text_content() == "labels.txt is not a file that ONNX Runtime Web can run."
    page.route("**/vendor/**", lambda route: route.abort())
    page.goto(f"{site.address}index.html")
    page.wait_for_selector(".wrong")
    assert "ONNX Runtime Web is not in vendor/" in page.locator("[role=status]").text_content()
    page.unroute("**/vendor/**")
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
        ("model.fp16.onnx", IN_ONNX_RUNTIME, 1e-5),
        ("model.int8.onnx", IN_ONNX_RUNTIME, STEPS),
        ("model.tflite", IN_LITERT, 1e-5),
        ("model.fp16.tflite", IN_LITERT, 1e-5),
        ("model.dynamic.tflite", IN_LITERT, STEPS),
        ("model.int8.tflite", IN_LITERT, STEPS),
    ],
)
def test_a_web_runtime_computes_what_the_native_one_does(
    page: Any, site: Site, which: str, file: str, program: str, allowed: float, request: pytest.FixtureRequest
) -> None:
    in_litert = program is IN_LITERT
    bundle: Bundle = request.getfixturevalue("one_at_a_time")[which] if in_litert else request.getfixturevalue(which)
    samples, native = read_samples(bundle), computed(bundle, file)
    page.goto(f"{site.address}index.html")
    page.evaluate(
        """text => {
          const map = Object.assign(document.createElement("script"), { type: "importmap", textContent: text });
          document.head.append(map);
        }""",
        IMPORT_MAP,
    )
    for index in range(len(native)):
        image = samples.images[index : index + 1]
        given = {
            "file": f"/{which}-one/{file}" if in_litert else f"/{which}/{file}",
            "type": bundle.artifacts[file].input_dtype,
            "values": image.ravel().tolist(),
            "shape": list(image.shape),
        }
        found = np.array(page.evaluate(program, given))
        np.testing.assert_allclose(found, native[index], rtol=0, atol=allowed)
        if bundle.artifacts[file].precision == "float32":
            np.testing.assert_allclose(found, samples.probabilities[index], rtol=0, atol=1e-5)
