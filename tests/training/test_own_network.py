"""A network of one's own: brought into the form that is trained, trained, resumed, exported; and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from first_losses import first_losses
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.environment import keras, layers, ops
from cnnref.errors import InputError
from cnnref.models.saving import load_model, weights_sha256
from cnnref.pictures import write_picture
from cnnref.training import Recipe, Run, checkpoint
from cnnref.training.own_network import copied, name_of, prepared
from cnnref.training.recipe import Average, Optimizer
from cnnref.training.train_state import computing_in

RECIPE = Recipe(
    "small",
    "lenet5",
    "digits",
    epochs=2,
    batch_size=64,
    optimizer=Optimizer(learning_rate=0.05),
    average=Average("ema"),
)
SHAPE, STATISTICS = (28, 28, 1), ((0.1,), (0.3,))


def sequential(*end: Any, front: Any = ()) -> Any:
    return keras.Sequential([keras.Input(SHAPE), *front, layers.Conv2D(4, 5, strides=4), layers.Flatten(), *end])


def nested(end: Any) -> Any:
    """Models in a model, one of them called as an end is, and pixels divided by an operation."""
    body = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 5, strides=4), layers.BatchNormalization()])
    head = keras.Sequential([layers.Flatten(), layers.Dropout(0.1), layers.Dense(10), end], name="logits")
    image = keras.Input(SHAPE)
    return keras.Model(image, head(body(image / 255)), name="my net")


def functional(function: Callable[[Any], Any]) -> Any:
    image = keras.Input(SHAPE)
    return keras.Model(image, function(layers.Flatten()(image)))


NETWORKS: dict[str, Callable[[], Any]] = {
    "softmax": lambda: sequential(layers.Dense(10, activation="softmax")),
    "logits": lambda: sequential(layers.Dense(10, name="logits")),
    "rescaled": lambda: sequential(layers.Dense(10, activation="softmax"), front=[layers.Rescaling(1 / 255)]),
    "augmented": lambda: sequential(layers.Dense(10), layers.Softmax(), front=[layers.RandomFlip("horizontal")]),
    "nested": lambda: nested(layers.Softmax()),
    "nested-activation": lambda: nested(layers.Activation("softmax")),
    "operation": lambda: functional(lambda x: ops.softmax(layers.Dense(10, name="image")(x))),
    "reshaped": lambda: functional(lambda x: layers.Reshape((10,))(layers.Dense(10, activation="softmax")(x / 255))),
    "built-later": lambda: keras.Sequential([layers.Flatten(), layers.Dense(10, activation="softmax")]),
    "of-cnnref": lambda: cnnref.build("lenet5"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_copy_computes_what_was_given_and_ends_in_logits(name: str) -> None:
    given = NETWORKS[name]()
    network = prepared(given, SHAPE, 10, STATISTICS, "digits")
    before = weights_sha256(given)
    images = np.random.default_rng(1).integers(0, 256, (3, *SHAPE)).astype(np.float32)
    normalized = name in ("softmax", "logits", "augmented", "operation", "built-later", "of-cnnref")
    assert any(layer.name == "normalization" for layer in network.layers) is normalized
    seen = (images / 255 - 0.1) / 0.3 if normalized else images
    wanted = ops.convert_to_numpy(given(seen, training=False))
    if name == "logits":
        wanted = ops.convert_to_numpy(ops.softmax(wanted))
    np.testing.assert_allclose(network.predict_on_batch(images), wanted, atol=2e-6)
    inner = keras.Model(network.input, network.get_layer("logits").output)
    np.testing.assert_allclose(ops.convert_to_numpy(ops.softmax(inner(images, training=False))), wanted, atol=2e-6)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([value + 1 for value in layer.get_weights()])
    assert weights_sha256(given) == before


def test_a_copy_keeps_what_does_not_learn_and_computes_in_the_precision_asked_for() -> None:
    given = nested(layers.Softmax())
    given.get_layer("logits").trainable = False
    network = prepared(given, SHAPE, 10, STATISTICS, "digits")
    with computing_in("bfloat16"):
        half = copied(network)
    assert len(half.trainable_variables) == len(given.trainable_variables) == 4
    policies = {layer.name: layer.dtype_policy.name for layer in half._flatten_layers() if layer.weights}
    assert {policies[name] for name in policies if name.startswith("conv2d")} == {"mixed_bfloat16"}
    assert half.output.dtype == "float32"
    assert [v.dtype for v in half.trainable_variables] == ["float32"] * 4


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "classes": (lambda: sequential(layers.Dense(7)), "gives 7 values a picture, and digits has 10 classes"),
    "one value": (lambda: sequential(layers.Dense(1)), "gives 1 value a picture, and digits has 10 classes"),
    "maps": (lambda: keras.Sequential([keras.Input(SHAPE), layers.Conv2D(10, 3)]), "gives 26x26x10 values a picture"),
    "sigmoid": (lambda: sequential(layers.Dense(10, activation="sigmoid")), "ends in sigmoid"),
    "size": (lambda: cnnref.build("resnet8", classes=10), "takes pictures of 32x32x3, and those of digits are 28x28x1"),
    "resized": (lambda: cnnref.build("lenet5", (32, 32, 1)), "or set image_size=32 to have the pictures resized"),
    "lambda": (lambda: sequential(layers.Lambda(lambda x: x), layers.Dense(10)), "has the Lambda layer"),
    "inputs": (
        lambda: keras.Model([a := keras.Input(SHAPE), b := keras.Input(SHAPE)], layers.Flatten()(a + b)),
        "has 2 inputs and 1 outputs",
    ),
    "object": (lambda: 3, "model is an object of int"),
    "builder": (lambda: lambda shape, classes: (shape, classes), "gave an object of tuple and no keras.Model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_such_classifier_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        cnnref.train(RECIPE, model=make(), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_a_subclass_without_a_graph_is_refused(tmp_path: Path) -> None:
    class Mine(keras.Model):  # type: ignore[misc, unused-ignore]
        pass

    with pytest.raises(InputError, match="without a graph"):
        cnnref.train(RECIPE, model=Mine(), out=tmp_path / "run", quiet=True)


def test_a_layer_that_is_not_registered_is_told_before_the_run_begins(tmp_path: Path) -> None:
    class Twice(keras.layers.Layer):  # type: ignore[misc, unused-ignore]
        def call(self, x: Any) -> Any:
            return 2 * x

    with pytest.raises(InputError, match=r"Twice.*register_keras_serializable"):
        cnnref.train(RECIPE, model=sequential(Twice(), layers.Dense(10)), out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_weights_beside_a_model_are_refused() -> None:
    with pytest.raises(InputError, match="give model or weights"):
        cnnref.train(RECIPE, model=sequential(layers.Dense(10)), weights="lenet5-mnist")


def test_a_name_is_one_that_every_disk_takes() -> None:
    assert name_of(nested(layers.Softmax())) == "my-net"
    assert name_of(sequential(layers.Dense(10))) == "network"
    assert name_of(NETWORKS["nested"]) == "lambda"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model = nested(layers.Softmax())
    return cnnref.train(
        RECIPE, model=model, out=tmp_path_factory.mktemp("own") / "run", quiet=True, checkpoint_seconds=0
    )


def test_a_run_holds_the_network_and_its_results(finished: Run) -> None:
    results = finished.results
    assert (results["model"], results["recipe"]) == ("my-net", "small")
    assert results["test"]["accuracy"] > 0.5
    assert weights_sha256(load_model(finished.model)) == results["weights_sha256"]
    assert weights_sha256(load_model(finished.network)) != results["weights_sha256"]


def test_a_run_that_was_stopped_ends_the_same_without_the_model_and_with_another_copy_of_it(
    finished: Run, tmp_path: Path
) -> None:
    for place, model in (("without", None), ("with", nested(layers.Softmax()))):
        stopped = Run(tmp_path / place)
        shutil.copytree(finished.folder, stopped.folder)
        (stopped.folder / "results.json").unlink()
        checkpoint.list_checkpoints(stopped.checkpoints)[-1].unlink()
        ended = cnnref.train(RECIPE, model=model, out=stopped.folder, resume=True, quiet=True)
        assert ended.results["weights_sha256"] == finished.results["weights_sha256"]


def test_another_network_is_not_resumed(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    with pytest.raises(InputError, match="was started with another network"):
        cnnref.train(RECIPE, model=sequential(layers.Dense(10)), out=tmp_path / "run", resume=True, quiet=True)


def test_a_finished_run_goes_on_from_the_command_line(finished: Run, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", str(finished.folder), "--out", str(tmp_path / "more"), "--epochs", "1"])
    assert done.exit_code == 0, done.output
    results = Run(tmp_path / "more").results
    assert (results["model"], results["recipe"]) == ("my-net", "small-more")
    assert weights_sha256(load_model(Run(tmp_path / "more").network)) == finished.results["weights_sha256"]
    trained = cnnref.load(Run(tmp_path / "more"))
    assert len(prepared(trained, SHAPE, 10, STATISTICS, "digits").layers) == len(trained.layers)


def test_a_run_exports_and_its_file_computes_the_same(finished: Run, tmp_path: Path) -> None:
    bundle = cnnref.export(finished.folder, tmp_path / "bundle", formats=["onnx"], precisions=["float32"])
    assert cnnref.verify(bundle.folder).ok


def test_a_builder_gets_the_shape_and_the_classes_and_the_same_seed_draws_the_same(tmp_path: Path) -> None:
    for label in ("a", "b", "c"):
        for number in range(4):
            write_picture(tmp_path / "pets" / label / f"{number}.png", np.full((12, 12, 3), number * 50, np.uint8))
    recipe = replace(RECIPE, dataset=f"folder:{tmp_path / 'pets'}", image_size=10, batch_size=4, epochs=1)

    def mine(shape: tuple[int, int, int], classes: int) -> Any:
        assert (shape, classes) == ((10, 10, 1), 3)  # as many channels as the network of the recipe has
        return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(classes)])

    runs = [cnnref.train(recipe, model=mine, out=tmp_path / name, quiet=True) for name in ("one", "two")]
    one, two = (load_model(run.model).get_weights() for run in runs)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert runs[0].results["model"] == "mine"
    fixed = keras.Sequential([keras.Input((9, 9, 3)), layers.Flatten(), layers.Dense(3)])
    read = cnnref.train(replace(recipe, image_size=0), model=fixed, out=tmp_path / "three", quiet=True)
    assert load_model(read.model).input_shape == (None, 9, 9, 3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_first_losses_are_the_same_on_every_backend(backend: str) -> None:
    pytest.importorskip(backend)
    script = Path(__file__).with_name("first_losses.py")
    done = subprocess.run(
        [sys.executable, str(script), "lenet5@own", "20", "one", "0"],
        capture_output=True, text=True, timeout=300, check=True, env={**os.environ, "KERAS_BACKEND": backend},
    )  # fmt: skip
    ours = first_losses("lenet5@own", 20)
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), ours, atol=1e-4)
    assert len(set(ours)) == 20
