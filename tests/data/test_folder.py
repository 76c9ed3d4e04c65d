import numpy as np
import pytest

from cnnref.data import load
from cnnref.errors import DatasetError, InputError
from cnnref.pictures import write_picture


def picture(value, height=6, width=8):
    return np.full((height, width, 3), value, np.uint8)


def write_class(folder, values, suffix=".png"):
    for index, value in enumerate(values):
        write_picture(folder / f"{index}{suffix}", picture(value))


@pytest.fixture
def folder(tmp_path):
    """Two classes, cat (0 to 9) and dog (100 to 104)."""
    write_class(tmp_path / "dog", range(100, 105))
    write_class(tmp_path / "cat", range(10))
    return tmp_path


def values(images):
    return images[:, 0, 0, 0].tolist()


def test_classes_are_the_sorted_folders_and_a_fifth_of_each_is_the_test_part(folder):
    dataset = load(f"folder:{folder}", image_shape=(6, 8, 3))
    assert dataset.labels == ("cat", "dog")
    assert np.bincount(dataset.test_labels).tolist() == [2, 1]
    assert np.bincount(dataset.train_labels).tolist() == [8, 4]
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        assert [value >= 100 for value in values(images)] == [bool(label) for label in labels]
    assert sorted(values(dataset.train_images) + values(dataset.test_images)) == [
        *range(10),
        *range(100, 105),
    ]
    again = load(f"folder:{folder}", image_shape=(6, 8, 3))
    np.testing.assert_array_equal(again.test_images, dataset.test_images)


@pytest.mark.parametrize("test", ["test", "val"])
def test_train_and_test_folders_are_the_parts(tmp_path, test):
    write_class(tmp_path / "train/cat", [1, 2])
    write_class(tmp_path / "train/dog", [3, 4, 5])
    write_class(tmp_path / test / "cat", [6])
    write_class(tmp_path / test / "dog", [7])
    dataset = load(f"folder:{tmp_path}")
    assert (values(dataset.train_images), dataset.train_labels.tolist()) == ([1, 2, 3, 4, 5], [0, 0, 1, 1, 1])
    assert (values(dataset.test_images), dataset.test_labels.tolist()) == ([6, 7], [0, 1])


def test_the_shape_is_as_asked_or_that_of_the_first_picture(folder):
    write_picture(folder / "dog" / "9.png", picture(9, 30, 40))
    assert load(f"folder:{folder}").image_shape == (6, 8, 3)
    assert load(f"folder:{folder}", image_shape=(5, 4, 1)).image_shape == (5, 4, 1)
    with pytest.raises(InputError, match="channels is 1"):
        load(f"folder:{folder}", image_shape=(5, 4, 2))


def test_hidden_files_and_folders_are_passed_over(folder):
    (folder / ".git").mkdir()
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / "README.md").write_text("beside the classes")
    assert len(load(f"folder:{folder}").train_labels) == 12


def remove(path):
    for child in path.iterdir():
        child.unlink()


def no_picture(folder):
    (folder / "cat" / "notes.txt").write_text("x")


def damaged(folder):
    path = folder / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])


def stray(folder):
    write_picture(folder / "stray.png", picture(1))


def nested(folder):
    (folder / "cat" / "more.png").mkdir()


def empty_class(folder):
    remove(folder / "dog")


def lonely(folder):
    empty_class(folder)
    write_picture(folder / "dog" / "0.png", picture(1))


def one_class(folder):
    empty_class(folder)
    (folder / "dog").rmdir()


def no_class(folder):
    one_class(folder)
    remove(folder / "cat")
    (folder / "cat").rmdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_picture, r"notes\.txt is no picture"),
        (damaged, r"0\.png is damaged or cut short"),
        (stray, r"stray\.png is in no class"),
        (nested, r"more\.png is no picture"),
        (empty_class, "dog holds no pictures; a class needs at least 2"),
        (lonely, "dog holds 1 picture; a class needs at least 2"),
        (one_class, "has 1 class folder; it needs"),
        (no_class, "has no class folders; it needs"),
    ],
)
def test_an_unfit_folder_is_refused_by_name(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message):
        load(f"folder:{folder}")


def test_parts_with_different_classes_are_refused(tmp_path):
    for part, classes in (("train", ["cat", "dog"]), ("test", ["cat", "cow"])):
        for name in classes:
            write_class(tmp_path / part / name, [1, 2])
    with pytest.raises(DatasetError, match="must hold the same classes; only one has cow, dog"):
        load(f"folder:{tmp_path}")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere is not a folder"):
        load(f"folder:{tmp_path / 'nowhere'}")
