"""A folder of pictures that is larger than memory gives the same data set out of its cache."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref.data import channel_statistics, load
from cnnref.data.augmentation import Augmentation
from cnnref.data.batches import BatchPlan
from cnnref.errors import DatasetError, InputError
from cnnref.pictures import write_picture
from cnnref.stored_pictures import StoredPictures, write_pictures

SHAPE = (6, 8, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of noisy pictures, in two sizes."""
    random = np.random.default_rng(0)
    for label, count in (("cat", 30), ("dog", 20)):
        for number in range(count):
            picture = random.integers(0, 256, (6 + number % 2, 8, 3)).astype(np.uint8)
            write_picture(tmp_path / "pictures" / label / f"{number}.png", picture)
    return tmp_path / "pictures"


@pytest.fixture
def nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNREF_FOLDER_MEGABYTES", "0")


def read(folder: Path) -> Any:
    return load(f"folder:{folder}", image_shape=SHAPE, cache=folder.parent / "cache", quiet=True)


def files_of(folder: Path) -> dict[str, int]:
    """The files of all caches beside a folder, and their inodes, which change when a file is written anew."""
    return {str(path): path.stat().st_ino for path in sorted((folder.parent / "cache").rglob("*")) if path.is_file()}


def test_the_cache_gives_what_memory_gives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = read(folder)
    assert isinstance(held.train_images, np.ndarray)
    assert not files_of(folder)
    monkeypatch.setenv("CNNREF_FOLDER_MEGABYTES", "0")
    for _ in range(2):  # made, and found
        stored = read(folder)
        assert isinstance(stored.train_images, StoredPictures)
        for part in ("train_images", "train_labels", "test_images", "test_labels"):
            np.testing.assert_array_equal(np.asarray(getattr(stored, part)), getattr(held, part))
        assert (stored.image_shape, stored.labels, stored.name) == (held.image_shape, held.labels, held.name)
    assert channel_statistics(stored.train_images) == channel_statistics(held.train_images)
    for ours, theirs in zip(stored.split(7, seed=1), held.split(7, seed=1), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), theirs)
    assert isinstance(stored.split(7, seed=1)[0], StoredPictures)
    plan = BatchPlan(stored.train_images.shape, 5, 3, Augmentation(flip=True, translate=1))
    for ours, theirs in zip(
        plan.batches(stored.train_images, stored.train_labels, 4, 12),
        plan.batches(held.train_images, held.train_labels, 4, 12),
        strict=True,
    ):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("nothing_in_memory")
def test_train_and_test_folders_and_other_sizes_have_their_own_cache(folder: Path) -> None:
    (folder / "train").mkdir()
    for label in ("cat", "dog"):
        (folder / "test" / label).mkdir(parents=True)
        (folder / label / "0.png").rename(folder / "test" / label / "0.png")
        (folder / label).rename(folder / "train" / label)
    assert (len(read(folder).train_images), len(read(folder).test_images)) == (48, 2)
    load(f"folder:{folder}", image_shape=(4, 4, 1), cache=folder.parent / "cache", quiet=True)
    assert len(list((folder.parent / "cache").iterdir())) == 2


@pytest.mark.usefixtures("nothing_in_memory")
@pytest.mark.parametrize("change", ["other", "more", "fewer", "later", "shorter", "nonsense", "missing"])
def test_the_cache_is_made_anew_exactly_when_something_has_changed(folder: Path, change: str) -> None:
    before = read(folder)
    made, wanted = files_of(folder), 50
    read(folder)
    assert files_of(folder) == made
    picture = folder / "cat" / "3.png"
    train = next((folder.parent / "cache").rglob("train.npy"))
    if change == "other":
        write_picture(picture, np.zeros(SHAPE, np.uint8))
    elif change == "more":
        write_picture(folder / "cat" / "new.png", np.zeros(SHAPE, np.uint8))
        wanted = 51
    elif change == "fewer":
        picture.unlink()
        wanted = 49
    elif change == "later":
        os.utime(picture, (1, 1))
    elif change == "shorter":
        train.write_bytes(train.read_bytes()[:-1])
    elif change == "nonsense":
        train.with_name("index.json").write_text("[]")
    else:
        train.unlink()
    after = read(folder)
    assert len(after.train_images) + len(after.test_images) == wanted
    assert not set(files_of(folder).values()) & set(made.values()) or change in ("shorter", "nonsense", "missing")
    assert len(list((folder.parent / "cache").iterdir())) == 1  # nothing half-written, and nothing old
    if change == "shorter":
        with pytest.raises(DatasetError, match="changed while it was in use"):
            np.asarray(before.train_images)
    else:  # what is open stays as it was
        assert len(np.asarray(before.train_images)) == len(before.train_labels)
    if change not in ("shorter", "missing"):
        left = np.concatenate([np.asarray(after.train_images), np.asarray(after.test_images)])
        assert (left == 0).all(axis=(1, 2, 3)).sum() == (change in ("other", "more"))


