"""Maps whose channels come last are shown along their own axes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from opened import Opened

from cnnref.page.write import PageContents, Sample, page

SHAPE = (6, 8, 3)
#: Of a layer: its maps row by row, how the drawing calls their number and size, and what of the picture a value sees.
SHOWN = """
(name) => {
  const node = nodeNamed(name);
  const tensor = tensorNamed(node.output);
  lookAt(node, 4);
  const { count, rows, columns } = tilesOf(tensor);
  return {
    maps: Array.from({ length: count }, (_, map) => Array.from(mapOf(tensor, map))),
    size: [count, rows, columns],
    title: document.getElementById(`card-${name}`).title,
    place: placeName(node.output, state.at),
    value: tensor.data[state.at],
    shown: Number(document.getElementById("shown-value").value),
    tiles: document.querySelectorAll("#layer .tile[aria-label^='map']").length,
    played: makingOf(node, 4, 12)?.result,
    seen: document.querySelector("#value .where > figure:last-child figcaption").textContent,
  };
}
"""


def model() -> bytes:
    """A convolution, an activation whose channels come last, as they are in the picture, and the way back."""
    random = np.random.default_rng(3)
    weights = {
        "kernel": random.normal(0, 0.01, (5, 3, 3, 3)),
        "dense": random.normal(0, 0.1, (5, 5)),
        "scale": np.full((1,), 2.0),
    }
    nodes = [
        helper.make_node("Mul", ["image", "scale"], ["scaled"], "scaled"),
        helper.make_node("Transpose", ["scaled"], ["first"], "first", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "kernel"], ["conv"], "conv"),
        helper.make_node("Transpose", ["conv"], ["last"], "last", perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["last", "dense"], ["mixed"], "mixed"),
        helper.make_node("Relu", ["mixed"], ["relu"], "relu"),
        helper.make_node("Transpose", ["relu"], ["back"], "back", perm=[0, 3, 1, 2]),
        helper.make_node("GlobalAveragePool", ["back"], ["pooled"], "pooled"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flat"),
        helper.make_node("Softmax", ["flat"], ["probabilities"], "probabilities"),
    ]
    graph = helper.make_graph(
        nodes,
        "axes",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [None, *SHAPE])],
        [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, [None, 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return made.SerializeToString()


def test_maps_are_drawn_along_their_own_axes(opened: Callable[..., Opened], tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8)
    given = PageContents(model(), name="axes", shape=SHAPE, labels=[*"abcde"], samples=[Sample(image, "noise")])
    (tmp_path / "page.html").write_text(page(given), encoding="utf-8")
    tab = opened(tmp_path / "page.html", reduced_motion="reduce").ready()
    told = {name: tab.evaluate(SHOWN, name) for name in ("conv", "last", "relu", "back")}
    assert told["last"]["maps"] == told["conv"]["maps"]
    assert told["relu"]["maps"] == told["back"]["maps"]
    for name, one in told.items():
        assert one["size"] == [5, 4, 6], name
        assert re.findall(r"\d+", one["title"])[-3:] == ["5", "4", "6"]
        assert one["tiles"] == 5
        maps = np.abs(one["maps"][4])
        row, column = divmod(int(maps.argmax()), 6)
        assert one["place"] == f"channel 4, row {row}, column {column}"
        assert abs(one["value"]) == maps.max()
        assert one["shown"] == pytest.approx(one["value"], rel=1e-6)
        assert one["played"]["rows"] == 4
        assert one["played"]["columns"] == 6
        assert f"rows {row} to {row + 2} and columns {column} to {column + 2}" in one["seen"], name
    scaled = tab.evaluate("Array.from(mapOf(tensorNamed('scaled'), 1))")
    assert scaled == (2.0 * image[:, :, 1]).ravel().tolist()
    # The play follows a value to the place that it had before.
    tab.evaluate("lookAt(nodeNamed('back'), 2)")
    assert tab.evaluate("placeName(...stepDown(['back', state.at]))") == tab.evaluate("placeName('back', state.at)")
