"""`cnnref verify` by the five damages that happen: each is caught and named, and the file loses its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_bundle import Weights, edit, onnx_bytes, rehash, without_saved_model
from typer.testing import CliRunner, Result

from cnnref.cli import app


def flip_a_byte(bundle: Path) -> None:
    content = bytearray((bundle / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 0x10
    (bundle / "model.tflite").write_bytes(content)


def swap_labels(bundle: Path) -> None:
    (bundle / "labels.txt").write_text("ring\ncross\ndot\n")
    rehash(bundle)


def cut_short(bundle: Path) -> None:
    path = bundle / "saved_model" / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-100])


def another_mean(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(onnx_bytes(Weights(mean=0.26)))
    rehash(bundle)


def take_away(bundle: Path) -> None:
    (bundle / "model.onnx").unlink()


def verify(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["verify", str(folder), *more])


@pytest.mark.parametrize(
    ("damage", "file", "words"),
    [
        (flip_a_byte, "model.tflite", "another sha256"),
        (swap_labels, "labels.txt", "label 0 is 'ring'"),
        (cut_short, "saved_model", "it is cut short"),
        (another_mean, "model.onnx", "differs from Keras"),
        (take_away, "model.onnx", "it is missing"),
    ],
)
def test_a_damage_is_named_and_the_file_loses_its_name(
    bundle: Path, damage: Callable[[Path], None], file: str, words: str
) -> None:
    if damage is not cut_short:
        without_saved_model(bundle)
    damage(bundle)
    found = verify(bundle)
    assert found.exit_code == 1
    told = [line for line in found.stderr.splitlines() if line.startswith(f"cnnref: {file}: ")]
    assert any(words in line for line in told), found.stderr
    assert not (bundle / file).exists()
    assert (bundle / f"{file}.failed").exists() == (damage is not take_away)
    report = json.loads((bundle / "report.json").read_text())
    assert not report["ok"]
    assert [check["file"] for check in report["checks"] if not check["ok"]] == [file]


def test_swapped_labels_inside_a_file_are_named(bundle: Path) -> None:
    edit(without_saved_model(bundle), lambda document: document["labels"].reverse())
    found = verify(bundle)
    assert found.exit_code == 1
    assert "model.onnx: embedded labels: label 0 is 'cross', and bundle.json has 'dot'" in found.stderr


def test_a_bundle_that_holds_is_left_as_it_is_but_for_the_report(bundle: Path) -> None:
    without_saved_model(bundle)
    before = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert verify(bundle).exit_code == 0
    after = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    report = json.loads(after.pop(bundle / "report.json"))
    assert after == before
    by_file = {check["file"]: check for check in report["checks"]}
    assert by_file["model.onnx"]["operators"]["Conv"] == 1
    assert by_file["model.tflite"]["partitions"] == 1
    assert all(by_file[name]["load_ms"] > 0 for name in ("model.onnx", "model.tflite"))
    assert by_file["model.onnx"]["agreement"] == 1


def test_a_folder_that_cannot_be_written_is_still_verified(bundle: Path) -> None:
    (without_saved_model(bundle) / "report.json" / "in the way").mkdir(parents=True)
    found = verify(bundle)
    assert found.exit_code == 1
    assert "report.json: it cannot be read, or is not as a verification wrote it" in found.stderr
    assert found.stdout.count("failed") == 1
    assert f"{bundle} cannot be written (Is a directory)" in found.stderr


def test_a_changed_card_keeps_its_name(bundle: Path) -> None:
    (without_saved_model(bundle) / "README.md").write_text("# Mine\n")
    assert verify(bundle).exit_code == 1
    assert (bundle / "README.md").read_text() == "# Mine\n"
