import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_layouts import idx_bytes, mnist_arrays, write_mnist_idx

from cnnref.data import channel_statistics, load
from cnnref.errors import DatasetError


def assert_holds(dataset: Any, arrays: Any) -> None:
    for found, key in (
        (dataset.train_images[..., 0], "x_train"),
        (dataset.train_labels, "y_train"),
        (dataset.test_images[..., 0], "x_test"),
        (dataset.test_labels, "y_test"),
    ):
        np.testing.assert_array_equal(found, arrays[key])
    assert dataset.train_images.dtype == dataset.test_images.dtype == np.uint8
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == np.int64
    assert dataset.image_shape == (28, 28, 1)


@pytest.mark.parametrize("base", [".", "mnist", "MNIST/raw", "MNIST"])
@pytest.mark.parametrize("layout", ["npz", "idx", "idx.gz", "dotted", "dotted.gz"])
def test_every_layout_of_mnist_reads_back(tmp_path: Path, base: Any, layout: Any) -> None:
    arrays = mnist_arrays()
    folder = tmp_path / base
    folder.mkdir(parents=True, exist_ok=True)
    if layout == "npz":
        np.savez(folder / "mnist.npz", **arrays)
    else:
        write_mnist_idx(folder, arrays, mark="." if "dotted" in layout else "-", gzipped=layout.endswith("gz"))
    dataset = load("mnist", tmp_path)
    assert_holds(dataset, arrays)
    assert dataset.name == "mnist"
    assert dataset.labels == tuple("0123456789")
    assert dataset.source.startswith(str(folder))


@pytest.mark.parametrize("base", [".", "fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "FashionMNIST"])
@pytest.mark.parametrize("layout", ["fashion_mnist.npz", "fashion-mnist.npz", "idx"])
def test_every_layout_of_fashion_mnist_reads_back(tmp_path: Path, base: Any, layout: Any) -> None:
    arrays = mnist_arrays()
    (tmp_path / base).mkdir(parents=True, exist_ok=True)
    if layout == "idx":
        write_mnist_idx(tmp_path / base, arrays, gzipped=True)
    else:
        np.savez(tmp_path / base / layout, **arrays)
    dataset = load("fashion-mnist", tmp_path)
    assert_holds(dataset, arrays)
    assert dataset.labels[0] == "T-shirt/top"
    assert dataset.labels[9] == "Ankle boot"


def test_each_set_prefers_the_folder_that_bears_its_name(tmp_path: Path) -> None:
    ours, other = mnist_arrays(seed=1), mnist_arrays(seed=2)
    write_mnist_idx(tmp_path, other)
    write_mnist_idx(tmp_path / "mnist", ours)
    assert_holds(load("mnist", tmp_path), ours)
    write_mnist_idx(tmp_path / "fashion-mnist", ours)
    assert_holds(load("fashion_mnist", tmp_path), ours)


@pytest.mark.parametrize(
    ("asked", "labels", "message"),
    [
        (
            "mnist",
            np.arange(60_000) % 10,
            "holds the labels of Fashion-MNIST, not of MNIST: each class has exactly",
        ),
        (
            "fashion_mnist",
            np.arange(60_000) ** 2 % 10,
            "holds the labels of MNIST, not of Fashion-MNIST: each class has not exactly 6,000",
        ),
    ],
)
def test_a_whole_set_under_the_name_of_the_other_is_refused(
    tmp_path: Path, asked: Any, labels: Any, message: Any
) -> None:
    arrays = mnist_arrays()
    arrays |= {"x_train": np.zeros((60_000, 28, 28), np.uint8), "y_train": labels.astype(np.uint8)}
    write_mnist_idx(tmp_path, arrays)
    with pytest.raises(DatasetError, match=message) as error:
        load(asked, tmp_path)
    assert "train-labels-idx1-ubyte" in str(error.value)
    assert "fashion-mnist/" in str(error.value)


@pytest.mark.parametrize("gzipped", [False, True])
def test_no_part_of_an_idx_file_passes_for_the_file(tmp_path: Path, gzipped: Any) -> None:
    write_mnist_idx(tmp_path, mnist_arrays(3, 2), gzipped=gzipped)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for length in {
            0,
            1,
            3,
            4,
            8,
            15,
            16,
            800,
            len(whole) // 2,
            len(whole) - 9,
            len(whole) - 8,
            len(whole) - 1,
        }:
            if length < len(whole):
                path.write_bytes(whole[:length])
                with pytest.raises(DatasetError, match=path.name):
                    load("mnist", tmp_path)
        path.write_bytes(whole)
    load("mnist", tmp_path)


def test_a_flipped_bit_in_a_gz_file_is_found_by_the_crc(tmp_path: Path) -> None:
    write_mnist_idx(tmp_path, mnist_arrays(), gzipped=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), 0))  # stored, so that it still inflates
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz is not a complete gzip file: CRC check failed"):
        load("mnist", tmp_path)


