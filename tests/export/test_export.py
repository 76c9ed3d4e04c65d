"""The bundle: the contract in every format, the same bytes twice, and nothing left behind by a failure."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

import cnnref
from cnnref.environment import keras, layers
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.export import bundle as bundle_file
from cnnref.runtimes import open_artifact, read_bundle, read_samples, verify


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_verifies_and_holds_what_the_design_says(bundle):
    assert verify(bundle.folder).ok
    assert {"model.keras", "model.onnx", "model.tflite", "saved_model", "labels.txt", "bundle.json", "report.json"} <= {
        path.name for path in bundle.folder.iterdir()
    }
    assert bundle.labels == tuple("0123456789")
    assert (bundle.folder / "labels.txt").read_text().split() == list("0123456789")
    assert bundle.document["provenance"]["recipe"] == "lenet5-digits"


def test_every_format_has_the_names_and_an_open_batch(bundle):
    images = read_samples(bundle).images
    for artifact in bundle.runnable():
        runner = open_artifact(bundle, artifact.name)
        assert list(runner.inputs()) == ["image"]
        assert list(runner.outputs()) == ["probabilities"]
        for count in (1, 3, 8, 3):
            assert runner.run(images[:count]).shape == (count, 10)


def test_the_onnx_graph_is_as_lean_as_the_network(bundle):
    graph = onnx.load(bundle.folder / "model.onnx").graph
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Transpose") == 1
    assert not {"Shape", "Gather", "Concat", "Reshape"} & set(kinds)
    assert len(kinds) == 16
    assert {node.name for node in graph.node} >= {"conv1", "pool1", "conv2", "pool2", "dense1", "logits"}


def test_labels_and_provenance_are_in_the_files(bundle):
    for name in ("model.onnx", "model.tflite"):
        found = open_artifact(bundle, name).embedded()
        assert found["labels"] == list("0123456789")
        assert found["provenance"]["seed"] == 0
        assert found["weights_sha256"] == bundle.weights_sha256


def test_the_tflite_tensors_carry_the_names(bundle):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(bundle.folder / "model.tflite"))
    assert interpreter.get_input_details()[0]["name"] == "image"
    assert interpreter.get_output_details()[0]["name"] == "probabilities"
    kinds = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not {"SHAPE", "PACK", "STRIDED_SLICE", "GATHER"} & kinds


def test_the_saved_model_needs_neither_keras_nor_cnnref(bundle):
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


def test_exporting_twice_gives_the_same_bytes(run, bundle, tmp_path):
    again = cnnref.export(run.folder, tmp_path / "again")
    assert hashes(again.folder) == hashes(bundle.folder)


def test_a_bundle_can_be_exported_again(bundle, tmp_path):
    again = cnnref.export(bundle.folder, tmp_path / "again")
    assert again.files["model.onnx"] == bundle.files["model.onnx"]
    assert again.document["provenance"] == bundle.document["provenance"]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_tf2onnx_keeps_the_same_contract_and_gives_the_same_numbers(run, bundle, tmp_path, layout):
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


def test_nchw_takes_channels_first(run, tmp_path):
    made = cnnref.export(run.folder, tmp_path / "nchw", formats=["onnx"], layout="nchw", opset=13)
    graph = onnx.load(made.folder / "model.onnx").graph
    sizes = [dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim[1:]]
    assert sizes == [1, 28, 28]
    assert "Transpose" not in {node.op_type for node in graph.node}
    assert not (made.folder / "saved_model").exists()


@pytest.mark.parametrize("name", ["lenet5", "tinyvgg", "basic_cnn", "resnet8", "mobilenet_v2_cifar"])
def test_a_model_exports_by_its_name_within_the_tolerance(name, tmp_path):
    made = cnnref.export(name, tmp_path / name)
    report = verify(made.folder)
    assert report.ok
    differences = [check.largest_difference for check in report.checks if check.largest_difference is not None]
    assert len(differences) == 3
    assert max(differences) <= 1e-5


def test_heads_other_than_softmax(tmp_path):
    binary = cnnref.build("lenet5", classes=1, classifier_activation="sigmoid")
    assert cnnref.export(binary, tmp_path / "binary", formats=["onnx"]).activation == "sigmoid"
    logits = cnnref.build("lenet5", classes=3, classifier_activation=None)
    made = cnnref.export(logits, tmp_path / "logits", labels=["a", "b", "c"], formats=["onnx"])
    assert made.activation is None
    assert made.labels == ("a", "b", "c")


def test_the_preprocessing_is_read_from_the_model(tmp_path):
    model = cnnref.build("tinyvgg", normalization=([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    found = cnnref.export(model, tmp_path / "out", formats=["onnx"]).preprocessing
    np.testing.assert_allclose(found["mean"], [0.4, 0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found["std"], [0.2, 0.25, 0.3], rtol=1e-6)


def nothing_left(folder):
    return list(folder.iterdir()) == []


def test_a_file_that_computes_something_else_is_not_kept(run, tmp_path, monkeypatch):
    honest = bundle_file.onnx_model

    def wrong(model, *args, **kwargs):
        written = honest(model, *args, **kwargs)
        bias = next(weight for weight in written.graph.initializer if weight.name == "logits.bias")
        values = np.frombuffer(bias.raw_data, np.float32) + np.arange(10, dtype=np.float32) * 0.01
        bias.raw_data = values.tobytes()
        return written

    monkeypatch.setattr(bundle_file, "onnx_model", wrong)
    with pytest.raises(VerificationError, match=r"model\.onnx"):
        cnnref.export(run.folder, tmp_path / "out")
    assert nothing_left(tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    model = cnnref.build("lenet5")
    model.get_layer("conv1").bias.assign(np.full(6, np.nan))
    with pytest.raises(ExportError, match="finite"):
        cnnref.export(model, tmp_path / "out")
    assert nothing_left(tmp_path)


def test_models_that_break_the_contract_are_refused(tmp_path):
    left, right = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    two = keras.Model([left, right], layers.Dense(2)(layers.Flatten()(left + right)))
    vector = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    for model, words in (
        (two, "2 inputs"),
        (vector, "not an image"),
        (cnnref.build("lenet5", include_top=False), "include_top=True"),
    ):
        with pytest.raises(ExportError, match=words):
            cnnref.export(model, tmp_path / "out")
    with pytest.raises(InputError, match="2 labels for the 10 outputs"):
        cnnref.export(cnnref.build("lenet5"), tmp_path / "out", labels=["a", "b"])
    assert nothing_left(tmp_path)


def test_an_unsupported_layer_leaves_nothing_behind(tmp_path):
    image = keras.Input((8, 8, 1))
    odd = layers.UnitNormalization(name="odd_one")(image)
    with pytest.raises(ExportError, match="odd_one"):
        cnnref.export(keras.Model(image, layers.Dense(2)(layers.Flatten()(odd))), tmp_path / "out")
    assert nothing_left(tmp_path)


def test_impossible_arguments_are_named(tmp_path):
    for options, words in (
        ({"opset": 12}, "13 to 24"),
        ({"opset": 21, "engine": "tf2onnx"}, "up to 18"),
        ({"layout": "chwn"}, "layout 'chwn'"),
        ({"formats": ["coreml"]}, "format 'coreml'"),
    ):
        with pytest.raises(InputError, match=words):
            cnnref.export("lenet5", tmp_path / "out", **options)
    assert nothing_left(tmp_path)


def test_an_existing_bundle_is_kept_unless_forced(tmp_path):
    out = tmp_path / "out"
    cnnref.export("lenet5", out, formats=["onnx"])
    before = hashes(out)
    with pytest.raises(InputError, match="--force"):
        cnnref.export("lenet5_relu", out, formats=["onnx"])
    assert hashes(out) == before
    cnnref.export("lenet5_relu", out, formats=["onnx"], force=True)
    assert read_bundle(out).name == "lenet5_relu"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_never_replaces_what_is_no_bundle(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(InputError):
            cnnref.export("lenet5", tmp_path, formats=["onnx"], force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_unknown_sources_are_refused(tmp_path):
    with pytest.raises(InputError, match="nothing to export"):
        cnnref.export(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(InputError, match="not a run folder"):
        cnnref.export(tmp_path, tmp_path / "out")
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"broken\.keras"):
        cnnref.export(broken, tmp_path / "out")
