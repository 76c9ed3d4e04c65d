"""What is done where plain integers cost too much accuracy: chosen on training images, stated, and good enough."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from in_process import verify
from PIL import Image

import cnnref
from cnnref.data import load
from cnnref.exporters.calibration import PLAIN, least_error_range, mean_error, of_pictures, sample_of, some_values
from cnnref.exporters.contract import contract_of
from cnnref.exporters.remedies import Trial, trial_images, trial_pictures, with_remedy
from cnnref.exporters.source import from_model
from cnnref.exporters.tensorflow.graph import serving_function, serving_module
from cnnref.exporters.tensorflow.integers import IntegerWriter
from cnnref.exporters.tensorflow.tflite import tflite_model
from cnnref.runtimes import LabelledImages, noise_of_layers, read_bundle, read_report
from cnnref.training import read_recipe

#: What channels of the first layer are multiplied by, and the weights that read them divided by: the network computes
#: the same, and one range for all channels of a tensor leaves the others hardly any steps.
FACTOR, CHANNELS = 100.0, 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """LeNet-5 with ReLU after a few epochs of digits."""
    recipe = replace(read_recipe("lenet5-digits"), model="lenet5_relu", epochs=4)
    return cnnref.train(recipe, out=tmp_path_factory.mktemp("runs") / "digits", quiet=True)


@pytest.fixture(scope="module")
def model(trained: Any) -> Any:
    """The same network with channels of very different sizes."""
    model = cnnref.load(trained.folder)
    kernels = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    first, second = (layer.get_weights() for layer in kernels[:2])
    first[0][..., :CHANNELS] *= FACTOR
    first[1][:CHANNELS] *= FACTOR
    second[0][:, :, :CHANNELS] /= FACTOR
    kernels[0].set_weights(first)
    kernels[1].set_weights(second)
    return model


@pytest.fixture(scope="module")
def unbalanced(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bundles") / "unbalanced"
    return cnnref.export(
        from_model(model, "unbalanced"), folder, formats=["onnx"], precisions=["int8"], dataset="digits"
    )


def test_a_file_that_loses_too_much_gets_a_remedy_and_holds(unbalanced: Any) -> None:
    entry = unbalanced.document["artifacts"]["model.int8.onnx"]
    remedy = entry["remedy"]
    assert remedy["points_lost_without"] > 3, "in the usual way this network loses much"
    assert remedy["points_lost"] <= entry["points"]
    assert remedy["chosen_on"].endswith("training images of digits that set no ranges")
    assert remedy["judged_by"] == "labels"
    (check,) = (check for check in read_report(unbalanced.folder)["checks"] if check["file"] == "model.int8.onnx")
    assert check["status"] == "ok"
    assert check["test"]["points_lost"] < remedy["points_lost_without"] / 2


def test_a_tflite_file_loses_less_with_its_remedy(model: Any) -> None:
    contract = contract_of(model, "unbalanced")
    function = serving_function(serving_module(model, contract))
    data = load("digits")
    writer = IntegerWriter(function, contract, sample_of(data.train_images, "digits"))
    images = trial_images(data.train_images, data.train_labels, "digits", seed=0, after=200)
    trial = Trial(tflite_model(function, contract), ".tflite", "nhwc", images)
    content, remedy = with_remedy(writer.write, trial, 0.3)
    assert remedy is not None
    assert remedy.lost_plain == trial.lost(writer.write())[0] > 3
    assert remedy.lost == trial.lost(content)[0] < remedy.lost_plain / 2
    assert content == writer.write(remedy.plan), "the same plan gives the same bytes"


@pytest.fixture(scope="module")
def onnx_file(model: Any) -> Any:
    """The float32 file of the network, and what writes its integer file in a way."""
    from cnnref.exporters.onnx.int8 import int8_model
    from cnnref.exporters.onnx.model import onnx_model

    written = onnx_model(model, contract_of(model, "unbalanced"), opset=21, layout="nhwc")
    calibration = sample_of(load("digits").train_images, "digits")
    return written.SerializeToString(), lambda plan: int8_model(
        written, calibration, layout="nhwc", plan=plan
    ).SerializeToString()


def without_labels(images: Any) -> LabelledImages:
    return LabelledImages(images, np.full(len(images), -1), "pictures")


def test_pictures_without_labels_are_enough(onnx_file: Any) -> None:
    """What is lost of float32's own probabilities is close to what is lost by the labels."""
    floats, make = onnx_file
    data = load("digits")
    images = trial_images(data.train_images, data.train_labels, "digits", seed=0, after=200)
    content, remedy = with_remedy(make, Trial(floats, ".onnx", "nhwc", without_labels(images.images)), 0.3)
    assert remedy is not None
    assert remedy.to_json()["judged_by"] == "probabilities of float32"
    assert remedy.plan.corrected
    by_labels = Trial(floats, ".onnx", "nhwc", images)
    assert remedy.lost_plain == pytest.approx(by_labels.lost(make(PLAIN))[0], abs=1.5)
    assert remedy.lost == pytest.approx(by_labels.lost(content)[0], abs=0.5)
    assert remedy.lost < remedy.lost_plain / 2


