"""Networks that are no classifiers: maps, several outputs and measured values, under their own names in every file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from in_process import predict, verify
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.exporters.contract import contract_of
from cnnref.exporters.names import distinct, safe_name
from cnnref.pictures import write_picture
from cnnref.runtimes import Bundle, open_artifact, read_bundle, read_samples

FILES = ["model.onnx", "model.fp16.onnx", "model.tflite", "model.fp16.tflite", "model.dynamic.tflite", "saved_model"]


def trunk(channels: int = 3) -> tuple[Any, Any]:
    image = keras.Input((8, 6, channels), name="picture")
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    return image, x


def of_everything() -> Any:
    """A map, two vectors and a map of whole numbers, as a dictionary."""
    image, x = trunk(5)
    pooled = layers.GlobalAveragePooling2D()(x)
    mask = layers.Conv2D(2, 1, activation="sigmoid")(x)
    return keras.Model(
        image,
        {
            "mask": mask,
            "a box": layers.Dense(4)(pooled),
            "class": layers.Dense(3, activation="softmax")(pooled),
            "größe": layers.Dense(1)(pooled),
        },
        name="of_everything",
    )


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return cnnref.export(of_everything(), tmp_path_factory.mktemp("several") / "out")


def test_every_file_gives_every_output_under_its_name_and_with_its_numbers(several: Bundle) -> None:
    assert [artifact.name for artifact in several.runnable()] == FILES
    assert {output.name: output.shape for output in several.outputs} == {
        "mask": (8, 6, 2),
        "a_box": (4,),
        "class": (3,),
        "grosse": (1,),
    }
    assert several.shape == (8, 6, 5)
    samples = read_samples(several)
    keras_gives = cnnref.load(several.folder)(samples.images.astype(np.float32), training=False)
    np.testing.assert_allclose(samples.outputs["a_box"], keras.ops.convert_to_numpy(keras_gives["a box"]), atol=1e-6)
    for artifact in several.runnable():
        runner = open_artifact(several, artifact.name)
        found = runner.answer(samples.images[:3])
        assert set(found) == set(samples.outputs) == set(runner.outputs())
        for name, values in samples.outputs.items():
            assert found[name].shape == values[:3].shape
            bound = 1e-5 if artifact.precision == "float32" else 0.1
            np.testing.assert_allclose(found[name], values[:3], atol=bound * max(1.0, np.abs(values).max()))
    report = verify(several.folder)
    assert report.ok
    assert all(check.batches == [1, 3, 8] for check in report.checks if check.format not in (None, "keras"))


def test_a_wrong_number_in_any_output_is_found(several: Bundle, tmp_path: Path) -> None:
    import shutil

    for place, output in enumerate(several.outputs):
        folder = tmp_path / str(place)
        shutil.copytree(several.folder, folder)
        model = onnx.load(folder / "model.onnx")
        (node,) = (node for node in model.graph.node if output.name in node.output)
        node.output[0] = "before"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.01), "a_little"))
        model.graph.node.append(onnx.helper.make_node("Add", ["before", "a_little"], [output.name]))
        onnx.save(model, folder / "model.onnx")
        _list_anew(folder, "model.onnx")
        (check,) = (check for check in verify(folder, only=["model.onnx"]).checks if check.file == "model.onnx")
        assert any(problem.startswith(f"{output.name}: at batch 1 it differs") for problem in check.problems)
        assert not any(
            other.name in problem for problem in check.problems for other in several.outputs if other != output
        )


def _list_anew(folder: Path, file: str) -> None:
    import hashlib

    document = json.loads((folder / "bundle.json").read_text())
    content = (folder / file).read_bytes()
    document["files"][file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "bundle.json").write_text(json.dumps(document))


def test_bundle_json_the_card_and_the_files_tell_what_comes_out(several: Bundle) -> None:
    assert several.document["version"] == 2
    assert several.document["outputs"][0] == {"name": "a_box", "shape": ["batch", 4], "dtype": "float32"}
    assert "output" not in several.document
    assert not (several.folder / "labels.txt").exists()
    card = (several.folder / "README.md").read_text(encoding="utf-8")
    assert "`mask` [batch, 8, 6, 2]" in card
    assert "5 channels" in open_artifact(several, "model.onnx").embedded().values()  # type: ignore[union-attr]


def test_what_needs_classes_says_that_there_are_none(several: Bundle, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((8, 6, 3), np.uint8))
    with pytest.raises(InputError, match=r"is no classifier, and predicting .* needs classes; it gives a_box \[4\]"):
        predict(several, [tmp_path / "a.png"])
    with pytest.raises(VerificationError, match="no output 'probabilities'"):
        open_artifact(several, "model.onnx").run(read_samples(several).images)
    for arguments in (
        ["evaluate", str(several.folder)],
        ["verify", str(several.folder), "--dataset", "digits"],
        ["explain", str(several.folder), "--out", str(tmp_path / "page.html")],
        ["explain", str(several.folder), "--report", str(tmp_path / "report")],
    ):
        done = CliRunner().invoke(app, arguments)
        assert isinstance(done.exception, InputError)
        assert "is no classifier" in str(done.exception)
    for options, words in (({"labels": ["a"]}, "without labels"), ({"top_k": 2}, "without top-k")):
        with pytest.raises(InputError, match=words):
            cnnref.export(of_everything(), tmp_path / "out", **options)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_is_fixed_in_every_file(tmp_path: Path, batch: int) -> None:
    image, x = trunk(1)
    x = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    made = cnnref.export(
        keras.Model(image, x), tmp_path / "out", batch=batch, top_k=2, labels=["a", "b", "c"], precisions=["fp16"]
    )
    assert made.batch == batch
    samples = read_samples(made)
    for artifact in made.runnable():
        runner = open_artifact(made, artifact.name)
        assert runner.inputs()["image"].shape == (batch, 8, 6, 1)
        assert runner.outputs()["probabilities"].shape == (batch, 3)
        np.testing.assert_allclose(runner.run(samples.images), samples.probabilities, atol=0.02)
        assert len(predict(made, [_picture(tmp_path)] * 2, artifact=artifact.name)) == 2
    check = next(check for check in verify(made.folder).checks if check.file == "model.tflite")
    assert check.ok
    assert check.batches == [batch]


def _picture(folder: Path) -> Path:
    path = folder / "a.png"
    if not path.exists():
        write_picture(path, np.zeros((8, 6, 1), np.uint8))
    return path


def test_a_single_map_and_a_measured_value_have_the_names_of_their_layers() -> None:
    image, x = trunk()
    heat = keras.Model(image, layers.Conv2D(1, 1, name="heat map")(x))
    assert [output.name for output in contract_of(heat, "heat").outputs] == ["heat_map"]
    age = keras.Model(image, layers.Dense(1, name="age")(layers.Flatten()(x)))
    assert [output.name for output in contract_of(age, "age", scores=False).outputs] == ["age"]
    assert contract_of(age, "age", ["years"]).is_classifier
    logits = keras.Model(image, layers.Dense(3, name="logits")(layers.Flatten()(x)))
    assert contract_of(logits, "logits", ["a", "b", "c"], scores=False).outputs[0].name == "probabilities"
    scores = keras.Model(image, {"scores": keras.ops.softmax(logits.output)})
    assert contract_of(scores, "scores", scores=False).activation == "softmax"


def test_the_same_tensor_twice_and_the_picture_itself_are_outputs_like_others(tmp_path: Path) -> None:
    image, x = trunk()
    x = layers.Conv2D(2, 1, name="twice")(x)
    model = keras.Model(image, [x, x, keras.ops.cast(x[..., 0] > 0, "int32")])
    made = cnnref.export(model, tmp_path / "out", formats=["tflite", "saved_model"], precisions=["float32"])
    assert [output.name for output in made.outputs][:2] == ["twice", "twice_2"]
    assert (made.outputs[2].dtype, made.outputs[2].shape) == ("int32", (8, 6))
    assert read_bundle(made.folder).outputs == made.outputs


def test_names_are_safe_and_told_apart() -> None:
    assert [safe_name(name, "output") for name in ("mask", "größe", "前処理", "1x1 conv", "a/b:c", "_x")] == [
        *("mask", "grosse", "output", "output_1x1_conv", "a_b_c", "x")
    ]
    assert distinct(["a", "b", "a", "image"], ["image"]) == ["a", "b", "a_2", "image_2"]


@pytest.mark.parametrize(("shape", "dimensions"), [((24, 3), 1), ((8, 8, 8, 1), 3)])
def test_sequences_and_volumes_are_refused_with_what_cnnref_is_for(
    tmp_path: Path, shape: tuple[int, ...], dimensions: int
) -> None:
    given = keras.Input(shape)
    x = getattr(layers, f"Conv{dimensions}D")(2, 3)(given)
    with pytest.raises(ExportError, match=r"not an image; cnnref exports convolutional networks that take one image"):
        cnnref.export(keras.Model(given, layers.Flatten()(x)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
