"""The bundle: the contract in every format, and the same bytes twice."""

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from in_process import verify

import cnnref
from cnnref.errors import InputError, VerificationError
from cnnref.exporters.options import ExportOptions
from cnnref.exporters.precisions import KINDS
from cnnref.exporters.proof import SMALLEST_BOUND
from cnnref.pictures import write_picture
from cnnref.runtimes import open_artifact, read_report, read_samples
from cnnref.training import read_recipe, recipe_for


def hashes(folder: Any) -> Any:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_run_on_a_folder_finds_its_pictures_again_and_its_bundle_keeps_their_path_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, random = tmp_path / "at" / "home" / "pets", np.random.default_rng(0)
    for label in ("cat", "dog"):
        for number in range(20):
            write_picture(pictures / label / f"{number}.bmp", random.integers(0, 256, (28, 28, 3), np.uint8))
    recipe = replace(recipe_for("lenet5", f"folder:{pictures}"), epochs=1)
    run = cnnref.train(recipe, out=tmp_path / "run", quiet=True)
    monkeypatch.chdir(tmp_path / "run")  # another folder than that of the training
    made = cnnref.export(run.folder, tmp_path / "bundle", formats=["onnx"], precisions=["int8"])
    assert made.document["calibration"]["from"] == "training images of folder:pets"
    assert made.document["provenance"]["dataset"] == "folder:pets"
    assert read_recipe(made.folder / "training" / "recipe.toml") == replace(
        read_recipe(run.recipe), dataset="folder:pets"
    )
    for path in made.folder.rglob("*"):
        assert path.is_dir() or b"at/home" not in path.read_bytes(), path.name
    with pytest.raises(InputError, match="pets is not a folder"):
        cnnref.export(made.folder, tmp_path / "again", precisions=["int8"])
    again = cnnref.export(
        made.folder, tmp_path / "again", formats=["onnx"], precisions=["int8"], dataset=f"folder:{pictures}"
    )
    assert again.document["calibration"] == made.document["calibration"]


def test_it_verifies_and_holds_what_the_design_says(bundle: Any) -> None:
    assert verify(bundle.folder).ok
    files = {"model.keras", "labels.txt", "bundle.json", "report.json", "README.md", *(kind.file for kind in KINDS)}
    assert files <= {path.name for path in bundle.folder.iterdir()}
    assert bundle.labels == tuple("0123456789")
    assert (bundle.folder / "labels.txt").read_text().split() == list("0123456789")
    assert bundle.document["provenance"]["recipe"] == "lenet5-digits"


def test_a_reduced_file_is_held_to_what_was_measured(bundle: Any) -> None:
    report = {check["file"]: check for check in read_report(bundle.folder)["checks"]}
    for kind in KINDS:
        if kind.precision != "float32":
            found, measured = bundle.artifacts[kind.file].tolerance, report[kind.file]["largest_difference"]
            assert found == pytest.approx(max(SMALLEST_BOUND[kind.precision], 3 * measured), rel=0.01)
            assert report[kind.file]["allowed"] == pytest.approx(found)
            entry = bundle.document["artifacts"][kind.file]
            assert entry["difference"] == pytest.approx(measured, rel=0.01)
            assert (entry["tolerance_factor"], entry["tolerance_least"]) == (3, SMALLEST_BOUND[kind.precision])


def test_every_format_has_the_names_and_an_open_batch(bundle: Any) -> None:
    images = read_samples(bundle).images
    for artifact in bundle.runnable():
        runner = open_artifact(bundle, artifact.name)
        assert list(runner.inputs()) == ["image"]
        assert list(runner.outputs()) == ["probabilities"]
        for count in (1, 3, 8, 3):
            assert runner.run(images[:count]).shape == (count, 10)


