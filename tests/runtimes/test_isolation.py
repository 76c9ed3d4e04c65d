"""Files run in a child process give the same numbers, and what they do to it is a sentence."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_bundle import rehash, without_saved_model

from cnnref.errors import InputError, VerificationError
from cnnref.runtimes import find_bundle, open_artifact, predict, read_bundle, verify
from cnnref.runtimes.classifier import classifier_of
from cnnref.runtimes.evaluate import accuracy
from cnnref.runtimes.isolation import Apart, Here, Host, Limits, host

FILES = ["model.onnx", "model.fp16.tflite", "model.int8.tflite"]


@pytest.fixture(scope="module")
def apart() -> Iterator[Host]:
    with host(isolated=True) as where:
        yield where


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A shipped bundle of a few hundred kilobytes without its SavedModel, so that no child imports TensorFlow."""
    return without_saved_model(Path(shutil.copytree(find_bundle("lenet5-mnist"), tmp_path / "lenet5")))


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    return {
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[1] == str(os.getpid())
    }


@pytest.mark.parametrize("name", FILES)
def test_a_child_gives_the_same_numbers(apart: Host, name: str) -> None:
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)
    theirs, ours = apart.open(bundle, name, 1), open_artifact(bundle, name, 1)
    np.testing.assert_array_equal(theirs.run(images), ours.run(images))
    assert theirs.answer(images).keys() == ours.answer(images).keys()
    assert (theirs.inputs(), theirs.outputs()) == (ours.inputs(), ours.outputs())
    assert (theirs.embedded(), theirs.threads) == (ours.embedded(), 1)
    with pytest.raises(InputError, match=r"\[5, 28, 27, 1\]"):
        theirs.run(images[:, :, 1:])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look the child up in")
def test_a_crash_is_a_sentence_and_the_next_file_runs() -> None:
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    images = np.zeros((1, 28, 28, 1), np.uint8)
    before = children()
    with host(isolated=True) as where:
        first, second = (where.open(bundle, name, 1) for name in FILES[:2])
        expected = second.run(images)
        (child,) = children() - before
        threading.Thread(target=lambda: (time.sleep(0.3), os.kill(child, signal.SIGSEGV))).start()
        # Long enough to be hit, wherever the child is at that moment.
        with pytest.raises(VerificationError, match=r"^model.onnx: the interpreter crashed \(signal 11\)"):
            accuracy(first, np.repeat(images, 100_000, axis=0), np.zeros(100_000, np.int64))
        np.testing.assert_array_equal(second.run(images), expected)
    assert children() == before


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(memory=1 << 20, for_a_byte=0, for_a_pixel=0), r"^model.onnx: it was stopped, because it took .* GB"),
        (Limits(seconds=0.05, to_import=0), r"^model.onnx: it was stopped, because it had no answer"),
    ],
)
def test_a_child_that_takes_too_much_is_stopped(limits: Limits, told: str) -> None:
    with host(isolated=True, limits=limits) as where, pytest.raises(VerificationError, match=told):
        where.open(read_bundle(find_bundle("lenet5-mnist")), "model.onnx")


def test_the_folder_of_the_bundle_is_no_place_for_modules(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle with a module of a well-known name in it, verified from inside of its folder, runs nothing of it."""
    for module in ("json", "numpy", "random"):
        (copy / f"{module}.py").write_text(f"open({str(copy / 'executed')!r}, 'w')\n")
    monkeypatch.chdir(copy)
    report = verify(copy, only=["model.onnx"])
    assert report.problems == []
    assert not (copy / "executed").exists()


def test_another_byte_is_found_before_a_runtime_reads_the_file(copy: Path) -> None:
    content = bytearray((copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.onnx").write_bytes(content)
    bundle = read_bundle(copy)
    for attempt in (
        lambda: predict(copy, [copy / "samples.png"]),
        lambda: open_artifact(bundle, "model.onnx"),
        lambda: classifier_of(bundle, "model.onnx", Here()),
    ):
        with pytest.raises(VerificationError, match=r"model.onnx: it has another sha256"):
            attempt()


def test_what_is_no_probability_is_refused(copy: Path) -> None:
    import onnx
    from onnx import helper

    model = onnx.load(copy / "model.onnx")
    last = next(node for node in model.graph.node if "probabilities" in node.output)
    last.output[:] = ["before"]
    model.graph.initializer.append(helper.make_tensor("thousand", onnx.TensorProto.FLOAT, [], [1000.0]))
    model.graph.node.append(helper.make_node("Mul", ["before", "thousand"], ["probabilities"]))
    onnx.save(model, copy / "model.onnx")
    rehash(copy)
    for isolated in (True, False):
        with pytest.raises(VerificationError, match=r"model.onnx: it gives values from .* which are no probabilities"):
            predict(copy, [copy / "samples.png"], isolated=isolated)


def test_what_bundle_json_does_not_list_is_named(copy: Path) -> None:
    (copy / "training" / "more").mkdir()
    (copy / "own" / "deep").mkdir(parents=True)
    (copy / "own" / "deep" / "file").write_text("x")
    (copy / "escape\x1b[2J.txt").write_text("x")
    (copy / "model.onnx.failed").write_text("x")
    names = {check.file for check in verify(copy, only=None, isolated=False).checks if not check.ok}
    # The card was written for the whole bundle, of which the copy lists a part.
    assert names - {"README.md"} == {"own", "training/more", "escape\\x1b[2J.txt"}


def test_a_child_ends_with_its_block() -> None:
    apart = Apart()
    apart.open(read_bundle(find_bundle("lenet5-mnist")), "model.onnx").run(np.zeros((1, 28, 28, 1), np.uint8))
    assert apart.generation == 0
    apart.end()
    apart.end()
    assert apart.generation == 1
