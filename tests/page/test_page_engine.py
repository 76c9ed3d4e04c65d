"""The engine of the page computes what ONNX Runtime and Keras compute, and shows how each value comes about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from opened import results_of

import cnnref
from cnnref.arithmetic import layer_table
from cnnref.explain import activations, grad_cam, occlusion
from cnnref.page.facts import known_operators
from cnnref.runtimes import find_bundle, read_bundle

SHIPPED = ["lenet5-mnist", "tinyvgg-cifar10", "resnet8-cifar10", "resnet20-cifar10"]

GRAD_CAM = """
(index) => {
  const found = gradCam(state.graph, state.tensors, index);
  return [found.rows, found.columns, ...found.values];
}
"""

OCCLUSION = """
async (index) => {
  const found = await ask("occlude", { image: state.picture.values, index, shape: state.facts.shape });
  return [found.rows, found.columns, ...found.values];
}
"""

FIELD = """
([name, row, column]) => {
  const box = fieldOf(state.graph, state.tensors, name, { rows: [row, row], columns: [column, column] });
  const [height, width] = state.facts.shape;
  const inside = ([first, last], size) => [Math.max(0, first), Math.min(size - 1, last)];
  return [...inside(box.rows, height), ...inside(box.columns, width)];
}
"""

#: For 200 places of every tensor: what the written terms add up to, beside the written value.
SUMS = """
(count) => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const found = [];
  const written = (value) => Number(exact(value));
  const cells = (told) => told.groups.flatMap((group) => group.cells);
  const inputs = (told) => cells(told).filter((cell) => !cell.padding).map((cell) => written(cell.input));
  for (const node of state.graph.nodes) {
    const { data } = state.tensors.get(node.output);
    for (let turn = 0; turn < count; turn++) {
      const at = Math.floor(random() * data.length);
      const told = explainValue(state.graph, node, state.tensors, at);
      const value = {
        sum: () => cells(told).reduce((sum, cell) => sum + written(cell.product), written(told.bias)),
        mean: () => inputs(told).reduce((sum, one) => sum + one, 0) / told.count,
        max: () => Math.max(...inputs(told)),
        scale: () => written(told.factor) * written(told.input) + written(told.offset),
        function: () => told.f(written(told.input)),
        pair: () => PAIRS[node.op][0](...told.parts.map((part) => written(part.value))),
        softmax: () => written(told.parts[told.chosen].power) / written(told.sum),
        move: () => (told.tensor === null ? 0 : state.tensors.get(told.tensor).data[told.from]),
      }[told.kind]();
      found.push([node.name, told.kind, value, written(told.value)]);
    }
  }
  return found;
}
"""


def pictures(name: str, count: int, datasets_folder: Path) -> np.ndarray:
    """Test pictures of the bundle's data set."""
    shape = read_bundle(find_bundle(name)).shape
    dataset = cnnref.data.load(name.split("-")[1], datasets_folder, image_shape=shape)
    return dataset.test_images[:count]


def of_onnx_runtime(model: onnx.ModelProto, names: list[str], images: np.ndarray) -> list[np.ndarray]:
    """The results of all nodes, without the optimizations that would merge some."""
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(names, {"image": images.astype(np.float32)})