def test_float32_loses_nothing_of_its_own_probabilities_and_no_file_gains(onnx_file: Any) -> None:
    floats, make = onnx_file
    trial = Trial(floats, ".onnx", "nhwc", without_labels(load("digits").train_images[:100]))
    assert trial.tells
    assert trial.lost(floats) == (0, 0)
    lost, doubt = trial.lost(make(PLAIN))
    assert lost > 0
    assert 0 < doubt < lost
    assert not replace(trial, images=without_labels(trial.images.images[:10])).tells


def test_a_folder_of_pictures_is_tried_on_those_that_set_no_ranges(model: Any, tmp_path: Path) -> None:
    contract, images = contract_of(model, "unbalanced"), load("digits").train_images[:300, ..., 0]
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number:03}.png")
    calibration = of_pictures(tmp_path, contract.shape, contract.picture)
    tried = trial_pictures(tmp_path, contract, calibration)
    assert tried is not None
    assert tried.dataset == f"pictures of the folder {tmp_path.name} that set no ranges"
    both = [image.tobytes() for image in (*calibration.images, *tried.images)]
    assert sorted(both) == sorted(image.tobytes() for image in images)
    small = replace(calibration, images=calibration.images[:60])
    for path in sorted(tmp_path.iterdir())[70:]:
        path.unlink()
    tried = trial_pictures(tmp_path, contract, small)
    assert tried is not None
    assert tried.dataset.endswith("that set the ranges, too")
    np.testing.assert_array_equal(tried.images, small.images)
    scores = replace(contract, activation=None)
    assert trial_pictures(tmp_path, scores, small) is None, "scores are no probabilities to lose"


