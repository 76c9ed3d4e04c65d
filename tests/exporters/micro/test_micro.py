"""Networks for microcontrollers: measured in TFLM, the same bytes as LiteRT, and sources that a compiler takes."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import benchmark, predict, verify

import cnnref
from cnnref.environment import keras
from cnnref.errors import ExportError, InputError, VerificationError
from cnnref.exporters.calibration import noise
from cnnref.exporters.contract import contract_of
from cnnref.exporters.micro.model import micro_model
from cnnref.exporters.micro.operators import operators_of
from cnnref.exporters.micro.program import data_source, escaped, sources
from cnnref.exporters.micro.write import write_micro
from cnnref.models.initializers import draw_weights
from cnnref.pictures import write_picture
from cnnref.runtimes import open_artifact, read_report
from cnnref.runtimes.litert import ReferenceKernels
from cnnref.runtimes.micro import ComparedRunner
from cnnref.runtimes.runner import RuntimeMissingError
from cnnref.runtimes.tflm import MODULE, RefusedError, TFLMRunner, arena_of

pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")

PROGRAM = """\
#include <cstdint>
#include <cstdio>
#include "model_data.h"
int main() {
  if (reinterpret_cast<std::uintptr_t>(g_model) % 16 != 0) return 1;
  for (int i = 0; i < kLabels; ++i) std::printf("%s\\n", g_labels[i]);
  std::printf("%d %d %d %d %d\\n", kImageHeight, kImageWidth, kImageChannels, kScores, kArenaBytes);
  std::fwrite(g_model, 1, g_model_size, stdout);
  return 0;
}
"""


@pytest.fixture(scope="module")
def micro(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return cnnref.export(run.folder, tmp_path_factory.mktemp("micro") / "digits", target="micro")


def compiled(folder: Path, labels: int, program: Path) -> tuple[list[str], list[int], bytes]:
    """What a program with the C array finds in it: labels, numbers, bytes."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler: install g++")
    source = program.with_suffix(".cc")
    source.write_text(PROGRAM)
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    files = [str(source), str(folder / "model_data.cc")]
    subprocess.run([compiler, *strict, f"-I{folder}", *files, "-o", str(program)], check=True)
    printed = subprocess.run([program], check=True, capture_output=True).stdout
    *lines, content = printed.split(b"\n", labels + 1)
    return [line.decode() for line in lines[:labels]], [int(part) for part in lines[labels].split()], content


def test_it_holds_what_a_microcontroller_needs_and_no_other_runtime_file(micro: Any) -> None:
    assert [artifact.name for artifact in micro.runnable()] == ["micro"]
    assert {path.name for path in (micro.folder / "micro").iterdir()} == {
        "model.int8.tflite",
        "model_data.h",
        "model_data.cc",
        "model_operators.h",
        "main.cc",
    }
    assert "onnxruntime" not in (micro.folder / "README.md").read_text()


def test_tflm_gives_the_bytes_of_litert_on_every_sample_and_test_image(micro: Any) -> None:
    (found,) = (check for check in read_report(micro.folder)["checks"] if check["file"] == "micro")
    entry = micro.document["artifacts"]["micro"]
    samples = len(np.load(micro.folder / "samples.npz")["images"])
    assert found["status"] == "ok"
    assert found["test"]["images"] > 300
    assert found["micro"] == {
        "arena_bytes": entry["arena_bytes"],
        "images": samples + found["test"]["images"],
        "different": 0,
    }
    assert sorted(found["operators"]) == entry["operators"]
    assert not found["float_operators"]


def test_the_folder_verifies_on_its_samples(micro: Any) -> None:
    report = verify(micro.folder)
    assert report.ok
    (found,) = (check for check in report.checks if check.file == "micro")
    assert found.batches == [1]
    assert found.micro.different == 0


def test_the_same_run_gives_the_same_bytes(micro: Any, run: Any, tmp_path: Path) -> None:
    again = cnnref.export(run.folder, tmp_path / "again", target="micro")
    for path in micro.folder.rglob("*"):
        assert path.is_dir() or path.read_bytes() == (again.folder / path.relative_to(micro.folder)).read_bytes(), path