def test_each_missing_idx_file_is_named(tmp_path: Path) -> None:
    write_mnist_idx(tmp_path, mnist_arrays())
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(DatasetError, match=f"has no {path.name} "):
            load("mnist", tmp_path)
        path.write_bytes(content)


def test_images_and_labels_of_different_counts_are_named(tmp_path: Path) -> None:
    write_mnist_idx(tmp_path, mnist_arrays())
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(9, np.uint8)))
    with pytest.raises(DatasetError, match=r"images-idx3-ubyte holds 10 images and .*labels-idx1-ubyte 9 labels"):
        load("mnist", tmp_path)


def test_a_label_out_of_range_is_named_with_its_record(tmp_path: Path) -> None:
    arrays = mnist_arrays()
    arrays["y_train"][7] = 10
    write_mnist_idx(tmp_path, arrays)
    with pytest.raises(DatasetError, match=r"train-labels-idx1-ubyte has label 10 at record 7; labels go from 0 to 9"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "x_train",
            np.zeros((20, 28, 28), np.float32),
            "x_train in .*expected uint8 images of 28x28, found float32",
        ),
        ("x_test", np.zeros((10, 28, 27), np.uint8), r"x_test in .*found uint8 \[10, 28, 27\]"),
        ("x_test", np.zeros(10, np.uint8), r"x_test in .*found uint8 \[10\]"),
        (
            "y_train",
            np.zeros(20, np.float64),
            "y_train in .*expected one row of whole numbers, found float64",
        ),
        ("y_train", np.zeros((20, 1), np.uint8), r"y_train in .*found uint8 \[20, 1\]"),
        ("y_test", np.full(10, -1), "y_test in .* has label -1 at record 0"),
        ("y_test", np.zeros(11, np.uint8), "x_test in .* holds 10 images and y_test in .* 11 labels"),
        ("x_train", np.zeros((0, 28, 28), np.uint8), "x_train in .* holds 0 images"),
    ],
)
def test_an_npz_with_unfit_arrays_is_refused(tmp_path: Path, key: Any, value: Any, message: Any) -> None:
    np.savez(tmp_path / "mnist.npz", **(mnist_arrays() | {key: value}))
    with pytest.raises(DatasetError, match=message):
        load("mnist", tmp_path)


def test_a_set_without_images_is_refused(tmp_path: Path) -> None:
    write_mnist_idx(tmp_path, mnist_arrays(20, 0))
    with pytest.raises(DatasetError, match="t10k-images-idx3-ubyte holds no images"):
        load("mnist", tmp_path)


@pytest.mark.datasets
def test_the_real_mnist_is_whole_and_in_its_order(datasets_folder: Path) -> None:
    dataset = load("mnist", datasets_folder)
    assert dataset.train_images.shape == (60_000, 28, 28, 1)
    assert dataset.test_images.shape == (10_000, 28, 28, 1)
    assert dataset.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    (mean,), (deviation,) = channel_statistics(dataset.train_images)
    assert (round(mean, 4), round(deviation, 4)) == (0.1307, 0.3081)