@pytest.mark.usefixtures("nothing_in_memory")
def test_a_damaged_picture_is_named_and_leaves_no_cache(folder: Path) -> None:
    picture = folder / "dog" / "7.png"
    picture.write_bytes(picture.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"dog/7\.png is damaged or cut short"):
        read(folder)
    assert not list((folder.parent / "cache").iterdir())


@pytest.mark.usefixtures("nothing_in_memory")
def test_a_relative_path_finds_the_same_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(folder)
    before = files_of(folder)
    monkeypatch.chdir(folder.parent)
    load(f"folder:{folder.name}", image_shape=SHAPE, cache=folder.parent / "cache", quiet=True)
    assert files_of(folder) == before


def test_a_cache_without_damaged_pictures_gives_what_memory_gives_and_is_not_for_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "dog" / "7.png").write_bytes(b"no picture")
    (folder / "dog" / "8.png").unlink()
    (folder / "dog" / "8.png").symlink_to("gone.png")
    cache = folder.parent / "cache"
    memory = load(f"folder:{folder}", image_shape=SHAPE, skip_bad=True)
    monkeypatch.setenv("CNNREF_FOLDER_MEGABYTES", "0")
    for _ in range(2):  # made, and found again
        cached = load(f"folder:{folder}", image_shape=SHAPE, cache=cache, quiet=True, skip_bad=True)
        assert cached.skipped == memory.skipped
        assert [one.partition(":")[0] for one in cached.skipped] == ["dog/7.png", "dog/8.png"]
        assert cached.sha256() == memory.sha256()
    with pytest.raises(InputError, match=r"dog/7\.png.*\n.*dog/8\.png: it is a link to nothing"):
        read(folder)


@pytest.mark.usefixtures("nothing_in_memory")
def test_the_cache_is_said_unless_it_is_to_be_quiet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(f"folder:{folder}", image_shape=SHAPE, cache=folder.parent / "cache")
    assert "Decoding 50 pictures once into" in capsys.readouterr().err
    read(folder)
    assert capsys.readouterr().err == ""


def test_what_is_no_number_of_megabytes_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNREF_FOLDER_MEGABYTES", "many")
    with pytest.raises(InputError, match="CNNREF_FOLDER_MEGABYTES is 'many'; give a whole number"):
        read(folder)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3, 4, 3), np.float32), np.zeros((2, 3), np.uint8)], ids=["type", "shape"]
)
def test_a_file_of_other_arrays_is_refused(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "other.npy", array)
    with pytest.raises(DatasetError, match=r"other\.npy does not hold pictures"):
        StoredPictures(tmp_path / "other.npy")


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 9),
    mask=st.lists(st.booleans(), min_size=9, max_size=9),
    first=st.integers(-12, 12),
    last=st.integers(-12, 12),
    rows=st.lists(st.integers(0, 8), max_size=5),
)
def test_stored_pictures_are_indexed_like_an_array(
    tmp_path_factory: pytest.TempPathFactory, count: int, mask: Any, first: int, last: int, rows: Any
) -> None:
    path = tmp_path_factory.mktemp("stored") / "pictures.npy"
    array = np.random.default_rng(count).integers(0, 256, (count, 2, 3, 1)).astype(np.uint8)
    write_pictures(path, (2, 3, 1), count, array)
    np.testing.assert_array_equal(np.load(path), array)
    whole, chosen = StoredPictures(path), np.array(mask[:count], bool)
    for stored, expected in ((whole, array), (whole.part(chosen), array[chosen])):
        assert (len(stored), stored.shape, stored.size) == (len(expected), expected.shape, expected.size)
        np.testing.assert_array_equal(np.asarray(stored), expected)
        np.testing.assert_array_equal(stored[first:last], expected[first:last])
        inside = np.array([row for row in rows if row < len(expected)], np.int64)
        np.testing.assert_array_equal(stored[inside], expected[inside])
        again = np.arange(len(expected)) % 2 == 0
        np.testing.assert_array_equal(np.asarray(stored.part(again)), expected[again])