def test_the_c_array_compiles_and_is_the_file(micro: Any, tmp_path: Path) -> None:
    labels, numbers, content = compiled(micro.folder / "micro", 10, tmp_path / "program")
    assert labels == list("0123456789")
    assert numbers == [28, 28, 1, 10, micro.artifacts["micro"].arena_bytes]
    assert content == (micro.folder / "micro" / "model.int8.tflite").read_bytes()


def test_a_label_cannot_leave_its_string_nor_its_comment(tmp_path: Path) -> None:
    labels = ['a "b" \\', "*/ int x; //", "??/", "größe", "100 %s\\n", "0"]
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(6)])
    contract = contract_of(model, 'net"\\\n#error', labels)
    content = bytes(range(256)) * 2 + b"\x00"
    for name, text in sources(content, contract, ["FULLY_CONNECTED"], 4096).items():
        (tmp_path / name).write_text(text, encoding="ascii")
    assert compiled(tmp_path, 6, tmp_path / "program") == (labels, [4, 4, 1, 6, 4096], content)


def test_main_names_every_operator_once_and_takes_the_counted_arena(micro: Any) -> None:
    folder = micro.folder / "micro"
    lines = re.findall(r"resolver\.Add(\w+)\(\)", (folder / "model_operators.h").read_text())
    content = (folder / "model.int8.tflite").read_bytes()
    assert len(lines) == len(set(lines)) == len(operators_of(content, "digits"))
    assert f"MicroMutableOpResolver<{len(lines)}>" in (folder / "model_operators.h").read_text()
    assert {"AveragePool2D", "Conv2D", "Softmax"} <= set(lines)
    assert "g_arena[kArenaBytes]" in (folder / "main.cc").read_text()


def test_the_arena_is_the_smallest(micro: Any) -> None:
    """TFLM itself refuses sixteen bytes less, which is the step in which it counts."""
    runtime = sys.modules[MODULE]
    content = (micro.folder / "micro" / "model.int8.tflite").read_bytes()
    arena = arena_of(content)
    assert arena == micro.artifacts["micro"].arena_bytes
    runtime.Interpreter.from_bytes(content, arena_size=arena).invoke()
    with pytest.raises(RuntimeError, match="failed to allocate"):
        runtime.Interpreter.from_bytes(content, arena_size=arena - 16)


