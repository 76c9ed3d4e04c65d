"""A .keras file from somebody else: what it names, and what it cannot explain, is refused before Keras sees it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import cnnref
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.saving import load_model, save_model


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a small model's file: a convolution, an operation of keras.ops, a dense layer."""
    path = tmp_path_factory.mktemp("keras_file") / "small.keras"
    image = keras.Input((8, 8, 1), name="image")
    maps = keras.ops.relu(keras.layers.Conv2D(2, 3, name="conv")(image))
    save_model(keras.Model(image, keras.layers.Dense(3, name="dense")(keras.ops.mean(maps, axis=(1, 2)))), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


Change = Callable[[dict[str, Any]], None]


def written(path: Path, members: dict[str, bytes], change: Change | None = None, **others: bytes) -> Path:
    """A .keras file with the configuration changed, and with other members by the first part of their names."""
    config = json.loads(members["config.json"])
    if change:
        change(config)
    content = {**members, "config.json": json.dumps(config).encode()}
    content |= {next(name for name in members if name.startswith(part)): value for part, value in others.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return path


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The configuration of the layer of that name."""
    found: dict[str, Any] = next(each for each in config["config"]["layers"] if each["config"]["name"] == name)
    return found


def function(module: str, name: str) -> dict[str, Any]:
    """A function by name, as Keras writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_of(inner: Any, **arguments: Any) -> Change:
    """Replace a layer by a `Lambda` of a function, with arguments of the file's choice."""

    def change(config: dict[str, Any]) -> None:
        settings = {"name": "conv", "trainable": True, "dtype": "float32", "function": inner, "arguments": arguments}
        layer(config, "conv").update(module="keras.layers", class_name="Lambda", config=settings)

    return change


def named(place: str, value: Any) -> Change:
    """Set one setting of the convolution."""
    return lambda config: layer(config, "conv")["config"].update({place: value})


def replaced(module: str | None, class_name: str, /, **config: Any) -> Change:
    """Replace the convolution by an object of another class."""

    def change(whole: dict[str, Any]) -> None:
        layer(whole, "conv").update(module=module, class_name=class_name, config={"name": "conv", **config})

    return change


HOSTILE: dict[str, Change] = {
    "a Lambda that writes a picture": lambda_of(
        function("keras.visualization", "plot_image_gallery"), path="OUT/written.png", rows=1, cols=1
    ),
    "a Lambda that downloads": lambda_of(function("keras.datasets.mnist", "load_data")),
    "a Lambda that sets the random seed": lambda_of(function("keras.utils", "set_random_seed")),
    "a pickled lambda": lambda_of({"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}),
    "a SavedModel": replaced("keras.layers", "TFSMLayer", filepath="OUT/saved_model"),
    "a SavedModel by its private name": replaced(
        "keras.src.export.tfsm_layer", "TFSMLayer", filepath="OUT/saved_model"
    ),
    "a vocabulary file": replaced("keras.layers", "StringLookup", vocabulary="OUT/vocabulary.txt"),
    "a network of another library": replaced("keras.layers", "TorchModuleWrapper", module="os"),
    "a published network": replaced("keras.applications", "MobileNet", weights="imagenet"),
    "a class of another package": replaced("subprocess", "Popen", args=["true"]),
    "a class of a package of Keras' makers": replaced("keras_hub.models", "Backbone"),
    "a layer without a module": replaced(None, "Lambda", function="relu"),
    "an optimizer": replaced("keras.optimizers", "Adam"),
    "an activation that sets the precision": named("activation", function("keras.config", "set_floatx")),
    "an activation by a registered name": named(
        "activation", {**function("builtins", "relu"), "registered_name": "set_floatx"}
    ),
    "an initializer that is a function": named("kernel_initializer", function("keras.utils", "get_file")),
    "a specification of tensors": named(
        "kernel_initializer", {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []}
    ),
    "a class that is no text": named("kernel_initializer", {"class_name": ["x"], "config": {}}),
    "a layer that is called without an input": lambda config: layer(config, "dense").update(
        inbound_nodes=[
            {"args": [{"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}], "kwargs": {}}
        ]
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_file_may_not_name_is_refused_and_does_nothing(
    what: str, members: dict[str, bytes], tmp_path: Path
) -> None:
    precision = keras.config.floatx()
    path = written(tmp_path / "hostile.keras", members, HOSTILE[what])
    with pytest.raises(InputError, match=r"hostile\.keras is refused because of 'config\.layers"):
        load_model(path)
    assert [each.name for each in tmp_path.iterdir()] == ["hostile.keras"]
    assert keras.config.floatx() == precision


def test_training_settings_are_left_out(members: dict[str, bytes], tmp_path: Path) -> None:
    settings = {"optimizer": {"module": "keras.utils", "class_name": "get_file", "config": {}}, "loss": "mse"}
    path = written(tmp_path / "compiled.keras", members, lambda config: config.update(compile_config=settings))
    assert not load_model(path).compiled


def test_a_class_that_the_program_registered_is_loaded(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("tests", "Doubled")
    class Doubled(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return 2.0 * inputs

    try:
        image = keras.Input((4, 4, 1))
        save_model(keras.Model(image, Doubled(name="doubled")(image)), tmp_path / "own.keras")
        loaded = load_model(tmp_path / "own.keras")
        assert np.all(loaded(np.ones((1, 4, 4, 1), "float32")) == 2.0)
    finally:
        keras.saving.get_custom_objects().pop("tests>Doubled")
    with pytest.raises(InputError, match=r"'config\.layers\.1' .* register it"):
        load_model(tmp_path / "own.keras")


def test_a_lambda_runs_only_if_it_is_asked_for(tmp_path: Path) -> None:
    image = keras.Input((4, 4, 1))
    save_model(keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image)), tmp_path / "code.keras")
    with pytest.raises(InputError, match="code from a file is not run"):
        load_model(tmp_path / "code.keras")
    assert np.all(load_model(tmp_path / "code.keras", unsafe_lambda=True)(np.ones((1, 4, 4, 1), "float32")) == 2.0)


def weights(content: Callable[[h5py.File], None]) -> bytes:
    """An HDF5 file."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        content(file)
    return stream.getvalue()


def circle(file: h5py.File) -> None:
    """A group that contains itself."""
    group = file.create_group("layers")
    group["again"] = group


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("as a link to another place", lambda file: file.update({"layers": h5py.ExternalLink("/etc/hostname", "/")})),
        ("as a link to another place", lambda file: file.update({"layers": h5py.SoftLink("/")})),
        ("in a circle of groups", circle),
        (
            "outside of the file",
            lambda file: file.create_dataset("vars", (4,), "f4", external=[("/etc/hostname", 0, 16)]),
        ),
        ("holds next to nothing", lambda file: file.create_dataset("vars", (1 << 40,), "f4", chunks=(1024,))),
    ],
)
def test_weights_that_are_not_in_the_file_are_refused(
    what: str, content: Callable[[h5py.File], None], members: dict[str, bytes], tmp_path: Path
) -> None:
    path = written(tmp_path / "weights.keras", members, model=weights(content))
    with pytest.raises(InputError, match=what):
        load_model(path)


def test_a_network_larger_than_its_weights_is_refused_before_it_takes_memory(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    path = written(
        tmp_path / "wide.keras", members, lambda config: layer(config, "dense")["config"].update(units=1 << 33)
    )
    with pytest.raises(InputError, match="describes a network with"):
        load_model(path)


def test_maps_that_no_memory_holds_are_refused(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    save_model(keras.Model(image, keras.layers.UpSampling2D(2, name="conv")(image)), tmp_path / "small.keras")
    with zipfile.ZipFile(tmp_path / "small.keras") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    path = written(tmp_path / "large.keras", content, named("size", [1 << 20, 1 << 20]))
    with pytest.raises(InputError, match="numbers a picture"):
        load_model(path)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("damaged config.json", b"{"),
        ("describes no model", b"[]"),
        ("damaged config.json", b"[" * 100_000),
        (
            "nested more than",
            b'{"module": "keras", "class_name": "Sequential", "config": ' + b"[" * 300 + b"]" * 300 + b"}",
        ),
    ],
)
def test_a_damaged_configuration_is_named(what: str, content: bytes, members: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "damaged.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in {**members, "config.json": content}.items():
            archive.writestr(name, value)
    with pytest.raises(InputError, match=what):
        load_model(path)


def test_a_file_that_is_no_zip_and_a_member_that_is_missing_are_named(
    members: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "text.keras").write_text("weights")
    with pytest.raises(InputError, match=r"not a complete \.keras file"):
        load_model(tmp_path / "text.keras")
    with zipfile.ZipFile(tmp_path / "part.keras", "w") as archive:
        archive.writestr("config.json", members["config.json"])
    with pytest.raises(InputError, match=r"has no metadata\.json"):
        load_model(tmp_path / "part.keras")
    with pytest.raises(InputError, match="is not a file"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["lenet5", "resnet8"])
def test_every_layer_of_our_own_passes(name: str, tmp_path: Path) -> None:
    model = cnnref.build(name)
    save_model(model, tmp_path / "own.keras")
    assert load_model(tmp_path / "own.keras").count_params() == model.count_params()