def test_the_onnx_graph_is_as_lean_as_the_network(bundle: Any) -> None:
    graph = onnx.load(bundle.folder / "model.onnx").graph
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 1
    assert not {"Shape", "Gather", "Concat", "Reshape"} & set(kinds)
    assert len(kinds) == 16
    assert {node.name for node in graph.node} >= {"conv1", "pool1", "conv2", "pool2", "dense1", "logits"}


def test_labels_and_provenance_are_in_the_files(bundle: Any) -> None:
    for name in ("model.onnx", "model.tflite"):
        found = open_artifact(bundle, name).embedded()
        assert found["labels"] == list("0123456789")
        assert found["provenance"]["seed"] == 0
        assert found["weights_sha256"] == bundle.weights_sha256


def test_the_tflite_tensors_carry_the_names(bundle: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(bundle.folder / "model.tflite"))
    assert interpreter.get_input_details()[0]["name"] == "image"
    assert interpreter.get_output_details()[0]["name"] == "probabilities"
    kinds = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not {"SHAPE", "PACK", "STRIDED_SLICE", "GATHER"} & kinds


def test_the_saved_model_needs_neither_keras_nor_cnnref(bundle: Any) -> None:
    program = """
import sys
sys.modules["keras"] = sys.modules["cnnref"] = None  # importing either would fail
import json, tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
found = served(image=tf.zeros([2, 28, 28, 1]))
print(json.dumps({"names": list(found), "shape": found["probabilities"].shape.as_list()}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle.folder / "saved_model")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"names": ["probabilities"], "shape": [2, 10]}


def test_exporting_twice_gives_the_same_bytes(run: Any, bundle: Any, tmp_path: Path) -> None:
    again = cnnref.export(run.folder, tmp_path / "again")
    assert hashes(again.folder) == hashes(bundle.folder)


def test_a_bundle_can_be_exported_again(bundle: Any, tmp_path: Path) -> None:
    again = cnnref.export(bundle.folder, tmp_path / "again")
    assert again.files["model.onnx"] == bundle.files["model.onnx"]
    assert again.document["provenance"] == bundle.document["provenance"]


def test_an_export_signs_all_that_it_writes(bundle: Any, tmp_path: Path) -> None:
    pytest.importorskip("model_signing", reason="pip install 'cnnref[signing]'")
    for command in (
        ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"),
        ("ec", "-in", "key.pem", "-pubout", "-out", "key.pub"),
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=tmp_path)
    with pytest.raises(InputError, match="is no private"):
        cnnref.export(bundle.folder, tmp_path / "signed", formats=["keras"], sign=tmp_path / "key.pub")
    made = cnnref.export(bundle.folder, tmp_path / "signed", formats=["keras"], sign=tmp_path / "key.pem")
    assert verify(made.folder, key=tmp_path / "key.pub").ok
    statement = json.loads((made.folder / "model.sig").read_bytes())["dsseEnvelope"]["payload"]
    assert json.loads(base64.b64decode(statement))["subject"][0]["name"] == "signed"
    # The library prints the bytes of the hashes, and quotes everything otherwise where these have quotation marks.
    quoting = next(text for text in map(str, range(100_000)) if {*b"\"'"} <= {*hashlib.sha256(text.encode()).digest()})
    for text in ("mine", quoting):
        (made.folder / "README.md").write_text(text)
        with pytest.raises(VerificationError, match=r"\(Hash mismatch for 'README.md'\); nothing was run"):
            verify(made.folder, key=tmp_path / "key.pub")


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_tf2onnx_keeps_the_same_contract_and_gives_the_same_numbers(
    run: Any, bundle: Any, tmp_path: Path, layout: Any
) -> None:
    made = [
        cnnref.export(run.folder, tmp_path / str(i), formats=["onnx"], engine="tf2onnx", layout=layout) for i in (1, 2)
    ]
    assert made[0].files["model.onnx"] == made[1].files["model.onnx"]
    samples = read_samples(bundle)
    ours = open_artifact(bundle, "model.onnx").run(samples.images)
    theirs = open_artifact(made[0], "model.onnx").run(samples.images)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert open_artifact(made[0], "model.onnx").embedded()["labels"] == list("0123456789")
    kinds = {node.op_type for node in onnx.load(made[0].folder / "model.onnx").graph.node}
    assert not {"Shape", "Gather", "Concat"} & kinds


def test_nchw_takes_channels_first(run: Any, tmp_path: Path) -> None:
    made = cnnref.export(run.folder, tmp_path / "nchw", formats=["onnx"], layout="nchw", opset=13)
    graph = onnx.load(made.folder / "model.onnx").graph
    sizes = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim[1:]]
    assert sizes == [1, 28, 28]
    assert "Transpose" not in {node.op_type for node in graph.node}
    assert not (made.folder / "saved_model").exists()


@pytest.mark.parametrize("name", ["lenet5", "tinyvgg", "basic_cnn", "resnet8", "mobilenet_v2_cifar"])
def test_a_model_exports_by_its_name_within_the_tolerance(name: str, tmp_path: Path) -> None:
    made = cnnref.export(name, tmp_path / name)
    report = verify(made.folder)
    assert report.ok
    differences = [check.largest_difference for check in report.checks if check.largest_difference is not None]
    assert len(differences) == 8
    floats = [check for check in report.checks if check.format != "keras" and check.precision == "float32"]
    assert max(check.largest_difference for check in floats) <= 1e-5


def test_heads_other_than_softmax(tmp_path: Path) -> None:
    binary = cnnref.build("lenet5", classes=1, classifier_activation="sigmoid")
    assert cnnref.export(binary, tmp_path / "binary", formats=["onnx"]).activation == "sigmoid"
    logits = cnnref.build("lenet5", classes=3, classifier_activation=None)
    made = cnnref.export(logits, tmp_path / "logits", labels=["a", "b", "c"], formats=["onnx"])
    assert made.activation is None
    assert made.labels == ("a", "b", "c")


def test_names_in_one_text_are_told() -> None:
    with pytest.raises(
        InputError, match=r"formats is 'tflite,onnx'; give a list of names, such as \['tflite', 'onnx'\]"
    ):
        ExportOptions(formats="tflite,onnx")


def test_the_preprocessing_is_read_from_the_model(tmp_path: Path) -> None:
    model = cnnref.build("tinyvgg", normalization=([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    found = cnnref.export(model, tmp_path / "out", formats=["onnx"]).preprocessing
    np.testing.assert_allclose(found["mean"], [0.4, 0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found["std"], [0.2, 0.25, 0.3], rtol=1e-6)


def test_an_older_opset_has_its_forms_and_what_no_engine_writes_is_named(tmp_path: Path) -> None:
    for opset in (13, 19):
        made = cnnref.export(
            "convnext_tiny_cifar", tmp_path / str(opset), formats=["onnx"], precisions=["float32"], opset=opset
        )
        assert "Gelu" not in {node.op_type for node in onnx.load(made.folder / "model.onnx").graph.node}
    with pytest.raises(InputError, match="give opset=18"):
        cnnref.export("lenet5", tmp_path / "newest", formats=["onnx"], engine="tf2onnx", opset=21)


def test_bytes_and_best_classes_in_every_file(run: Any, tmp_path: Path) -> None:
    made = cnnref.export(run.folder, tmp_path / "out", input_dtype="uint8", top_k=2, integer_io="int8")
    samples = read_samples(made)
    assert verify(made.folder).ok
    for artifact in made.runnable():
        runner = open_artifact(made, artifact.name)
        assert runner.inputs()["image"].dtype == ("int8" if artifact.name == "model.int8.tflite" else "uint8")
        found = runner.answer(samples.images)
        assert set(found) == {"probabilities", "top_indices", "top_scores"}
        assert found["top_indices"].shape == (len(samples.images), 2)
        assert found["top_indices"].dtype == np.int32
