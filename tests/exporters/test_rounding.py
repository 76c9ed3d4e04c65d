"""Kernels stored as float16: what is rounded, what it costs, and a bundle that has nothing else."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import benchmark, predict, verify

import cnnref
from cnnref.errors import ExportError, InputError
from cnnref.models.saving import load_model, save_model, weights_sha256
from cnnref.runtimes import read_samples


def small(width: Any = 4, kernel: Any = 3, scale: Any = 1.0, seed: Any = 0) -> Any:
    """A network with kernels, biases and moving statistics, of values that float16 does not have."""
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(width, kernel, name="conv")(image)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(image, keras.layers.Dense(3, activation="softmax", name="classes")(x), name="small")
    random = np.random.default_rng(seed)
    model.set_weights([scale * random.random(value.shape, np.float32) + 1e-9 for value in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def alone(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run as a .keras file of half the size, and no other file."""
    return cnnref.export(run.folder, tmp_path_factory.mktemp("half") / "digits", formats=["keras"], half=True)


@settings(max_examples=10, deadline=None)
@given(width=st.integers(1, 9), kernel=st.integers(1, 5), scale=st.floats(1e-6, 1e3), seed=st.integers(0, 99))
def test_kernels_are_rounded_and_nothing_else(
    width: Any, kernel: Any, scale: Any, seed: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model, path = small(width, kernel, scale, seed), tmp_path_factory.mktemp("half") / "model.keras"
    save_model(model, path, half=True)
    read = keras.saving.load_model(path, compile=False)  # Keras alone reads it
    for before, after in zip(model.get_weights(), read.get_weights(), strict=True):
        rounded = before.astype(np.float16).astype(np.float32) if before.ndim > 1 else before
        assert after.dtype == np.float32
        np.testing.assert_array_equal(after, rounded)


def test_it_is_half_the_bytes_and_the_same_bytes_twice(tmp_path: Path) -> None:
    model = cnnref.build("resnet20")
    for name, half in (("whole", False), ("half", True), ("again", True)):
        save_model(model, tmp_path / name, half=half)
    whole, half, again = ((tmp_path / name).read_bytes() for name in ("whole", "half", "again"))
    assert half == again
    assert len(whole) - len(half) > 0.95 * 2 * 270_896  # two bytes less for each value of a kernel


def test_a_bundle_can_be_the_keras_file_alone(run: Any, alone: Any) -> None:
    assert list(alone.artifacts) == ["model.keras"]
    assert verify(alone.folder).ok
    assert alone.document["calibration"] is None
    rounded, samples = alone.document["provenance"]["rounded"], read_samples(alone)
    assert rounded["from_sha256"] == run.results["weights_sha256"] != alone.weights_sha256
    model = cnnref.load(alone.folder)
    assert weights_sha256(model) == alone.weights_sha256
    np.testing.assert_allclose(model(samples.images.astype(np.float32)), samples.probabilities, atol=1e-6)
    card = (alone.folder / "README.md").read_text()
    for told in (rounded["from_sha256"], f"{100 * rounded['test_accuracy']:.2f} %", "--format keras --half"):
        assert told in card
    assert "int8" not in card


def test_its_accuracy_is_measured_on_the_test_set(alone: Any) -> None:
    data, rounded = cnnref.data.load("digits", image_shape=alone.shape), alone.document["provenance"]["rounded"]
    found = np.argmax(cnnref.load(alone.folder)(data.test_images.astype(np.float32)), axis=1)
    assert rounded["test_images"] == len(data.test_labels)
    assert rounded["test_accuracy"] == pytest.approx(np.mean(found == data.test_labels))


def test_the_other_files_can_be_written_from_it(alone: Any, tmp_path: Path) -> None:
    more = cnnref.export(alone.folder, tmp_path / "more", formats=["onnx", "tflite"], precisions=["fp16"])
    assert more.weights_sha256 == alone.weights_sha256
    assert more.document["provenance"]["rounded"] == alone.document["provenance"]["rounded"]
    assert verify(more.folder).ok


@pytest.mark.parametrize(
    "use",
    [lambda folder: predict(folder, ["digit.png"]), benchmark],
    ids=["predict", "benchmark"],
)
def test_what_needs_a_runtime_says_how_to_get_a_file(use: Any, alone: Any) -> None:
    with pytest.raises(InputError, match=r"no file that a runtime runs; `cnnref export .* --out DIR` writes them"):
        use(alone.folder)


def test_a_model_of_the_caller_stays_as_it_is(tmp_path: Path) -> None:
    model = small()
    before = weights_sha256(model)
    made = cnnref.export(model, tmp_path / "bundle", formats=["keras"], half=True)
    assert weights_sha256(model) == before == made.document["provenance"]["rounded"]["from_sha256"]
    assert weights_sha256(load_model(made.folder / "model.keras")) == made.weights_sha256 != before


def test_a_kernel_beyond_float16_is_refused(tmp_path: Path) -> None:
    model = small()
    kernel = model.get_layer("classes").kernel
    kernel.assign(np.full((4, 3), 65504.0))
    cnnref.export(model, tmp_path / "largest", formats=["keras"], half=True)
    kernel.assign(np.full((4, 3), 7e4))
    with pytest.raises(ExportError, match=r"kernel value of 7e\+04"):
        cnnref.export(model, tmp_path / "beyond", formats=["keras"], half=True)
    assert [path.name for path in tmp_path.iterdir()] == ["largest"]


def test_rounding_that_changes_the_answers_is_refused(tmp_path: Path) -> None:
    model = small()
    kernel = np.full((4, 3), 30000.0, np.float32)
    kernel[:, 1] += 7  # float16 steps by 16 there
    model.get_layer("classes").kernel.assign(kernel)
    with pytest.raises(ExportError, match="Rounded to float16, small differs"):
        cnnref.export(model, tmp_path / "bundle", formats=["keras"], half=True)
    assert not list(tmp_path.iterdir())
