"""Large networks: convolutions and dense layers in WebAssembly, held against ONNX Runtime and the exact engine."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import small_models
from onnx import TensorProto, helper, numpy_helper
from opened import Large, Opened

import cnnref
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model
from cnnref.page.bundle_scripts import bundle_scripts, ordered_files
from cnnref.page.half import with_half_weights
from cnnref.page.write import PAGE, PageContents, Sample, page

NETWORKS = ["mobilenet_v2", "shufflenet_v2_x1_0", "convnext_v2_atto"]

#: A layer by the fast operators: [its shape, its numbers].
LAYER = """
([model, image]) => {
  const graph = readModel(Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0)), "y");
  const { tensors, missing } = runGraph(graph, image, new Map(), fastNetwork(graph).operators);
  const found = tensors.get(graph.output);
  return found ? [found.shape, Array.from(found.data)] : [...missing.values()].join(" ");
}
"""

#: How far every result of the worker is from that of the exact engine, in shares of the largest number it is made of.
APART = """
async () => {
  const { tensors } = await run(state.graph, { image: state.picture.values });
  const exactly = runGraph(state.graph, state.picture.values).tensors;
  const most = (data) => data.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  return state.graph.nodes.map((node) => {
    const [a, b] = [tensors, exactly].map((results) => results.get(node.output).data);
    const given = node.inputs.filter((name) => exactly.has(name)).map((name) => most(exactly.get(name).data));
    const apart = most(a.map((value, at) => value - b[at]));
    return [node.name, apart / Math.max(most(b), ...given)];
  });
}
"""


@pytest.fixture(scope="module")
def engine(browser: Any) -> Iterator[Any]:
    """An empty page with the engine."""
    tab = browser.new_page()
    tab.set_content("<!doctype html><title>empty</title>")
    worker = PAGE / "engine/large.js"
    tab.add_script_tag(content=bundle_scripts(worker, beside=[PAGE / "engine/onnx.js"]))
    tab.add_script_tag(content=bundle_scripts(PAGE / "engine/onnx.js", without=ordered_files(worker)))
    yield tab
    tab.close()


def layer(op: str, shape: tuple[int, ...], weights: tuple[int, ...], bias: int = 0, **attributes: Any) -> Any:
    """A model of one node with random weights, and a random input."""
    random = np.random.default_rng(len(weights) + sum(weights))
    constants = [numpy_helper.from_array(random.normal(0, 1, weights).astype(np.float32), "weights")]
    if bias:
        constants.append(numpy_helper.from_array(random.normal(0, 1, bias).astype(np.float32), "bias"))
    node = helper.make_node(op, ["image", *(one.name for one in constants)], ["y"], **attributes)
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], op, [given], [onnx.ValueInfoProto(name="y")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString(), random.normal(0, 1, shape).astype(np.float32)


LAYERS = {
    "plain": layer("Conv", (1, 5, 9, 11), (7, 5, 3, 3), 7, pads=[1, 1, 1, 1]),
    "without a bias": layer("Conv", (1, 3, 8, 8), (4, 3, 3, 3)),
    "pointwise": layer("Conv", (1, 16, 7, 7), (24, 16, 1, 1), 24),
    "pointwise with a stride": layer("Conv", (1, 6, 9, 8), (5, 6, 1, 1), 5, strides=[2, 2]),
    "depthwise": layer("Conv", (1, 10, 9, 9), (10, 1, 3, 3), 10, group=10, pads=[1, 1, 1, 1], strides=[2, 2]),
    "two filters a channel": layer("Conv", (1, 4, 6, 6), (8, 1, 3, 3), 8, group=4),
    "grouped": layer("Conv", (1, 12, 10, 6), (18, 4, 3, 3), 18, group=3, pads=[1, 1, 1, 1]),
    "dilated": layer("Conv", (1, 3, 14, 12), (4, 3, 3, 2), 4, dilations=[2, 3], pads=[2, 1, 0, 3]),
    "padded as TensorFlow pads": layer("Conv", (1, 3, 15, 16), (4, 3, 3, 3), 4, strides=[2, 2], auto_pad="SAME_UPPER"),
    "wide window": layer("Conv", (1, 2, 20, 20), (3, 2, 7, 7), 3, pads=[3, 3, 3, 3], strides=[2, 3]),
    "many inputs": layer("Conv", (1, 700, 5, 5), (9, 700, 3, 3), 9, pads=[1, 1, 1, 1]),
    "dense": layer("Gemm", (1, 50), (50, 13), 13),
    "dense, transposed": layer("Gemm", (3, 50), (13, 50), 13, transB=1),
    "dense, scaled": layer("Gemm", (2, 5), (5, 6), 6, alpha=0.5, beta=2.0),
    "matrix": layer("MatMul", (1, 3, 7, 20), (20, 9)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_fast_layer_is_that_of_onnx_runtime(name: str, engine: Any) -> None:
    model, image = LAYERS[name]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"image": image})[0]
    shape, values = engine.evaluate(LAYER, [base64.b64encode(model).decode(), image.ravel().tolist()])
    assert tuple(shape) == expected.shape
    bound = 1e-5 * float(np.abs(expected).max())
    np.testing.assert_allclose(values, expected.ravel(), rtol=0, atol=bound)


def test_the_table_of_erf_is_erf(engine: Any) -> None:
    found = engine.evaluate(
        "Math.max(...Array.from({ length: 20001 }, (_, n) => n / 1000 - 10).map((x) => "
        "Math.abs(tabledErf(x) - FUNCTIONS.Erf[0](x)) / Math.max(1e-30, Math.abs(FUNCTIONS.Erf[0](x)))))"
    )
    assert 0 < found < 1e-7
    assert engine.evaluate("String([tabledErf(NaN), tabledErf(-Infinity), tabledErf(0)])") == "NaN,-1,0"


def test_the_assembler_writes_the_bytes_of_the_specification(engine: Any) -> None:
    """A function that loops; its bytes are written out by chapter 5 of the WebAssembly core specification."""
    text = (
        '(module (import "m" "n" (memory 1)) (func (export "f") (param $a i32) (local $b v128) ;; counts down\n'
        "(loop $l (local.set $a (i32.add (local.get $a) (i32.const -1))) (br_if $l (local.get $a)))"
        "(f32.store offset=300 (local.get $a) (f32.load (i32.const 200)))))"
    )
    sections = [
        [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0],
        [1, 5, 1, 0x60, 1, 0x7F, 0],
        [2, 8, 1, 1, 0x6D, 1, 0x6E, 2, 0, 1],
        [3, 2, 1, 0],
        [7, 5, 1, 1, 0x66, 0, 0],
        [10, 32, 1, 30, 1, 1, 0x7B, 0x03, 0x40, 0x20, 0, 0x41, 0x7F, 0x6A, 0x21, 0, 0x20, 0, 0x0D, 0, 0x0B],
        [0x20, 0, 0x41, 0xC8, 1, 0x2A, 0, 0, 0x38, 0, 0xAC, 2, 0x0B],
    ]
    assert engine.evaluate("(text) => Array.from(assemble(text))", text) == [
        byte for section in sections for byte in section
    ]
    assert engine.evaluate("(text) => WebAssembly.validate(assemble(text))", text)
    assert engine.evaluate("WebAssembly.validate(assemble(MULTIPLY))")
    for wrong, said in (
        ("(module", "not closed"),
        ("(module))", "too many"),
        (text.replace("$a (i32.a", "$c (i32.a"), "$c"),
    ):
        assert said in engine.evaluate("(text) => { try { assemble(text) } catch (e) { return e.message } }", wrong)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fast_network_is_the_exact_one(name: str, opened: Callable[..., Opened], tmp_path: Path) -> None:
    """Every result is within 1e-5 of the exact engine's, and a value that is chosen adds up, in the page itself."""
    model = small_models.randomise(cnnref.build(name, (64, 64, 3)))
    contract = contract_of(model, name, None, {})
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    contents = PageContents(
        onnx_model(model, contract).SerializeToString(),
        name=name,
        shape=contract.shape,
        labels=contract.labels,
        samples=[Sample(image, "noise")],
    )
    (tmp_path / "page.html").write_text(page(contents), encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    assert tab.evaluate("state.graph.single") is True
    assert tab.evaluate("state.missing.size") == 0
    apart = tab.evaluate(APART)
    assert max(share for _, share in apart) < 1e-5, max(apart, key=lambda one: one[1])
    assert max(share for _, share in apart) > 0  # it was another computation
    expected = np.asarray(model(image[None].astype(np.float32)))[0]
    np.testing.assert_allclose(tab.evaluate("probabilities()"), expected, atol=1e-5)
    # A layer of each kind can be drawn.
    tab.evaluate("() => new Map(state.graph.nodes.map((node) => [node.op, node])).forEach((node) => lookAt(node))")
    told = tab.evaluate(
        "() => { const node = state.graph.nodes.find((one) => one.op === 'Conv');"
        " const { value, groups, bias } = explainValue(state.graph, node, state.tensors, 40);"
        " return [value, groups.flatMap((group) => group.cells.map((cell) => cell.product)), bias] }"
    )
    assert told[0] == np.float32(told[2] + sum(told[1]))
    small_models.forget()


def test_a_browser_that_forbids_webassembly_computes_all_the_same(
    large: Large, opened: Callable[..., Opened], tmp_path: Path
) -> None:
    text = page(large.contents)
    assert text.count(" 'wasm-unsafe-eval'") == 1
    (tmp_path / "page.html").write_text(text.replace(" 'wasm-unsafe-eval'", ""), encoding="utf-8")
    one = opened(tmp_path / "page.html")
    tab = one.ready()
    assert tab.evaluate("state.graph.single") is False
    np.testing.assert_allclose(tab.evaluate("probabilities()"), large.probabilities, atol=1e-5)
    assert all("WebAssembly" in said for said in one.wrong)
    one.wrong.clear()


def test_a_page_with_weights_of_16_bits(large: Large, opened: Callable[..., Opened], tmp_path: Path) -> None:
    """It is half as large, says so, and computes what ONNX Runtime computes with the rounded weights."""
    halved = replace(large.contents, half=True)
    whole, half = page(large.contents), page(halved)
    assert half == page(halved)
    assert len(half) - 200_000 < 0.55 * len(whole)
    rounded = with_half_weights(onnx.load_model_from_string(large.contents.model))
    onnx.checker.check_model(rounded, full_check=True)
    (tmp_path / "page.html").write_text(half, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    tab.wait_for_selector("#hash:has-text('the same')")
    assert "rounded to 16 bits" in tab.text_content("footer")
    assert tab.evaluate("state.graph.nodes.map((node) => node.op)").count("Cast") == 0
    session = onnxruntime.InferenceSession(rounded.SerializeToString(), providers=["CPUExecutionProvider"])
    image = large.contents.samples[0].image
    expected = session.run(["probabilities"], {"image": image[None].astype(np.float32)})[0][0]
    np.testing.assert_allclose(tab.evaluate("probabilities()"), expected, atol=1e-5)
    odd = "[0, 1, 0x8001, 0x3c00, 0xfbff, 0x7c00].map(halfOf)"
    assert tab.evaluate(odd) == [0, 2**-24, -(2**-24), 1, -65504, float("inf")]


def test_a_small_page_asks_for_no_webassembly(page_of: Callable[[str], Path]) -> None:
    assert "wasm-unsafe-eval" not in page_of("lenet5-mnist").read_text(encoding="utf-8")