#: What a value at row 2, column 3 sees of the maps before a node: [first row, last row, first column, last column].
SEEN = """
([op, attributes, axes, last]) => {
  const tensors = new Map(["x", "y"].map((name) => [name, { ...tensorOf([1, 6, 6, 6]), last }]));
  const node = { op, name: op, attributes, inputs: ["x", "axes"], output: "y", outputs: ["y"] };
  const constants = new Map(axes ? [["axes", { shape: [axes.length], data: axes }]] : []);
  const graph = { nodes: [node], constants, input: { name: "x" } };
  const { rows, columns } = fieldOf(graph, tensors, "y", { rows: [2, 2], columns: [3, 3] });
  return [...rows, ...columns].map((one) => Number.isFinite(one) ? one : null);
}
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_every_result_is_that_of_onnx_runtime_and_of_keras(
    name: str, shown: Callable[[str], Any], datasets_folder: Path
) -> None:
    images = pictures(name, 20, datasets_folder)
    graph = onnx.load(find_bundle(name) / "model.onnx")
    names = [output for node in graph.graph.node for output in node.output]
    expected = of_onnx_runtime(graph, names, images)
    keras_model = cnnref.load(name)
    page = shown(name)
    compared = 0
    for index, image in enumerate(images):
        found = results_of(page, image, names)
        of_keras = activations(keras_model, image)
        for tensor, values in zip(names, expected, strict=True):
            one = values[index]
            bound = 1e-5 * max(1.0, float(np.abs(one).max()))
            np.testing.assert_allclose(
                found[tensor], one.ravel(), rtol=0, atol=bound, err_msg=f"{tensor}, ONNX Runtime"
            )
            if tensor in of_keras and tensor != "flatten":  # which has another order there
                layer = np.moveaxis(of_keras[tensor], -1, 0) if of_keras[tensor].ndim == 3 else of_keras[tensor]
                np.testing.assert_allclose(found[tensor], layer.ravel(), rtol=0, atol=bound, err_msg=f"{tensor}, Keras")
                compared += 1
        assert found["probabilities"].argmax() == expected[-1][index].argmax()
    assert compared >= 20 * (len(names) - 8)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_terms_of_200_values_a_layer_add_up(name: str, shown: Callable[[str], Any]) -> None:
    page = shown(name)
    found = page.evaluate(SUMS, 200)
    kinds = {kind for _, kind, _, _ in found}
    assert {"sum", "function", "softmax", "move"} <= kinds
    for layer, kind, summed, value in found:
        assert summed == pytest.approx(value, rel=1e-5, abs=1e-30), f"{layer}: a {kind}"


def test_the_table_of_terms_adds_up_to_the_number_above_it(shown: Callable[[str], Any]) -> None:
    page = shown("lenet5-mnist")
    for layer, at, terms in (("conv1", 0, 25), ("conv2", 700, 150), ("dense1", 60, 400), ("logits", 3, 84)):
        page.evaluate("([name, at]) => lookAtValue(nodeNamed(name).output, at)", [layer, at])
        page.locator("#made-of summary", has_text="products").click()
        rows = page.locator("#made-of table.terms tbody tr")
        rows.first.wait_for()
        cells = rows.evaluate_all("rows => rows.map(row => [...row.children].map(cell => cell.textContent))")
        assert len(cells) == terms
        assert layer != "conv1" or any(cell[3] == "padding" for cell in cells)
        bias = float(page.text_content("#shown-bias"))
        value = float(page.text_content("#shown-value"))
        assert sum(float(cell[5]) for cell in cells) + bias == pytest.approx(value, rel=1e-5)
        for cell in cells:
            if cell[3] != "padding":
                assert float(cell[3]) * float(cell[4]) == pytest.approx(float(cell[5]), rel=1e-6)


@pytest.mark.parametrize("name", SHIPPED)
def test_layers_cost_and_see_what_the_layer_table_says(name: str, shown: Callable[[str], Any]) -> None:
    page = shown(name)
    told = page.evaluate(
        "() => state.graph.nodes.map((node) => [node.name, macsOf(node), "
        "fieldSize(state.graph, state.tensors, node.output, ...state.facts.shape)])"
    )
    table = {row.name: row for row in layer_table(cnnref.load(name))}
    compared = 0
    for layer, macs, field in told:
        row = table.get(layer)
        if row is None:
            continue
        assert macs == row.macs or row.kind == "BatchNormalization", layer
        if len(row.output_shape) == 3 and not row.kind.startswith("Global"):
            assert tuple(field) == row.receptive_field, layer
            compared += 1
    assert compared > 3


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet8-cifar10"])
def test_why_is_what_python_says(name: str, shown: Callable[[str], Any]) -> None:
    page = shown(name)
    model = cnnref.load(name)
    page.evaluate("async () => { await showPicture(sampleOf(1)) }")
    image = np.array(page.evaluate("() => [...state.picture.values]"), np.uint8).reshape(model.input_shape[1:])
    for index in (0, 5):
        found = page.evaluate(GRAD_CAM, index)
        expected = grad_cam(model, image, index)
        assert found[:2] == list(expected.shape)
        np.testing.assert_allclose(found[2:], expected.ravel(), atol=1e-4)
    found = page.evaluate(OCCLUSION, 5)
    expected = occlusion(model, image, 5)
    assert found[:2] == list(expected.shape)
    np.testing.assert_allclose(found[2:], expected.ravel(), atol=1e-4)


@pytest.mark.parametrize("name", ["lenet5-mnist", "resnet20-cifar10"])
def test_the_lit_field_is_the_receptive_field(name: str, shown: Callable[[str], Any]) -> None:
    page = shown(name)
    model = cnnref.load(name)
    drawn = set(page.evaluate("state.graph.nodes.map((node) => node.output)"))
    layers = [one.name for one in model.layers if len(one.output.shape) == 4 and one.name in drawn]
    assert len(layers) > 3
    for layer in layers[:: max(1, len(layers) // 6)]:
        rows, columns = model.get_layer(layer).output.shape[1:3]
        for row, column in ((0, 0), (rows // 2, columns - 1)):
            box = page.evaluate(FIELD, [layer, row, column])
            mask = cnnref.explain.receptive_field(model, layer, row, column)
            seen_rows, seen_columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
            assert box == [seen_rows[0], seen_rows[-1], seen_columns[0], seen_columns[-1]], layer


def test_what_is_computed_over_channels_alone_sees_one_place(shown: Callable[[str], Any]) -> None:
    page = shown("lenet5-mnist")
    for op, attributes, axes, last, alone in (
        ("ReduceMean", {"axes": [1]}, None, False, True),
        ("ReduceMean", {}, [-3], False, True),
        ("ReduceMean", {}, [3], True, True),
        ("ReduceMean", {}, [1], True, False),
        ("ReduceMean", {"axes": [2, 3]}, None, False, False),
        ("ReduceMean", {}, None, False, False),
        ("LayerNormalization", {}, None, True, True),
        ("LayerNormalization", {}, None, False, False),
        ("LayerNormalization", {"axis": 1}, None, False, False),
        ("Softmax", {"axis": 1}, None, False, True),
        ("Softmax", {}, None, False, False),
    ):
        expected = [2, 2, 3, 3] if alone else [None] * 4
        assert page.evaluate(SEEN, [op, attributes, axes, last]) == expected, (op, attributes, axes, last)


def test_the_list_of_known_operators_is_the_engines(shown: Callable[[str], Any]) -> None:
    page = shown("lenet5-mnist")
    known: Any = page.evaluate("() => Object.keys(OPERATORS)")
    pairs: Any = page.evaluate("() => Object.keys(PAIRS)")
    assert known_operators() - {"Constant"} <= set(known)
    assert set(known) - known_operators() == set()
    assert set(pairs) <= known_operators()
