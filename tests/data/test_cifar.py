from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_layouts import (
    as_pictures,
    cifar10_files,
    cifar100_files,
    cifar_records,
    python2_pickle,
    tar_gz,
    write_files,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data import channel_statistics, load
from cnnref.data.cifar import CIFAR10, CIFAR100
from cnnref.data.cifar_formats import binary_records, channels_last
from cnnref.errors import DatasetError

BATCHES = [cifar_records(4, 10, seed) for seed in range(5)]
TEST = cifar_records(4, 10, 5)
TRAIN_100, TEST_100 = cifar_records(15, 100, 6), cifar_records(3, 100, 7)
FOLDERS = {"bin": "cifar-10-batches-bin", "py": "cifar-10-batches-py"}
FOLDERS_100 = {"binary": "cifar-100-binary", "python": "cifar-100-python"}


def assert_holds(dataset: Any, train: Any, test: Any) -> None:
    for images, labels, records in (
        (dataset.train_images, dataset.train_labels, train),
        (dataset.test_images, dataset.test_labels, test),
    ):
        assert images.dtype == np.uint8
        assert labels.dtype == np.int64
        np.testing.assert_array_equal(images, as_pictures(np.concatenate([stored for stored, _ in records])))
        np.testing.assert_array_equal(labels, np.concatenate([label for _, label in records]))


@pytest.mark.parametrize("base", ["", "cifar10/", "cifar-10/", "CIFAR10/"])
@pytest.mark.parametrize("version", ["bin", "py"])
def test_a_folder_of_cifar10_reads_back(tmp_path: Path, base: Any, version: Any) -> None:
    write_files(tmp_path / f"{base}{FOLDERS[version]}", cifar10_files(version, BATCHES, TEST))
    dataset = load("cifar10", tmp_path)
    assert_holds(dataset, BATCHES, [TEST])
    assert dataset.labels == CIFAR10.labels
    assert dataset.source == str(tmp_path / f"{base}{FOLDERS[version]}")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("cifar-10-binary.tar.gz", "bin"),
        ("cifar-10-python.tar.gz", "py"),
        ("cifar-10-batches-py.tar.gz", "py"),
        ("cifar-10-batches-py-target_archive", "py"),
    ],
)
def test_an_archive_of_cifar10_reads_back_and_is_not_unpacked(tmp_path: Path, name: str, version: Any) -> None:
    files = cifar10_files(version, BATCHES, TEST)
    (tmp_path / name).write_bytes(tar_gz({f"{FOLDERS[version]}/{file}": files[file] for file in files}))
    assert_holds(load("cifar10", tmp_path), BATCHES, [TEST])
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("version", ["binary", "python"])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar100_reads_back_with_its_fine_labels(tmp_path: Path, version: Any, packed: Any) -> None:
    files = cifar100_files(version, TRAIN_100, TEST_100)
    folder = FOLDERS_100[version]
    if packed:
        (tmp_path / f"{folder}.tar.gz").write_bytes(tar_gz({f"{folder}/{name}": files[name] for name in files}))
    else:
        write_files(tmp_path / folder, files)
    dataset = load("cifar-100", tmp_path)
    assert_holds(dataset, [TRAIN_100], [TEST_100])
    assert dataset.labels[37] == "class_37"
    assert dataset.classes == 100


def test_a_folder_that_is_the_layout_itself_reads_back(tmp_path: Path) -> None:
    write_files(tmp_path, cifar10_files("py", BATCHES, TEST))
    assert_holds(load("cifar10", tmp_path), BATCHES, [TEST])


