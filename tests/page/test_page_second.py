"""Two networks on one page: the int8 file beside the float file, and a network beside another."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from opened import PACKED, Opened, must_be_accessible, must_fit, numbers, until

from cnnref.errors import InputError
from cnnref.page.write import write_page
from cnnref.runtimes import find_bundle, read_bundle, read_samples

#: What the second network says of the picture that is shown.
ANSWER = """
async () => {
  const { tensors } = await ask("run", { image: state.picture.values, which: "second" });
  return Array.from(tensors.get("probabilities").data);
}
"""

#: The whole numbers of real ones.
QUANTIZED = f"""
([values, step, zero, kind]) => {{
  {PACKED}
  const zeros = {{ shape: [], data: kind === "uint8" ? Uint8Array.of(zero) : Int8Array.of(zero) }};
  const data = new Float32Array(bytesOf(values).buffer);
  const given = [{{ shape: [data.length], data }}, {{ shape: [], data: Float32Array.of(step) }}, zeros];
  return {{ found: packed(OPERATORS.QuantizeLinear(given, {{}}).data) }};
}}
"""


def of_onnx_runtime(name: str, image: np.ndarray, file: str, every: bool) -> dict[str, np.ndarray]:
    """What ONNX Runtime computes: every result, node by node, or the probabilities as quickly as it can."""
    model = onnx.load(find_bundle(name) / file)
    options = onnxruntime.SessionOptions()
    if every:
        names = [output for node in model.graph.node for output in node.output if output != "probabilities"]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(one) for one in names)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image[None].astype(np.float32)}), strict=True))


def beside(tmp_path: Path, name: str, **second: Any) -> Path:
    return write_page(read_bundle(find_bundle(name)), tmp_path / "page.html", **second)


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet8-cifar10"])
def test_whole_numbers_are_those_of_onnx_runtime(name: str, opened: Callable[..., Opened], tmp_path: Path) -> None:
    """Node by node, from the same inputs: other ones only where a number lies in the middle between two of them."""
    tab = opened(beside(tmp_path, name, int8=True)).ready()
    bundle = read_bundle(find_bundle(name))
    image = read_samples(bundle).images[3]
    tab.evaluate("async (values) => { await showPicture({ values, name: 'a', sample: null }) }", image.ravel().tolist())
    model = onnx.load(bundle.folder / "model.int8.onnx")
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    every = of_onnx_runtime(name, image, "model.int8.onnx", every=True)
    compared = 0
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] not in every:
            continue
        real, (step, zero) = every[node.input[0]], (constants[one] for one in node.input[1:])
        values = base64.b64encode(real.astype(np.float32).tobytes()).decode()
        given = [values, float(step), int(zero), str(zero.dtype)]
        found = numbers(tab.evaluate(QUANTIZED, given), zero.dtype.type)["found"]
        apart = np.abs(found.astype(int) - every[node.output[0]].ravel())
        share = (real / step).ravel()[apart > 0]
        assert apart.max() <= 1, node.output[0]
        assert np.allclose(share - np.floor(share), 0.5, atol=1e-3), node.output[0]
        compared += 1
    assert compared >= 8
    own = of_onnx_runtime(name, image, "model.int8.onnx", every=False)["probabilities"][0]
    found = tab.evaluate(ANSWER)
    assert np.argmax(found) == own.argmax()
    np.testing.assert_allclose(found, own, atol=0.01)


def test_the_errors_of_whole_numbers_are_shown_layer_by_layer(
    opened: Callable[..., Opened], axe: str, tmp_path: Path
) -> None:
    name = "resnet8-cifar10"
    tab = opened(beside(tmp_path, name, int8=True)).ready()
    image = read_samples(read_bundle(find_bundle(name))).images
    first = np.array(tab.evaluate("Array.from(state.picture.values)"), np.uint8).reshape(image.shape[1:])
    floats = of_onnx_runtime(name, first, "model.onnx", every=True)
    wholes = of_onnx_runtime(name, first, "model.int8.onnx", every=True)
    rows = tab.locator("#second .errors tbody tr")
    shown = rows.evaluate_all("rows => rows.map((row) => [...row.children].map((cell) => cell.textContent))")
    compared = 0
    for layer, error, most, _ in shown:
        output = tab.evaluate("(name) => nodeNamed(name).output", layer)
        exact, whole = floats[output], wholes.get(f"{output}.dq", wholes.get(output))
        apart = np.sqrt(((exact - whole) ** 2).mean() / (exact**2).mean())
        assert float(error.removesuffix("\u00a0%")) == pytest.approx(100 * apart, rel=0.06, abs=0.05), layer
        assert float(most) == pytest.approx(np.abs(exact - whole).max(), rel=0.06, abs=1e-4), layer
        compared += 1
    assert compared >= 20
    rows.nth(8).locator("button").click()
    assert tab.evaluate("state.node.name") == shown[8][0]
    assert rows.nth(8).get_attribute("aria-current") == "true"
    assert tab.locator("#second .beside figure").count() == 3
    answers = tab.locator("#second .bars").all()
    assert len(answers) == 2
    assert answers[1].locator(".label").first.text_content() == answers[0].locator(".label").first.text_content()
    tab.evaluate("document.querySelectorAll('#second details').forEach((one) => (one.open = true))")
    must_be_accessible(tab, axe, "#second")
    must_fit(tab)


def test_two_networks_see_the_same_picture(opened: Callable[..., Opened], tmp_path: Path) -> None:
    one, other = "resnet8-cifar10", "resnet20-cifar10"
    tab = opened(beside(tmp_path, one, other=read_bundle(find_bundle(other)))).ready()
    tab.evaluate("async () => { await showPicture(sampleOf(2)) }")
    image = np.array(tab.evaluate("Array.from(state.picture.values)"), np.uint8).reshape(32, 32, 3)
    expected = [of_onnx_runtime(name, image, "model.onnx", every=False)["probabilities"][0] for name in (one, other)]
    labels = read_bundle(find_bundle(other)).labels
    best = labels[int(expected[1].argmax())]
    shown = "document.querySelectorAll('#second .bars')[1].querySelector('.label').textContent"
    until(tab, f"{shown} === {best!r} && state.picture.sample === 2")
    for place in (0, 1):
        share = tab.locator("#second .bars").nth(place).locator("data").first.get_attribute("value")
        assert float(share) == pytest.approx(expected[place].max(), abs=1e-5)
    layers = tab.locator("#second select option").all_text_contents()
    tab.locator("#second select").select_option(layers[-3])
    assert layers[-3] in tab.locator("#second .beside figcaption").nth(1).text_content()
    assert tab.locator("#second .beside figure").count() == 2


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    lenet = read_bundle(find_bundle("lenet5-mnist"))
    with pytest.raises(InputError, match="different sizes, 28x28x1 and 32x32x3"):
        write_page(lenet, tmp_path / "page.html", other=read_bundle(find_bundle("resnet8-cifar10")))
    folder = Path(shutil.copytree(lenet.folder, tmp_path / "bundle"))
    (folder / "model.int8.onnx").unlink()
    with pytest.raises(InputError, match=r"no model\.int8\.onnx"):
        write_page(read_bundle(folder), tmp_path / "page.html", int8=True)
    assert not (tmp_path / "page.html").exists()
