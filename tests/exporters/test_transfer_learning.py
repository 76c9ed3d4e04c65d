"""scripts/transfer_learning.py: a body of keras.applications learns a folder of pictures; its files are verified."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnref.exporters.precisions import KINDS
from cnnref.runtimes import read_bundle, read_report

SCRIPT = Path(__file__).parents[2] / "scripts" / "transfer_learning.py"


def learned(pictures: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """What the program says, from random weights and in one epoch at 32x32.

    The body is the narrowest that Keras has: its integer files are the hardest to keep to their share of the bytes.
    """
    options = ["--weights", "none", "--size", "32", "--epochs", "1", "--alpha", "0.35"]
    command = [sys.executable, str(SCRIPT), str(pictures), "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=SCRIPT.parents[1])


@pytest.mark.exhaustive
def test_a_folder_of_pictures_is_learned_exported_in_all_formats_and_verified(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for label, colour in (("grass", (60, 180, 60)), ("sky", (80, 120, 230))):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(np.array(colour) + random.normal(0, 40, (40, 48, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    done = learned(tmp_path / "pictures", tmp_path / "bundle")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Verified and written: {tmp_path / 'bundle'}" in done.stdout
    bundle = read_bundle(tmp_path / "bundle")
    assert list(bundle.labels) == ["grass", "sky"]
    assert not bundle.left_out
    checks = {check["file"]: check for check in read_report(bundle.folder)["checks"]}
    assert {kind.file for kind in KINDS} <= checks.keys()
    assert all(check["ok"] for check in checks.values())


@pytest.mark.exhaustive
def test_a_folder_without_classes_is_answered_in_one_sentence(tmp_path: Path) -> None:
    done = learned(tmp_path, tmp_path / "bundle")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr.splitlines()[-1]
    assert not (tmp_path / "bundle").exists()