def test_the_folder_that_keras_unpacks_into_reads_back(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    write_files(folder, cifar10_files("py", BATCHES, TEST))
    assert_holds(load("cifar10", tmp_path), BATCHES, [TEST])


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_binary_records_are_the_bytes_that_were_written(count: Any, label_bytes: Any, seed: Any) -> None:
    stored, labels = cifar_records(count, 100, seed)
    coarse = np.zeros((count, label_bytes - 1), np.uint8)
    content = np.column_stack([coarse, labels.astype(np.uint8), stored]).tobytes()
    found, found_labels = binary_records(content, "file", label_bytes=label_bytes)
    np.testing.assert_array_equal(found_labels, labels)
    np.testing.assert_array_equal(channels_last(found), as_pictures(stored))


@pytest.mark.parametrize("version", ["bin", "py"])
def test_no_part_of_a_file_passes_for_the_file(tmp_path: Path, version: Any) -> None:
    folder = tmp_path / FOLDERS[version]
    write_files(folder, cifar10_files(version, BATCHES, TEST))
    for path in sorted(folder.glob("*_batch*")):
        whole = path.read_bytes()
        for length in (0, 1, 2, 1000, 3072, 3073, 2 * 3073, 3 * 3073, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(DatasetError, match=rf"{path.name} (is .*cut short|is not a complete pickle)"):
                load("cifar10", tmp_path)
        path.write_bytes(whole)
    load("cifar10", tmp_path)


@pytest.mark.parametrize(("name", "expected", "found"), [("train.bin", 15, 14), ("test.bin", 3, 2)])
def test_a_cifar100_file_that_ends_between_records_is_found_by_the_proportion(
    tmp_path: Path, name: str, expected: Any, found: Any
) -> None:
    files = cifar100_files("binary", TRAIN_100, TEST_100)
    files[name] = files[name][:-3074]
    write_files(tmp_path / "cifar-100-binary", files)
    with pytest.raises(DatasetError, match=f"{name} is cut short .*expected {expected} records, found {found}"):
        load("cifar100", tmp_path)


def test_a_published_count_in_one_file_is_asked_of_all(tmp_path: Path) -> None:
    batches = [(np.zeros((10_000, 3072), np.uint8), np.zeros(10_000, int)), *BATCHES[1:]]
    write_files(tmp_path / FOLDERS["bin"], cifar10_files("bin", batches, TEST))
    with pytest.raises(DatasetError, match=r"data_batch_2\.bin .*expected 10,000 records, found 4\."):
        load("cifar10", tmp_path)


def test_a_binary_file_of_the_wrong_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    files = cifar10_files("bin", BATCHES, TEST)
    files["data_batch_3.bin"] += b"\0"
    write_files(tmp_path / FOLDERS["bin"], files)
    with pytest.raises(DatasetError, match=r"data_batch_3\.bin .*expected a multiple of 3,073 bytes.*, found 12,293\."):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("version", ["bin", "py"])
def test_each_missing_file_is_named_but_the_names_may_be_left_out(tmp_path: Path, version: Any) -> None:
    folder = tmp_path / FOLDERS[version]
    files = cifar10_files(version, BATCHES, TEST)
    write_files(folder, files)
    for name in files:
        (folder / name).unlink()
        if name.startswith("batches.meta"):
            assert load("cifar10", tmp_path).labels == CIFAR10.labels
        else:
            with pytest.raises(DatasetError, match=f"{name} is missing; the (binary|Python) version of CIFAR-10"):
                load("cifar10", tmp_path)
        (folder / name).write_bytes(files[name])


def test_an_empty_folder_with_the_right_name_is_an_error_and_not_an_absence(tmp_path: Path) -> None:
    (tmp_path / FOLDERS["bin"]).mkdir()
    with pytest.raises(DatasetError, match=r"data_batch_1\.bin is missing"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("version", ["bin", "py"])
def test_a_label_out_of_range_is_named_with_its_record(tmp_path: Path, version: Any) -> None:
    stored, labels = BATCHES[2]
    bad = (stored, np.array([*labels[:3], 10]))
    write_files(tmp_path / FOLDERS[version], cifar10_files(version, [*BATCHES[:2], bad, *BATCHES[3:]], TEST))
    with pytest.raises(DatasetError, match=r"data_batch_3\S* has label 10 at record 3; labels go from 0 to 9"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("stored", "labels", "message"),
    [
        (np.zeros((4, 3072), np.uint8), [1, 2, 3], "holds 4 images and .* 3 labels"),
        (
            np.zeros((4, 3071), np.uint8),
            [1] * 4,
            r"expected an array 'data' of shape \[n, 3072\], found \[4, 3071\]",
        ),
        (np.zeros((4, 3, 1024), np.uint8), [1] * 4, r"found \[4, 3, 1024\]"),
        ("text", [1] * 4, r"found none"),
        (np.zeros((4, 3072), np.uint8), ["1"] * 4, "expected a list 'labels' of whole numbers"),
        (
            np.zeros((4, 3072), np.uint8),
            [10**30] * 4,
            "has label 1000000000000000000000000000000 at record 0",
        ),
        (np.zeros((0, 3072), np.uint8), [], "holds no images"),
    ],
)
def test_a_pickle_with_unfit_content_is_refused(tmp_path: Path, stored: Any, labels: Any, message: Any) -> None:
    files = cifar10_files("py", BATCHES, TEST) | {"test_batch": python2_pickle({"data": stored, "labels": labels})}
    write_files(tmp_path / FOLDERS["py"], files)
    with pytest.raises(DatasetError, match=f"test_batch.*{message}"):
        load("cifar10", tmp_path)


def test_a_wrong_number_of_class_names_is_refused(tmp_path: Path) -> None:
    files = cifar10_files("bin", BATCHES, TEST) | {"batches.meta.txt": b"cat\ndog\n"}
    write_files(tmp_path / FOLDERS["bin"], files)
    with pytest.raises(DatasetError, match=r"batches\.meta\.txt: expected 10 names of classes, found 2"):
        load("cifar10", tmp_path)


def test_the_built_in_names_are_those_of_the_published_order() -> None:
    assert CIFAR10.labels.index("frog") == 6
    assert len(set(CIFAR100.labels)) == 100
    assert list(CIFAR100.labels) == sorted(CIFAR100.labels)


@pytest.mark.datasets
def test_the_real_cifar10_is_whole_and_balanced(datasets_folder: Path) -> None:
    dataset = load("cifar10", datasets_folder)
    assert dataset.train_images.shape == (50_000, 32, 32, 3)
    assert dataset.test_images.shape == (10_000, 32, 32, 3)
    assert np.bincount(dataset.train_labels).tolist() == [5_000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1_000] * 10
    means, deviations = channel_statistics(dataset.train_images)
    np.testing.assert_allclose(means, (0.4914, 0.4822, 0.4465), atol=1e-4)
    np.testing.assert_allclose(deviations, (0.2470, 0.2435, 0.2616), atol=1e-4)


@pytest.mark.datasets
def test_a_real_batch_that_lost_its_last_record_is_refused(datasets_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / FOLDERS["bin"]
    folder.mkdir()
    for path in (datasets_folder / FOLDERS["bin"]).iterdir():
        (folder / path.name).symlink_to(path.resolve())
    last = folder / "test_batch.bin"
    content = last.read_bytes()[:-3073]
    last.unlink()
    last.write_bytes(content)
    with pytest.raises(DatasetError, match=r"test_batch\.bin .*expected 10,000 records, found 9,999"):
        load("cifar10", tmp_path)