@given(seed=st.integers(0, 2**32 - 1), groups=st.sampled_from([1, 2, 4]), filters=st.sampled_from([4, 8]))
@settings(max_examples=30, deadline=None)
def test_corrected_biases_give_the_sums_their_means_back(seed: int, groups: int, filters: int) -> None:
    """Of the sums of a layer with rounded weights, and of each filter by itself."""
    random = np.random.default_rng(seed)
    inputs = random.gamma(2, size=(50, groups, 3))
    weights = random.normal(size=(filters, 3))
    rounded = np.rint(weights * 2) / 2
    error = mean_error((weights - rounded)[:, :, None, None], inputs.mean(axis=0).reshape(-1))
    part = np.repeat(np.arange(groups), filters // groups)
    sums, wrong = (np.einsum("nfc,fc->nf", inputs[:, part], numbers) for numbers in (weights, rounded))
    np.testing.assert_allclose((wrong + error).mean(axis=0), sums.mean(axis=0), rtol=1e-9, atol=1e-9)


def test_the_card_says_what_was_done(unbalanced: Any) -> None:
    text = (unbalanced.folder / "README.md").read_text()
    assert "`model.int8.onnx` has ranges by" in text
    assert "No test image had a part in the choice." in text
    layers = unbalanced.artifacts["model.int8.onnx"].float_layers
    assert bool(layers) == ("These layers of `model.int8.onnx` compute in floats" in text)


def test_a_network_that_needs_no_remedy_has_none(bundle: Any) -> None:
    for file in ("model.int8.onnx", "model.int8.tflite"):
        assert not {"remedy", "float_layers"} & set(bundle.document["artifacts"][file])


def test_layers_in_floats_that_bundle_json_does_not_name_are_caught(tmp_path: Path) -> None:
    """A normalization stays in floats as a whole, is named in bundle.json, and may not be there unnamed."""
    keras = cnnref.environment.keras
    image = keras.Input((28, 28, 1), name="image")
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="conv")(image)
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax", name="logits")(x), name="normalized")
    folder = tmp_path / "normalized"
    made = cnnref.export(model, folder, formats=["onnx", "tflite"], precisions=["int8"], dataset="digits", batch=3)
    assert set(noise_of_layers(folder)) == {"model.int8.onnx", "model.int8.tflite"}, "with a fixed batch, too"
    (layer,) = made.artifacts["model.int8.tflite"].float_layers
    assert layer.startswith("norm")
    assert "compute in floats" in (made.folder / "README.md").read_text()
    other = tmp_path / "unnamed"
    shutil.copytree(made.folder, other)
    document = json.loads((other / "bundle.json").read_text())
    del document["artifacts"]["model.int8.tflite"]["float_layers"]
    (other / "bundle.json").write_text(json.dumps(document))
    report = verify(read_bundle(other).folder, only=["model.int8.tflite"])
    assert "it computes in floats" in " ".join(report.problems)


def squared_error(values: Any, low: float, high: float) -> float:
    """Of rounding to 256 steps, written anew."""
    step = max((high - low) / 255, 1e-30)
    zero = round(-low / step)
    steps = np.clip(np.round(values.astype(np.float64) / step) + zero, 0, 255)
    return float(np.sum((values - (steps - zero) * step) ** 2))


@given(
    values=arrays.arrays(np.float32, st.integers(2, 300), elements=st.floats(-100, 100, width=32)),
    outlier=st.floats(1, 1e4),
)
@settings(max_examples=50, deadline=None)
def test_a_range_of_least_error_lies_inside_and_is_no_worse(values: Any, outlier: float) -> None:
    values = np.append(values, np.float32(outlier))
    low, high = min(float(values.min()), 0.0), float(values.max())
    found = least_error_range(values, low, high)
    assert low <= found[0] <= 0 <= found[1] <= high
    whole = squared_error(values, low, high)
    assert squared_error(values, *found) <= whole * 1.01 + 1e-3 * outlier**2 / 255**2


def test_few_large_values_do_not_set_the_range() -> None:
    values = np.append(np.random.default_rng(0).normal(size=500_000).astype(np.float32), np.float32(20))
    low, high = least_error_range(values, float(values.min()), 20.0)
    assert high < 15
    assert squared_error(values, low, high) < squared_error(values, float(values.min()), 20.0)


def test_some_values_are_of_the_tensor_and_the_same_for_the_same_seed() -> None:
    tensor = np.arange(10_000, dtype=np.float32).reshape(4, 50, 50)
    drawn = some_values(tensor, seed=3)
    np.testing.assert_array_equal(drawn, some_values(tensor, seed=3))
    assert set(drawn) <= set(tensor.reshape(-1))
    assert not np.array_equal(drawn, some_values(tensor, seed=4))
    np.testing.assert_array_equal(some_values(tensor[0, 0], seed=0), tensor[0, 0])
