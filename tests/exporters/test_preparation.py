"""Models that are built again before the export: open sizes, other policies and types, names, containers, code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnref
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError
from cnnref.exporters.options import ExportOptions
from cnnref.exporters.preparation import prepared, with_names_for_tensorflow
from cnnref.exporters.source import from_model
from cnnref.models.saving import load_model, save_model
from cnnref.runtimes import read_bundle, read_samples

SHAPE = (10, 8, 3)


def head(image: Any, x: Any, **more: Any) -> Any:
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", **more)(x))


def body(image: Any, **more: Any) -> Any:
    x = layers.Conv2D(4, 3, activation="relu", **more)(layers.Rescaling(1 / 255, **more)(image))
    return layers.BatchNormalization(**more)(x)


def answers(model: Any, images: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(model(images, training=False), "float32")))


def ready(model: Any, **options: Any) -> Any:
    return prepared(from_model(model, "mine"), ExportOptions(**options))


def test_a_plain_model_stays_the_very_same() -> None:
    image = keras.Input(SHAPE)
    model = head(image, body(image))
    assert ready(model).model is model
    assert ready(model, image_size=(10, 8)).model is model


def open_size() -> Any:
    image = keras.Input((None, None, 3))
    return head(image, body(image))


def fixed_batch() -> Any:
    image = keras.Input(batch_shape=(4, *SHAPE))
    return head(image, body(image))


def of_bytes() -> Any:
    image = keras.Input(SHAPE, dtype="uint8")
    return head(image, body(keras.ops.cast(image, "float32") / 2.0))


def dictionary() -> Any:
    image = keras.Input(SHAPE, name="photo")
    return keras.Model({"photo": image}, head(image, body(image)).output)


def list_of_one() -> Any:
    image = keras.Input(SHAPE)
    return keras.Model([image], [head(image, body(image)).output])


def odd_names() -> Any:
    image = keras.Input(SHAPE, name="my image")
    x = layers.Conv2D(4, 3, name="größe 3x3")(layers.Rescaling(1 / 255, name="前処理")(image))
    inner = keras.Sequential([keras.Input((8, 6, 4)), layers.Conv2D(4, 1, name="größe 3x3")], name="im Innern")
    x = layers.TimeDistributed(layers.Dense(3, name="für jede"), name="_zeile")(inner(x))
    x = layers.Dense(2, activation="softmax", name="class scores")(layers.Flatten(name="flat;")(x))
    return keras.Model(image, x, name="Übung 1")


def twice() -> Any:
    image = keras.Input((None, None, 3))
    shared = layers.Conv2D(3, 3, padding="same", activation="tanh")
    return head(image, shared(shared(layers.Rescaling(1 / 255)(image))))


@pytest.mark.parametrize("build", [open_size, fixed_batch, of_bytes, dictionary, list_of_one, twice])
def test_it_is_built_again_and_computes_the_same(build: Any) -> None:
    model = build()
    options = {"image_size": (10, 8)} if None in model.inputs[0].shape[1:] else {}
    again = ready(model, **options)
    assert again.model is not model
    assert again.model.inputs[0].shape == (None, *SHAPE)
    assert str(again.model.inputs[0].dtype) == "float32"
    assert "arithmetic" not in again.provenance
    assert again.images.shape == (8, *SHAPE)
    fed = keras.ops.cast(again.images[:4], model.inputs[0].dtype)
    given = keras.tree.pack_sequence_as((getattr(model, "_functional", None) or model).input, [fed])
    wanted = keras.tree.flatten(model(given, training=False))[0]
    found = keras.tree.flatten(again.model(again.images[:4].astype(np.float32), training=False))[0]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    shared = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert len(shared) >= len([layer for layer in again.model.layers if isinstance(layer, layers.Conv2D)]) - 1


def test_odd_names_and_open_sizes_go_into_every_file(tmp_path: Path) -> None:
    odd = odd_names()
    assert ready(odd).model is odd
    named = with_names_for_tensorflow(odd)
    assert [str(layer.name) for layer in named.layers][1:3] == ["layer", "grosse_3x3"]
    images = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(answers(named, images), answers(odd, images), atol=1e-6)
    assert with_names_for_tensorflow(named) is named
    for number, (model, options) in enumerate([(odd_names(), {}), (open_size(), {"image_size": (10, 8)})]):
        save_model(model, tmp_path / "é à.keras")
        made = cnnref.export(tmp_path / "é à.keras", tmp_path / str(number), precisions=["float32"], **options)
        assert set(made.artifacts) == {
            "model.keras",
            "model.tflite",
            "saved_model",
            *({"model.onnx"} & set(made.artifacts)),
        }
        assert made.name == "é à"
        np.testing.assert_allclose(
            answers(cnnref.load(made.folder), read_samples(made).images.astype(np.float32)),
            read_samples(made).probabilities,
            atol=1e-6,
        )


@pytest.mark.parametrize(
    ("policy", "loses"),
    [("mixed_float16", 2e-2), ("mixed_bfloat16", 1e-1), ("float16", 2e-2), ("float64", 1e-5), ("int8", 5e-2)],
)
def test_a_policy_is_exported_in_float32_and_what_it_loses_is_measured(
    policy: str, loses: float, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    image = keras.Input(SHAPE)
    more = {} if policy == "int8" else {"dtype": policy}
    x = layers.Dense(8, activation="relu", **more)(layers.GlobalAveragePooling2D(**more)(body(image, **more)))
    model = keras.Model(image, layers.Dense(3, activation="softmax", **more)(x))
    exact = keras.models.clone_model(model, clone_function=in_float32)
    exact.set_weights(model.get_weights())
    if policy == "int8":
        model.quantize("int8")
    save_model(model, tmp_path / "policy.keras")
    model = load_model(tmp_path / "policy.keras")
    again = ready(model)
    facts = again.provenance["arithmetic"]
    assert facts["policies"] == (["int8_from_float32"] if policy == "int8" else [policy])
    assert 0 < facts["largest_difference"] < loses or policy == "float64"
    images = again.images.astype(np.float32)
    # A quantized kernel has lost what it has lost; all else is exact.
    np.testing.assert_allclose(
        answers(again.model, images), answers(exact, images), atol=0.02 if policy == "int8" else 1e-5
    )
    off = np.abs(answers(model, images) - answers(again.model, images)).max()
    np.testing.assert_allclose(off, facts["largest_difference"], rtol=0.01, atol=1e-7)
    assert all(layer.dtype_policy.name == "float32" for layer in again.model.layers)


def test_the_loss_is_measured_on_pixels_as_the_model_takes_them_and_on_the_data_set(tmp_path: Path) -> None:
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 3, strides=3, dtype="float16", kernel_initializer="ones")(image)
    x = layers.Flatten()(keras.ops.square(keras.ops.square(x)))
    small = keras.initializers.RandomNormal(stddev=1e-4, seed=0)
    model = keras.Model(image, layers.Softmax()(layers.Dense(10, dtype="float16", kernel_initializer=small)(x)))
    # Nine pixels of 255 are 2,295, whose fourth power no float16 holds; nine pixels of 1 are harmless.
    assert ready(model).provenance["arithmetic"]["largest_difference"] is None
    assert ready(model, mean=[0.0], std=[1.0]).provenance["arithmetic"]["largest_difference"] < 1
    made = cnnref.export(
        model, tmp_path / "out", mean=[0.0], std=[1.0], dataset="digits", formats=["tflite"], precisions=["float32"]
    )
    facts = made.document["provenance"]["arithmetic"]
    assert (facts["policies"], facts["images"], facts["on"]) == (["float16"], 16, "the data set")
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "on 16 pictures of the data set), and leaves the largest one where it is" in card


def in_float32(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config() | {"dtype": "float32"})


def test_the_card_says_what_the_policy_loses_and_the_files_hold_float32(tmp_path: Path) -> None:
    image = keras.Input(SHAPE)
    model = head(image, body(image, dtype="mixed_bfloat16"), dtype="mixed_bfloat16")
    made = cnnref.export(model, tmp_path / "out", formats=["onnx", "tflite"], precisions=["float32"])
    assert made.artifacts["model.onnx"].tolerance == 1e-5
    assert made.document["provenance"]["arithmetic"]["images"] == 8
    card = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "under the dtype policy `mixed_bfloat16`" in card
    assert read_samples(made).probabilities.dtype == np.float32


def test_what_cannot_be_prepared_is_refused_in_one_sentence() -> None:
    class OfItsOwn(keras.Model):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return 2 * super().call(x)

    image = keras.Input(SHAPE)
    own = OfItsOwn(image, head(image, body(image)).output)
    fixed = keras.Input(batch_shape=(4, *SHAPE))
    baked = keras.Model(fixed, layers.Dense(2)(keras.ops.reshape(fixed, (4, 240))))
    for build, options, kind, words in (
        (open_size(), {}, InputError, "give both with image_size=224"),
        (head(image, body(image)), {"image_size": 12}, InputError, "is built for 10x8"),
        (own, {}, ExportError, "a `call` of its own"),
        (baked, {}, ExportError, "cannot be built again|at a time|first axis"),
    ):
        with pytest.raises(kind, match=words) as refusal:
            cnnref.export(build, Path("never"), **options)
        assert str(refusal.value).isprintable()
    assert not Path("never").exists()


def test_a_lambda_is_exported_only_where_its_code_is_trusted(tmp_path: Path) -> None:
    image = keras.Input(SHAPE)
    model = head(image, layers.Lambda(lambda x: x * 2.0, output_shape=(8, 6, 4), name="double it")(body(image)))
    with pytest.raises(InputError, match=r"Layer double it of .* is a Lambda.*unsafe_lambda=True"):
        cnnref.export(model, tmp_path / "out")
    model.save(tmp_path / "code.keras")
    with pytest.raises(InputError, match=r"Lambda.*unsafe_lambda=True"):
        cnnref.export(tmp_path / "code.keras", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["code.keras"]
    made = cnnref.export(
        tmp_path / "code.keras", tmp_path / "out", formats=["tflite"], precisions=["float32"], unsafe_lambda=True
    )
    assert list(read_bundle(made.folder).artifacts) == ["model.keras", "model.tflite"]
    with pytest.raises(InputError, match="Lambda"):
        load_model(made.folder / "model.keras")
