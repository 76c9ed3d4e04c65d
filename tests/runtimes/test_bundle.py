"""bundle.json is understood, or refused in one sentence; its paths stay in the folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import verify
from tiny_bundle import LABELS, PREPROCESSING, edit

from cnnref.errors import InputError
from cnnref.runtimes import Bundle, ListedFile, read_bundle
from cnnref.runtimes.bundle import Output

HOSTILE = (
    "../secret",
    "..",
    ".",
    "",
    "/etc/passwd",
    "saved_model/../../secret",
    "saved_model/./x",
    "saved_model//x",
    "saved_model/",
    "..\\secret",
    "C:secret",
    "a\nb",
    "a\x00b",
)


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_bundle_is_read_into_a_record(pristine: Path) -> None:
    bundle = read_bundle(pristine)
    assert (bundle.name, bundle.shape, bundle.classes, bundle.labels) == ("tiny", (8, 8, 1), 3, tuple(LABELS))
    assert bundle.preprocessing == PREPROCESSING
    assert [artifact.name for artifact in bundle.runnable()] == ["saved_model", "model.onnx", "model.tflite"]
    assert bundle.artifacts["model.onnx"].tolerance == 1e-5
    assert bundle.files["model.keras"] == ListedFile(16, bundle.files["model.keras"].sha256)


def test_the_parts_of_a_folder_are_the_files_below_it_and_not_those_of_a_similar_name(bundle: Path) -> None:
    edit(
        bundle,
        lambda document: document["files"].update({"saved_model.txt": document["files"]["labels.txt"]}),
    )
    read = read_bundle(bundle)
    assert "saved_model/saved_model.pb" in read.parts("saved_model")
    assert "saved_model.txt" not in read.parts("saved_model")
    assert read.entries()[:4] == ["model.keras", "saved_model", "model.onnx", "model.tflite"]
    assert "saved_model.txt" in read.entries()
    assert "saved_model/saved_model.pb" not in read.entries()


def test_what_is_no_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    assert "is not a folder" in refusal(tmp_path / "nowhere")
    assert "is not a folder" in refusal(bundle / "labels.txt")
    assert "has no bundle.json" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000, b""])
def test_broken_json_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    assert "is not valid JSON" in refusal(bundle)


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": "other", "version": 1}'])
def test_other_json_is_refused(bundle: Path, content: str) -> None:
    (bundle / "bundle.json").write_text(content)
    assert "cnnref-bundle" in refusal(bundle)


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_version_is_refused(bundle: Path, version: object) -> None:
    edit(bundle, lambda document: document.update(version=version))
    assert f"version {version!r}" in refusal(bundle)


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "model",
        "input",
        "output",
        "preprocessing",
        "picture",
        "labels",
        "artifacts",
        "files",
        "provenance",
        "license",
    ],
)
def test_a_missing_key_is_named(bundle: Path, key: str) -> None:
    edit(bundle, lambda document: document.pop(key))
    assert f"the key '{key}' is missing" in refusal(bundle)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "model.weights_sha256": lambda d: d["model"].pop("weights_sha256"),
    "input.shape": lambda d: d["input"].update(shape=[1, 8, 8, 1]),
    "output.shape has another batch than input.shape": lambda d: d["output"].update(shape=[2, 3]),
    "input.name": lambda d: d["input"].update(name="x"),
    "input.dtype": lambda d: d["input"].update(dtype="float64"),
    "output.shape": lambda d: d["output"].update(shape=["batch", 3, 3]),
    "activation": lambda d: d["output"].pop("activation"),
    "output.activation": lambda d: d["output"].update(activation="relu"),
    "2 labels do not fit 3 classes": lambda d: d["labels"].pop(),
    "labels must all be strings": lambda d: d.update(labels=[0, 1, 2]),
    "labels is not a list": lambda d: d.update(labels="abc"),
    "'model.onnx'].format": lambda d: d["artifacts"]["model.onnx"].update(format="exe"),
    "which bounds nothing": lambda d: d["artifacts"]["model.onnx"].update(tolerance=1e30),
    "cannot be the name of a bundle": lambda d: d.update(name="/tmp/x"),
    "is called 'a\\nb'": lambda d: d["labels"].__setitem__(0, "a\nb"),
    "two classes called 'ring'": lambda d: d["labels"].__setitem__(0, "ring"),
    "'model.onnx'].tolerance": lambda d: d["artifacts"]["model.onnx"].update(tolerance=float("nan")),
    "'model.tflite'].tolerance": lambda d: d["artifacts"]["model.tflite"].update(tolerance=0),
    "'model.tflite'].layout": lambda d: d["artifacts"]["model.tflite"].update(layout="nchw"),
    "'labels.txt'].sha256": lambda d: d["files"]["labels.txt"].update(sha256="abc"),
    "'labels.txt'].bytes": lambda d: d["files"]["labels.txt"].update(bytes="15"),
    "'labels.txt'].bytes is -1": lambda d: d["files"]["labels.txt"].update(bytes=-1),
    "provenance.dataset is not a string": lambda d: d.update(provenance={"dataset": []}),
    "model.parameters is not a whole number": lambda d: d["model"].update(parameters="many"),
}


@pytest.mark.parametrize("told", CHANGES)
def test_a_wrong_value_is_named(bundle: Path, told: str) -> None:
    edit(bundle, CHANGES[told])
    assert told in refusal(bundle)


def other(document: dict[str, Any], *outputs: dict[str, Any]) -> None:
    """Make it the bundle of a network that is no classifier."""
    del document["output"]
    plain = {"shape": ["batch", 4, 4], "dtype": "int32"}
    document.update(version=2, labels=[], outputs=[plain | output for output in outputs])


def test_the_outputs_of_a_network_that_is_no_classifier(bundle: Path) -> None:
    edit(bundle, lambda document: other(document, {"name": "mask"}, {"name": "size", "shape": ["batch"]}))
    found = read_bundle(bundle)
    assert found.outputs == (Output("mask", (4, 4), "int32"), Output("size", (), "int32"))
    assert (found.classes, found.labels, found.activation, found.top_k) == (0, (), None, 0)
    with pytest.raises(
        InputError, match=r"tiny is no classifier, and a test set needs classes; it gives mask \[4, 4\]"
    ):
        found.must_classify("a test set")


OTHERS: dict[str, list[dict[str, Any]]] = {
    "outputs does not name each": [],
    "outputs does not name each of": [{"name": "mask"}, {"name": "mask"}],
    "outputs[0].name 'image'": [{"name": "image"}],
    "outputs[1].name 'a b'": [{"name": "mask"}, {"name": "a b"}],
    "outputs[0].dtype 'float16'": [{"name": "mask", "dtype": "float16"}],
    "outputs[0].shape is []": [{"name": "mask", "shape": []}],
    "outputs[0].shape is ['batch', 0]": [{"name": "mask", "shape": ["batch", 0]}],
    "outputs[0].shape has another batch": [{"name": "mask", "shape": [4, 4]}],
}


@pytest.mark.parametrize("told", OTHERS)
def test_a_wrong_output_is_named(bundle: Path, told: str) -> None:
    edit(bundle, lambda document: other(document, *OTHERS[told]))
    assert told in refusal(bundle)


def test_a_fixed_batch_is_the_same_at_both_ends(bundle: Path) -> None:
    def fix(document: dict[str, Any]) -> None:
        document["input"]["shape"][0] = document["output"]["shape"][0] = 4

    assert read_bundle(bundle).batch is None
    edit(bundle, fix)
    assert read_bundle(bundle).batch == 4


def test_a_single_output_may_name_both_answers(bundle: Path) -> None:
    edit(bundle, lambda document: document["output"].update(shape=["batch", 1], activation="sigmoid"))
    edit(bundle, lambda document: document.update(labels=["no", "yes"]))
    assert (read_bundle(bundle).classes, read_bundle(bundle).labels) == (1, ("no", "yes"))


@pytest.mark.parametrize("table", ["files", "artifacts"])
@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leaves_the_folder_is_refused(bundle: Path, table: str, path: str) -> None:
    edit(bundle, lambda document: document[table].update({path: next(iter(document[table].values()))}))
    assert "is not a plain path inside the bundle" in refusal(bundle)


def test_a_link_that_leaves_the_folder_is_refused(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("cross\nring\ndot\n")
    (bundle / "labels.txt").unlink()
    (bundle / "labels.txt").symlink_to(tmp_path / "secret")
    assert "'labels.txt' is a link that leaves the bundle" in refusal(bundle)


def test_a_link_in_a_circle_is_a_file_that_is_missing(bundle: Path) -> None:
    (bundle / "labels.txt").unlink()
    (bundle / "labels.txt").symlink_to("labels.txt")
    assert "labels.txt: it is missing" in verify(bundle, only=["labels.txt"]).problems


def test_a_description_as_large_as_a_disk_is_not_read(bundle: Path) -> None:
    os.truncate(bundle / "bundle.json", 2**40)
    assert "it is not read" in refusal(bundle)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "saved_model", "~", "a.b", " "]), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_accepted_path_lies_inside_the_folder(pristine: Path, parts: list[str]) -> None:
    name = "/".join(parts)
    document = json.loads((pristine / "bundle.json").read_text())
    document["files"] = {name: document["files"]["labels.txt"]}
    folder = pristine.parent / "paths"
    folder.mkdir(exist_ok=True)
    (folder / "bundle.json").write_text(json.dumps(document))
    try:
        read: Bundle = read_bundle(folder)
    except InputError:
        assert {"..", ".", ""} & set(parts)
    else:
        assert not {"..", ".", ""} & set(parts)
        assert all((folder / file).resolve().is_relative_to(folder.resolve()) for file in read.files)
