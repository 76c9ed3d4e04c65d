"""Every operator of the page's engine against ONNX's own cases for it: right or refused, never wrong."""

from __future__ import annotations

import base64
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.backend.test.case import node as node_cases

from cnnref.page.bundle_scripts import bundle_scripts, ordered_files
from cnnref.page.facts import known_operators
from cnnref.page.write import PAGE

#: Files of ONNX that hold cases of several operators.
SHARED_FILES = {"pool_op_common"}
#: The numbers of this case are written with four digits.
ROUNDED = "test_averagepool_2d_ceil_last_window_starts_on_pad"

RUN = """
([model, output]) => {
  const bytes = Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0));
  try {
    const { tensors, missing } = runGraph(readModel(bytes, output), [0]);
    const found = tensors.get(output);
    return found ? [found.shape, Array.from(found.data, String)] : [...missing.values()].join(" ");
  } catch (error) {
    return messageOf(error);
  }
}
"""


def array_of(value: Any) -> np.ndarray:
    """A value of a case; some are given as TensorProto, because NumPy lacks their type."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def cases() -> list[Any]:
    """The cases of a single node whose operator the engine knows."""
    known = known_operators()
    files = {name.lower() for name in known} | SHARED_FILES
    for module in pkgutil.iter_modules(node_cases.__path__):
        if module.name.replace("_", "") in files | SHARED_FILES:
            importlib.import_module(f"{node_cases.__name__}.{module.name}")
    single = [case for case in node_cases._NodeTestCases if case.model and len(case.model.graph.node) == 1]
    return [case for case in single if case.model.graph.node[0].op_type in known - {"Constant"}]


def model_of(case: Any) -> bytes:
    """The case as a file in which its inputs are constants, so that each keeps its type."""
    graph, (inputs, _) = case.model.graph, case.data_sets[0]
    constants = [
        numpy_helper.from_array(array_of(value), given.name) for given, value in zip(graph.input, inputs, strict=True)
    ]
    picture = helper.make_tensor_value_info("picture", onnx.TensorProto.FLOAT, [1])
    alone = helper.make_graph(graph.node, case.name, [picture], graph.output, constants)
    return bytes(helper.make_model(alone, opset_imports=case.model.opset_import).SerializeToString())


@pytest.fixture(scope="module")
def engine(browser: Any) -> Iterator[Any]:
    """An empty page with the engine."""
    page = browser.new_page()
    page.set_content("<!doctype html><title>empty</title>")
    worker = PAGE / "engine/worker.js"
    page.add_script_tag(content=bundle_scripts(worker, beside=[PAGE / "engine/onnx.js"]))
    page.add_script_tag(content=bundle_scripts(PAGE / "engine/onnx.js", without=ordered_files(worker)))
    yield page
    page.close()


def test_cases_of_onnx_are_computed_right_or_refused(engine: Any) -> None:
    right, refused = set(), {}
    for case in cases():
        expected = array_of(case.data_sets[0][1][0])
        found = engine.evaluate(RUN, [base64.b64encode(model_of(case)).decode(), case.model.graph.node[0].output[0]])
        if isinstance(found, str):
            refused[case.name] = found
            continue
        shape, values = found
        assert tuple(shape) == expected.shape, case.name
        numbers = np.array([float(value.replace("Infinity", "inf")) for value in values])
        bound = 1e-3 if case.name == ROUNDED else 1e-5
        np.testing.assert_allclose(
            numbers, expected.astype(np.float64).ravel(), rtol=bound, atol=1e-7, err_msg=case.name
        )
        right.add(case.name)
    assert len(right) >= 250
    assert all("known here" in why or "cannot read" in why for why in refused.values()), refused
    # What networks for pictures are made of is computed, not refused.
    plain = {"test_gemm_default_matrix_bias", "test_lrn", "test_basic_conv_with_padding", "test_maxpool_2d_ceil"}
    more = {"test_averagepool_2d_pads_count_include_pad", "test_batchnorm_epsilon", "test_constant_pad_axes"}
    assert plain | more | {"test_reduce_mean_default_axes_keepdims_example", "test_softmax_axis_1"} <= right