def relisted(folder: Path, change: Any) -> Path:
    """The bundle with another bundle.json, which lists the files as they are now."""
    document = json.loads((folder / "bundle.json").read_text())
    change(document["artifacts"]["micro"])
    for name in document["files"]:
        content = (folder / name).read_bytes()
        document["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "bundle.json").write_text(json.dumps(document))
    return folder


def test_verify_finds_an_array_of_another_file_and_too_small_an_arena(micro: Any, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(micro.folder, tmp_path / "copy"))
    array = copy / "micro" / "model_data.cc"
    array.write_text(array.read_text().replace("0x54, 0x46, 0x4c, 0x33", "0x54, 0x46, 0x4c, 0x34"))
    assert any("another sha256" in problem for problem in verify(copy).problems)
    relisted(copy, lambda _: None)
    assert verify(copy).problems == ["micro: model_data.cc does not hold the bytes of model.int8.tflite"]
    content = bytearray((micro.folder / "micro" / "model.int8.tflite").read_bytes())
    content[len(content) // 2] ^= 1  # a weight of a dense layer, in the file and in the array
    (copy / "micro" / "model.int8.tflite").write_bytes(content)
    array.write_text(" ".join(f"0x{byte:02x}," for byte in content))
    relisted(copy, lambda _: None)
    assert verify(copy).problems == ["micro: it computes with other numbers than those that were exported"]
    for name in ("model.int8.tflite", "model_data.cc"):
        shutil.copy(micro.folder / "micro" / name, copy / "micro" / name)
    relisted(copy, lambda entry: entry.update(arena_bytes=100))
    problem, card = verify(copy).problems
    assert card.startswith("README.md: it was written for other facts")
    assert re.fullmatch(r"micro: .*needs an arena of [\d,]+ bytes in TFLM, and 100 are promised", problem)
    relisted(copy, lambda entry: entry.update(arena_bytes=0))
    with pytest.raises(InputError, match="arena_bytes is 0"):
        verify(copy)


def test_another_network_gives_other_bytes(micro: Any, tmp_path: Path) -> None:
    content = bytearray((micro.folder / "micro" / "model.int8.tflite").read_bytes())
    images = np.load(micro.folder / "samples.npz")["images"]
    runner = TFLMRunner(micro.folder / "micro" / "model.int8.tflite", arena=micro.artifacts["micro"].arena_bytes)
    middle = len(content) // 2  # in the weights of a dense layer
    content[middle : middle + 8000] = bytes(reversed(content[middle : middle + 8000]))
    (tmp_path / "other.tflite").write_bytes(content)
    runner.path = tmp_path / "other.tflite"
    compared = ComparedRunner(runner)
    compared.run(images)
    assert compared.images == len(images)
    assert compared.different > 0


def test_without_tflite_micro_it_says_so(micro: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    report = verify(micro.folder)
    (found,) = (check for check in report.checks if check.file == "micro")
    assert report.ok
    assert (found.status, found.note) == ("not checked", "not checked: tflite-micro is not installed")
    with pytest.raises(RuntimeMissingError, match="pip install tflite-micro"):
        cnnref.export("lenet5", tmp_path / "no", target="micro")
    assert not (tmp_path / "no").exists()


def test_predict_takes_tflm_where_there_is_nothing_else_and_bench_refuses(micro: Any, tmp_path: Path) -> None:
    images = np.load(micro.folder / "samples.npz")["images"]
    write_picture(tmp_path / "digit.png", images[0])
    (found,) = predict(micro, [tmp_path / "digit.png"])
    assert found.artifact == "micro"
    assert np.array_equal(found.probabilities, open_artifact(micro, "micro").run(images[:1])[0])
    with pytest.raises(InputError, match="files for a microcontroller alone"):
        benchmark(micro.folder, runs=1)


def network(*inner: Any, shape: tuple[int, int, int] = (12, 10, 3), classes: int = 4) -> Any:
    keras.utils.set_random_seed(3)
    image = keras.Input(shape)
    x = image
    for layer in inner:
        x = layer(x)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax")(x))


@pytest.mark.parametrize(
    ("inner", "kinds"),
    [
        pytest.param(
            [
                keras.layers.Rescaling([0.02, 0.016, 0.018], [-2.4, -1.95, -2.2]),
                keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.GlobalAveragePooling2D(),
            ],
            ["AVERAGE_POOL_2D", "CONV_2D", "MUL", "SOFTMAX"],
            id="normalization-in-a-padded-convolution",
        ),
        pytest.param(
            [
                keras.layers.Rescaling([0.02, 0.02, 0.02], [-0.2, -1.95, -4.2]),
                keras.layers.Conv2D(8, 3, strides=2, padding="valid", use_bias=False),
                keras.layers.BatchNormalization(),
                keras.layers.Activation("relu"),
                keras.layers.Flatten(),
            ],
            ["CONV_2D", "SOFTMAX"],
            id="any-normalization-where-nothing-is-padded",
        ),
        pytest.param(
            [
                keras.layers.Rescaling([0.02, 0.02, 0.02], [-0.2, -1.95, -4.2]),
                keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
                keras.layers.MaxPooling2D(),
                keras.layers.Flatten(),
            ],
            ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "SOFTMAX"],
            id="means-that-lie-far-apart",
        ),
        pytest.param(
            [
                keras.layers.Rescaling(1 / 255),
                keras.layers.DepthwiseConv2D(3, activation="relu"),
                keras.layers.Conv2D(8, 1, activation="relu6"),
                keras.layers.GlobalAveragePooling2D(keepdims=True),
                keras.layers.Flatten(),
            ],
            ["AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "SOFTMAX"],
            id="a-depthwise-convolution-first",
        ),
    ],
)
def test_a_network_has_few_operators_and_agrees_with_keras(inner: list[Any], kinds: list[str], tmp_path: Path) -> None:
    model = network(*inner)
    draw_weights(model, seed=0)
    contract = contract_of(model, "small")
    images = np.random.default_rng(1).integers(0, 256, (40, 12, 10, 3), np.uint8)
    content = micro_model(model, contract, noise(contract.shape, count=50))
    assert operators_of(content, "small") == kinds
    (tmp_path / "model.tflite").write_bytes(content)
    runner = TFLMRunner(tmp_path / "model.tflite", arena=arena_of(content))
    assert np.array_equal(runner.integers(images), ReferenceKernels(runner.path).integers(images))
    expected = np.asarray(keras.ops.convert_to_numpy(model(images.astype(np.float32), training=False)))
    assert np.abs(runner.run(images) - expected).max() < 0.03


def test_an_operator_that_tflm_does_not_have_is_named(tmp_path: Path) -> None:
    model = network(keras.layers.Conv2D(4, 3), keras.layers.Activation("gelu"), keras.layers.Flatten())
    with pytest.raises(ExportError, match="small needs GELU, which TensorFlow Lite for Microcontrollers does not have"):
        write_micro(tmp_path / "micro", model, contract_of(model, "small"), noise((12, 10, 3)))
    assert not (tmp_path / "micro").exists()


def test_a_network_that_no_board_holds_is_refused(tmp_path: Path) -> None:
    zeros = {"kernel_initializer": "zeros"}
    model = network(
        keras.layers.Conv2D(4100, 1, **zeros), keras.layers.Conv2D(4100, 1, **zeros), keras.layers.Flatten()
    )
    with pytest.raises(
        ExportError, match=r"small needs .* bytes of weights, and a microcontroller has at most 16,777,216"
    ):
        write_micro(tmp_path / "micro", model, contract_of(model, "small"), noise((12, 10, 3)))
    wide = network(
        keras.layers.Conv2D(64, 1), keras.layers.MaxPooling2D(64), keras.layers.Flatten(), shape=(512, 512, 3)
    )
    with pytest.raises(ExportError, match=r"small needs an arena of .* bytes, and a microcontroller has at most"):
        write_micro(tmp_path / "micro", wide, contract_of(wide, "small"), noise((512, 512, 3), count=1))


def test_what_cannot_be_asked_for_is_refused_in_a_sentence(tmp_path: Path) -> None:
    model = network(keras.layers.Conv2D(4, 3), keras.layers.Flatten())
    with pytest.raises(InputError, match="cannot be written in int8, no calibration images"):
        cnnref.export(model, tmp_path / "no", target="micro")
    with pytest.raises(InputError, match="There is no target 'pico'; choose micro"):
        cnnref.export(model, tmp_path / "no", target="pico")
    with pytest.raises(InputError, match="leave out top-k"):
        cnnref.export(model, tmp_path / "no", target="micro", top_k=2)
    assert not (tmp_path / "no").exists()


def test_bytes_and_strings_are_written_as_they_are_read() -> None:
    assert '"\\303\\251"' in data_source(b"\x01", "x", ["é"])
    assert escaped("a\\b\n") == "a\\134b\\012"


def test_a_float_file_is_refused_by_tflm_in_its_own_words(bundle: Any) -> None:
    content = (bundle.folder / "model.dynamic.tflite").read_bytes()
    with pytest.raises(RefusedError, match="Hybrid models are not supported"):
        arena_of(content)
    with pytest.raises(VerificationError, match=r"model.dynamic.tflite: TFLM cannot run it: .*Hybrid models"):
        TFLMRunner(bundle.folder / "model.dynamic.tflite", arena=10**6)
