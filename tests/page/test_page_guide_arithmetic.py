"""The arithmetic of the guide's chapters is the package's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnref.arithmetic import average_pool2d, conv2d, dense, flatten, max_pool2d, ops, output_size, softmax
from cnnref.arithmetic.kernels import KERNELS
from cnnref.arithmetic.receptive_field import Field
from cnnref.errors import InputError


@st.composite
def slides(draw: st.DrawFn) -> dict[str, Any]:
    """An input, a kernel, and how it moves; the window may be too large."""
    shape = st.tuples(st.integers(1, 7), st.integers(1, 7))
    rows, columns = draw(shape)
    high, wide = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    whole = st.integers(-9, 9)
    return {
        "input": draw(st.lists(st.lists(whole, min_size=columns, max_size=columns), min_size=rows, max_size=rows)),
        "kernel": draw(st.lists(st.lists(whole, min_size=wide, max_size=wide), min_size=high, max_size=high)),
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": draw(st.tuples(*[st.integers(0, 2)] * 4)),
        "dilation": draw(st.integers(1, 3)),
    }


def by_package(case: dict[str, Any]) -> list[list[int]] | None:
    more = {"strides": case["stride"], "padding": case["padding"], "dilation": case["dilation"]}
    try:
        return conv2d(case["input"], case["kernel"], **more).tolist()
    except InputError:
        return None


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases=st.lists(slides(), min_size=20, max_size=60))
def test_sliding_gives_what_the_package_gives(bare: Any, cases: list[dict[str, Any]]) -> None:
    found = bare.evaluate("(cases) => cases.map((one) => slide(one.input, one.kernel, one))", cases)
    for case, answer in zip(cases, found, strict=True):
        expected = by_package(case)
        assert answer == expected if expected is not None else not any(answer)


def test_all_sizes_are_those_of_the_formula(bare: Any) -> None:
    cases = [
        (n, kernel, {"stride": stride, "before": before, "after": after, "dilation": dilation})
        for n in range(1, 12)
        for kernel in (1, 2, 3, 5)
        for stride in (1, 2, 3)
        for before, after in ((0, 0), (1, 2), (3, 0))
        for dilation in (1, 2, 3)
    ]
    found = bare.evaluate("(cases) => cases.map((one) => positions(...one))", cases)
    for (n, kernel, how), count in zip(cases, found, strict=True):
        try:
            expected = output_size(n, kernel, how["stride"], (how["before"], how["after"]), how["dilation"])
        except InputError:
            expected = 0
        assert count == expected


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), size=st.integers(1, 3), stride=st.integers(1, 3))
def test_pooling_depth_dense_and_flattening_are_the_package_s(bare: Any, seed: int, size: int, stride: int) -> None:
    random = np.random.default_rng(seed)
    maps, kernels = random.normal(size=(3, 5, 4)), random.normal(size=(3, 2, 2))
    inputs, weights, biases = random.normal(size=4), random.normal(size=(4, 2)), random.normal(size=2)
    found = bare.evaluate(
        """({ maps, kernels, inputs, weights, biases, size, stride }) => {
          const shape = [3, 5, 4];
          const cells = maps.flatMap((map, c) => map.flatMap((line, y) => line.map((value, x) => [value, [c, y, x]])));
          const laid = (entry) => cells.reduce((row, [value, cell]) => row.with(entry(cell, shape), value),
            new Array(60).fill(null));
          return {
            max: pool(maps[0], [size, size], [stride, stride], greatest),
            mean: pool(maps[0], [size, size], [stride, stride], mean),
            deep: slideDeep(maps, kernels, biases[0]),
            dense: denseOutputs(inputs, weights, biases),
            inFile: laid(entryInFile), inKeras: laid(entryInKeras),
          };
        }""",
        {"size": size, "stride": stride} | {name: value.tolist() for name, value in {
            "maps": maps, "kernels": kernels, "inputs": inputs, "weights": weights, "biases": biases}.items()},
    )  # fmt: skip
    as_keras = np.moveaxis(maps, 0, -1)[None]
    kernel = np.moveaxis(kernels, 0, -1)[..., None]
    np.testing.assert_array_equal(found["max"], max_pool2d(maps[0], size, strides=stride))
    np.testing.assert_allclose(found["mean"], average_pool2d(maps[0], size, strides=stride), rtol=1e-12)
    np.testing.assert_allclose(found["deep"], conv2d(as_keras, kernel, biases[:1])[0, :, :, 0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["dense"], dense(inputs, weights, biases), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found["inKeras"], flatten(as_keras)[0])
    np.testing.assert_array_equal(found["inFile"], flatten(maps[None])[0])


def test_activations_and_softmax_are_the_package_s_and_slopes_are_true(bare: Any) -> None:
    x = [-30.0, -4.0, -1.25, -0.1, 0.0, 0.1, 2.5, 4.0, 30.0]
    names = {"relu": ops.relu, "leaky": ops.leaky_relu, "sigmoid": ops.sigmoid, "tanh": ops.tanh}
    for name, function in names.items():
        value, slope = bare.evaluate(f"(x) => [x.map(ACTIVATIONS.{name}.of), x.map(ACTIVATIONS.{name}.slope)]", x)
        np.testing.assert_allclose(value, function(np.array(x)), rtol=1e-12)
        step, bent = 1e-6, np.array(x) != 0
        rise = (function(np.array(x) + step) - function(np.array(x) - step)) / (2 * step)
        np.testing.assert_allclose(np.array(slope)[bent], rise[bent], atol=1e-8)
    for scores in ([2.0, 1.0, 0.0, -1.0], [1000.0, 1000.0, -5.0, 0.0]):
        np.testing.assert_allclose(bare.evaluate("softmax", scores), softmax(scores), rtol=1e-12)


def test_the_kernels_are_the_package_s(bare: Any) -> None:
    kernels = bare.evaluate("KERNELS")
    assert list(kernels) == list(KERNELS)
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(np.array(kernel["rows"]) / kernel["divisor"], KERNELS[name])


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000))
def test_steps_of_learning_are_those_of_tensorflow(bare: Any, seed: int) -> None:
    import tensorflow as tf

    random = np.random.default_rng(seed)
    inputs, right, rate = random.normal(size=3), int(random.integers(2)), float(random.uniform(0.05, 1))
    given_weights = {"first": random.normal(size=(3, 4)), "second": random.normal(size=(4, 2))}
    tables = {name: tf.Variable(table) for name, table in given_weights.items()}
    expected = []
    for _ in range(4):
        with tf.GradientTape() as tape:
            hidden = tf.nn.relu(inputs[None] @ tables["first"])
            scores = hidden @ tables["second"]
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits([right], scores)[0]
        gradients = tape.gradient(loss, tables)
        for name, table in tables.items():
            table.assign_sub(rate * gradients[name])
        expected.append({"loss": loss, "hidden": hidden[0], "scores": scores[0], "gradients": gradients})
    found = bare.evaluate(
        """({ inputs, weights, right, rate }) => {
          const steps = [];
          for (let step = 0; step < 4; step++) {
            const one = forwardAndBack(inputs, weights, right);
            steps.push(one);
            const { first, second } = one.gradients;
            weights = { first: stepped(weights.first, first, rate), second: stepped(weights.second, second, rate) };
          }
          return { steps, weights };
        }""",
        {
            "inputs": inputs.tolist(),
            "weights": {name: table.tolist() for name, table in given_weights.items()},
            "right": right,
            "rate": rate,
        },
    )
    for step, one in zip(found["steps"], expected, strict=True):
        for key in ("loss", "hidden", "scores"):
            np.testing.assert_allclose(step[key], one[key].numpy(), rtol=1e-9, atol=1e-12)
        for name, gradient in one["gradients"].items():
            np.testing.assert_allclose(step["gradients"][name], gradient.numpy(), rtol=1e-9, atol=1e-12)
    for name, table in tables.items():
        np.testing.assert_allclose(found["weights"][name], table.numpy(), rtol=1e-9, atol=1e-12)


def test_normalization_loss_and_fields_are_those_of_the_formulas(bare: Any) -> None:
    values = np.random.default_rng(3).normal(size=9)
    found = bare.evaluate("(values) => normalized(values, 2, -1, 0.001)", values.tolist())
    expected = 2 * (values - values.mean()) / np.sqrt(values.var() + 0.001) - 1
    np.testing.assert_allclose(found["values"], expected, rtol=1e-12)
    scores = [1.0, -2.0, 0.5]
    assert bare.evaluate("(scores) => crossEntropy(scores, 1)", scores) == pytest.approx(-np.log(softmax(scores)[1]))
    layers = [{"kernel": kernel, "stride": stride} for kernel, stride in ((3, 1), (2, 2), (5, 1), (3, 2), (1, 1))]
    field, sizes = Field.pixels(1000), []
    for layer in layers:
        slid = field.slid(layer["kernel"], layer["stride"], 0, 1)
        assert slid is not None
        field = slid
        sizes.append({"size": field.size, "jump": field.jump})
    assert bare.evaluate("(layers) => fieldsAfter(layers)", layers) == sizes


def test_branches_that_run_beside_each_other_have_lanes_of_their_own(bare: Any) -> None:
    layers = [
        {"name": "a", "takes": []},
        {"name": "b", "takes": ["a"]},
        {"name": "c", "takes": ["b", "a"]},
        {"name": "d", "takes": ["a"]},
        {"name": "e", "takes": ["d", "c", "b", "elsewhere"]},
    ]
    found = bare.evaluate("(layers) => lanesOf(edgesOf(layers))", layers)
    assert {(one["from"], one["to"]) for one in found} == {(0, 1), (1, 2), (0, 2), (0, 3), (3, 4), (2, 4), (1, 4)}
    for one in found:
        assert (one["lane"] == 0) == (one["to"] == one["from"] + 1)
        for other in found:
            if one is not other and one["lane"] == other["lane"] > 0:
                assert one["to"] <= other["from"] or other["to"] <= one["from"]
