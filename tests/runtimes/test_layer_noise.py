"""The noise of every layer of an integer file, and the layer that adds the most of it."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder
from onnx import numpy_helper
from tiny_bundle import rehash
from typer.testing import CliRunner

from cnnref.cli import app
from cnnref.errors import InputError
from cnnref.explain.drawing.layer_noise import draw_layer_noise
from cnnref.runtimes import culprit, find_bundle, noise_of_layers, read_bundle, read_samples
from cnnref.runtimes.layer_noise import LayerNoise, compare_layers
from cnnref.runtimes.manifest import facts_sha256
from cnnref.runtimes.witnesses import FACTS

#: A network with branches, whose layers are all in integers.
SHIPPED = "resnet8-cifar10"


@pytest.fixture(scope="module")
def folder() -> Path:
    return find_bundle(SHIPPED)


@pytest.fixture(scope="module")
def found() -> dict[str, list[LayerNoise]]:
    return noise_of_layers(SHIPPED)


def images(folder: Path) -> Any:
    return read_samples(read_bundle(folder)).images


def damaged_onnx(folder: Path, layer: str, target: Path) -> Path:
    """The integer .onnx with every other weight of a layer turned to its opposite."""
    model = onnx.load(folder / "model.int8.onnx")
    makers = {node.output[0]: node for node in model.graph.node}
    source = makers[makers[layer].input[1]].input[0]
    (weights,) = (tensor for tensor in model.graph.initializer if tensor.name == source)
    numbers = numpy_helper.to_array(weights).copy()
    numbers.reshape(-1)[::2] *= -1
    weights.CopyFrom(numpy_helper.from_array(numbers, weights.name))
    target.write_bytes(model.SerializeToString())
    return target


def damaged_tflite(folder: Path, layer: str, target: Path) -> Path:
    """The same of the integer .tflite."""
    model = schema.ModelT.InitFromPackedBuf((folder / "model.int8.tflite").read_bytes(), 0)
    main = model.subgraphs[0]
    names = [tensor.name.decode() for tensor in main.tensors]
    (operator,) = (operator for operator in main.operators if names[operator.outputs[0]] == layer)
    buffer = model.buffers[main.tensors[operator.inputs[1]].buffer]
    numbers = np.array(buffer.data, np.uint8).view(np.int8)
    numbers[::2] *= -1
    buffer.data = numbers.view(np.uint8)
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    target.write_bytes(bytes(builder.Output()))
    return target


@pytest.mark.parametrize("file", ["model.int8.onnx", "model.int8.tflite"])
def test_every_layer_has_its_noise_and_the_last_has_that_of_the_scores(
    folder: Path, found: dict[str, list[LayerNoise]], file: str
) -> None:
    layers = {layer.tensor: layer for layer in found[file]}
    assert len(layers) == len(found[file]) >= 17, "every layer once"
    assert all(layer.sqnr > 15 and layer.added >= 0 for layer in layers.values())
    samples = read_samples(read_bundle(folder))
    assert list(layers)[-1] == "probabilities"
    # By hand, from what the file gives: the same ratio.
    from cnnref.runtimes import open_artifact

    scores = open_artifact(read_bundle(folder), file).run(samples.images)
    ratio = np.square(samples.probabilities).sum() / np.square(samples.probabilities - scores).sum()
    assert layers["probabilities"].sqnr == pytest.approx(10 * math.log10(ratio), abs=1.0), "other kernels round alike"


@pytest.mark.parametrize("layer", ["stage1_block1_conv1", "stage2_block1_shortcut", "stage3_block1_conv2"])
def test_a_damaged_layer_of_an_onnx_file_is_the_culprit(folder: Path, layer: str, tmp_path: Path) -> None:
    tensor = layer if layer.endswith("shortcut") else f"{layer}_bn"
    broken = damaged_onnx(folder, tensor, tmp_path / "model.int8.onnx")
    worst = culprit(compare_layers(folder / "model.onnx", broken, images(folder)))
    assert worst is not None
    assert worst.tensor.startswith(tensor.removesuffix("_bn"))
    assert worst.added > 0.1


@pytest.mark.parametrize("layer", ["stage1_block1_conv1_relu_1/Relu", "stage2_block1_shortcut_1/BiasAdd"])
def test_a_damaged_layer_of_a_tflite_file_is_the_culprit(folder: Path, layer: str, tmp_path: Path) -> None:
    broken = damaged_tflite(folder, layer, tmp_path / "model.int8.tflite")
    worst = culprit(compare_layers(folder / "model.tflite", broken, images(folder)))
    assert worst is not None
    assert worst.tensor == layer
    assert worst.added > 0.1


def test_a_file_beside_itself_has_no_noise(folder: Path) -> None:
    for name in ("model.onnx", "model.tflite"):
        layers = compare_layers(folder / name, folder / name, images(folder)[:4])
        assert layers
        assert all(math.isinf(layer.sqnr) and layer.in_floats for layer in layers)
        assert culprit(layers) is None


def test_the_picture_is_the_same_each_time(found: dict[str, list[LayerNoise]]) -> None:
    assert draw_layer_noise(found, SHIPPED) == draw_layer_noise(found, SHIPPED)
    assert draw_layer_noise(found, SHIPPED, form="svg").startswith(b"<?xml")


def test_the_command_prints_draws_and_gives_json(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    kept = ("model.onnx", "model.int8.onnx", "bundle.json", "labels.txt", "samples.npz")
    copy.mkdir()
    document = json.loads((folder / "bundle.json").read_text())
    document["artifacts"] = {name: entry for name, entry in document["artifacts"].items() if name in kept}
    document["files"] = {name: entry for name, entry in document["files"].items() if name in kept}
    for name in kept:
        shutil.copy(folder / name, copy / name)
    (copy / "README.md").write_text(FACTS.format(digest=facts_sha256(document)))
    (copy / "bundle.json").write_text(json.dumps(document))
    rehash(copy)
    told = CliRunner().invoke(app, ["verify", str(copy), "--layers", "--plot", str(tmp_path / "layers.png")])
    assert told.exit_code == 0, told.output
    assert "adds the most noise" in " ".join(told.output.split())
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")
    as_json = json.loads(CliRunner().invoke(app, ["verify", str(copy), "--layers", "--json"]).stdout)
    assert {entry["tensor"] for entry in as_json["layers"]["model.int8.onnx"]} >= {"stem_relu", "logits"}
    refused = CliRunner().invoke(app, ["verify", str(copy), "--plot", str(tmp_path / "other.png")])
    assert isinstance(refused.exception, InputError)
    assert "--layers" in str(refused.exception)


def test_a_bundle_without_integers_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="export it in int8 beside float32"):
        noise_of_layers("speednet-cifar10")
