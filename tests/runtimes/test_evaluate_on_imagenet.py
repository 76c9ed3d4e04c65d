"""ImageNet's validation set in its published layouts, and a bundle on it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from cnnref.cli import app
from cnnref.data.imagenet import validation_pictures
from cnnref.errors import DatasetError

IDENTIFIERS = ("n01440764", "n01443537", "n01484850")
CLASSES = (2, 0, 1, 0)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Four pictures, as they come out of the archive."""
    for number in range(1, 5):
        Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(tmp_path / f"ILSVRC2012_val_{number:08}.JPEG")
    return tmp_path


def caffe(folder: Path) -> None:
    rows = [f"ILSVRC2012_val_{number:08}.JPEG {index}" for number, index in enumerate(CLASSES, start=1)]
    (folder / "val.txt").write_text("\n".join(reversed(rows)) + "\n")


def kaggle(folder: Path) -> None:
    rows = [f"ILSVRC2012_val_{n:08},{IDENTIFIERS[index]} 1 2 3 4 " for n, index in enumerate(CLASSES, start=1)]
    (folder / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]) + "\n")


def tensorflow(folder: Path) -> None:
    (folder / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(IDENTIFIERS[i] for i in CLASSES))


def write_kit(folder: Path, numbers: tuple[int, ...] = (2, 3, 1)) -> None:
    """The development kit: the classes have numbers of their own, and those above them in WordNet have some as well."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.zeros((4, 1), dtype=[("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)])
    for row, number, identifier in zip(rows[:, 0], (*numbers, 1001), (*IDENTIFIERS, "n00001740"), strict=True):
        row["ILSVRC2012_ID"], row["WNID"], row["num_children"] = float(number), identifier, 0.0
    savemat(folder / "meta.mat", {"synsets": rows})
    truth = "".join(f"{numbers[index]}\n" for index in CLASSES)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(truth)


def kit(folder: Path) -> None:
    write_kit(folder / "ILSVRC2012_devkit_t12" / "data")


def folders(folder: Path) -> None:
    for number, index in enumerate(CLASSES, start=1):
        (folder / "val" / IDENTIFIERS[index]).mkdir(parents=True, exist_ok=True)
        name = f"ILSVRC2012_val_{number:08}.JPEG"
        shutil.move(folder / name, folder / "val" / IDENTIFIERS[index] / name)


@pytest.mark.parametrize("layout", [caffe, kaggle, tensorflow, write_kit, kit, folders])
def test_every_published_layout_gives_the_same_pictures_and_classes(flat: Path, layout: Callable[[Path], None]) -> None:
    layout(flat)
    found = validation_pictures(flat, IDENTIFIERS)
    assert {path.name: index for path, index in found} == {
        f"ILSVRC2012_val_{number:08}.JPEG": index for number, index in enumerate(CLASSES, start=1)
    }


def test_what_is_no_validation_set_is_refused(flat: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no validation set .* val\.txt"):
        validation_pictures(flat, IDENTIFIERS)
    (flat / "val.txt").write_text("ILSVRC2012_val_00000009.JPEG 1\n")
    with pytest.raises(DatasetError, match=r"val\.txt is no list .* is missing"):
        validation_pictures(flat, IDENTIFIERS)
    (flat / "val.txt").write_text("ILSVRC2012_val_00000001.JPEG 3\n")
    with pytest.raises(DatasetError, match="there is no class 3"):
        validation_pictures(flat, IDENTIFIERS)


def test_the_numbers_of_the_development_kit_mean_nothing_without_its_table(flat: Path) -> None:
    write_kit(flat)
    table = (flat / "meta.mat").read_bytes()
    (flat / "meta.mat").write_bytes(table[:200])
    with pytest.raises(DatasetError, match=r"ground_truth\.txt is no list .*meta\.mat beside it is damaged"):
        validation_pictures(flat, IDENTIFIERS)
    (flat / "meta.mat").unlink()
    with pytest.raises(DatasetError, match=r"an order of the kit's own, so put meta\.mat of the kit beside it"):
        validation_pictures(flat, IDENTIFIERS)
    (flat / "meta.mat").write_bytes(table)
    (flat / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n2\n3\n4\n")
    with pytest.raises(DatasetError, match=r"meta\.mat has no class number 4"):
        validation_pictures(flat, IDENTIFIERS)


@pytest.mark.usefixtures("lite0_file")
def test_lite0_is_evaluated_on_pictures_laid_out_by_their_identifiers(
    imagenet_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for path in sorted(imagenet_folder.glob("n*.jpg"))[::10]:
        folder = tmp_path / "val" / path.name.partition("_")[0]
        folder.mkdir(parents=True)
        (folder / path.name).symlink_to(path)
    arguments = [
        "evaluate",
        "efficientnet_lite0",
        "--dataset",
        "imagenet",
        "--data-dir",
        str(tmp_path),
        "--file",
        "model.onnx",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "75.10 %" in done.output  # as published
    row = next(line for line in done.output.splitlines() if "model.onnx" in line).split()
    assert row[1] == "50"
    assert float(row[2]) >= 80
