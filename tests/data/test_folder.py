import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnref.data import load
from cnnref.data.folder import held_out
from cnnref.errors import DatasetError, InputError
from cnnref.pictures import write_picture


def picture(value: Any, height: Any = 6, width: Any = 8) -> Any:
    return np.full((height, width, 3), value, np.uint8)


def write_class(folder: Any, values: Any, suffix: Any = ".png") -> None:
    for index, value in enumerate(values):
        write_picture(folder / f"{index}{suffix}", picture(value))


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Two classes, cat (0 to 9) and dog (100 to 104)."""
    write_class(tmp_path / "dog", range(100, 105))
    write_class(tmp_path / "cat", range(10))
    return tmp_path


def values(images: Any) -> Any:
    return images[:, 0, 0, 0].tolist()


def sides(path: Any) -> Any:
    """Value of a picture -> the sides that it and its copies are on."""
    dataset = load(f"folder:{path}", image_shape=(6, 8, 3))
    found = {}
    for side, images in (("train", dataset.train_images), ("test", dataset.test_images)):
        for value in values(images):
            found.setdefault(value, set()).add(side)
    return found


def test_classes_are_the_sorted_folders_and_every_picture_is_in_one_part(folder: Any) -> None:
    dataset = load(f"folder:{folder}", image_shape=(6, 8, 3))
    assert dataset.labels == ("cat", "dog")
    for images, labels in (
        (dataset.train_images, dataset.train_labels),
        (dataset.test_images, dataset.test_labels),
    ):
        assert set(labels) == {0, 1}
        assert [value >= 100 for value in values(images)] == [bool(label) for label in labels]
    assert sorted(values(dataset.train_images) + values(dataset.test_images)) == [
        *range(10),
        *range(100, 105),
    ]


def test_the_division_is_the_same_everywhere(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", range(20), ".bmp")  # whose bytes no library chooses
    write_class(tmp_path / "dog", range(100, 120), ".bmp")
    assert sorted(values(load(f"folder:{tmp_path}").test_images)) == [13, 103, 112, 113, 116, 119]


def test_other_pictures_and_other_names_move_no_picture(tmp_path: Path) -> None:
    write_class(tmp_path / "cat", range(40), ".bmp")
    write_class(tmp_path / "dog", range(100, 140), ".bmp")
    before = sides(tmp_path)
    write_class(tmp_path / "cow", range(200, 210), ".bmp")
    for value in range(50, 60):
        write_picture(tmp_path / "cat" / f"a{value}.bmp", picture(value))
    for number in range(10):
        (tmp_path / "dog" / f"{number}.bmp").unlink()
    (tmp_path / "dog" / "20.bmp").rename(tmp_path / "dog" / "first.bmp")
    after = sides(tmp_path)
    assert after.keys() == {*range(40), *range(50, 60), *range(110, 140), *range(200, 210)}
    assert {value: side for value, side in after.items() if value in before} == {
        value: side for value, side in before.items() if value in after
    }


@settings(max_examples=12, deadline=None)
@given(copies=st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["cat", "dog"])), max_size=12))
def test_copies_of_a_picture_are_in_one_part_whatever_class_they_are_in(
    tmp_path_factory: pytest.TempPathFactory, copies: Any
) -> None:
    folder = tmp_path_factory.mktemp("copies")
    write_class(folder / "cat", range(15), ".bmp")
    write_class(folder / "dog", range(15, 30), ".bmp")
    for number, (value, label) in enumerate(copies):
        write_picture(folder / label / f"copy{number}.bmp", picture(value))
    found = sides(folder)
    shutil.rmtree(folder)
    assert found.keys() == set(range(30))
    assert all(len(side) == 1 for side in found.values())


TEXT = st.integers(0, 255).map("{:02x}".format)


@st.composite
def classes_and_one_more(draw: Any) -> Any:
    """Classes of two texts or more that share none, the class that one more is for, and this one."""
    texts = draw(st.lists(TEXT, min_size=5, max_size=30, unique=True))
    cut = draw(st.integers(2, len(texts) - 3))
    return {"cat": set(texts[:cut]), "dog": set(texts[cut:-1])}, draw(st.sampled_from(["cat", "dog"])), texts[-1]


def natural(texts: Any) -> Any:
    """Whether a class has pictures on both sides by itself."""
    low = [int(text, 16) < 256 / 5 for text in texts]
    return any(low) and not all(low)


@settings(max_examples=300, deadline=None)
@given(classes_and_one_more())
def test_one_picture_more_or_less_moves_no_other_but_in_a_class_that_lacked_a_side(case: Any) -> None:
    classes, label, text = case
    fewer, more = held_out(classes), held_out({**classes, label: classes[label] | {text}})
    moved = (fewer ^ more) - {text}
    assert moved <= classes[label]
    assert len(moved) <= (0 if natural(classes[label]) else 1)


@settings(max_examples=100, deadline=None)
@given(classes_and_one_more())
def test_every_class_has_pictures_on_both_sides(case: Any) -> None:
    held = held_out(case[0])
    for texts in case[0].values():
        assert texts & held
        assert texts - held


def test_a_fifth_of_many_pictures_is_held_out() -> None:
    texts = {hashlib.sha256(bytes([number % 256, number // 256])).hexdigest() for number in range(5000)}
    assert len(held_out({"all": texts})) == pytest.approx(1000, abs=3 * (5000 * 0.2 * 0.8) ** 0.5)


@pytest.mark.parametrize("test", ["test", "val", "valid", "validation"])
def test_train_and_test_folders_are_the_parts(tmp_path: Path, test: Any) -> None:
    write_class(tmp_path / "train/cat", [1, 2])
    write_class(tmp_path / "train/dog", [3, 4, 5])
    write_class(tmp_path / test / "cat", [6])
    write_class(tmp_path / test / "dog", [7])
    dataset = load(f"folder:{tmp_path}")
    assert (values(dataset.train_images), dataset.train_labels.tolist()) == ([1, 2, 3, 4, 5], [0, 0, 1, 1, 1])
    assert (values(dataset.test_images), dataset.test_labels.tolist()) == ([6, 7], [0, 1])


def test_the_shape_is_as_asked_or_that_of_the_first_picture(folder: Any) -> None:
    write_picture(folder / "dog" / "9.png", picture(9, 30, 40))
    assert load(f"folder:{folder}").image_shape == (6, 8, 3)
    assert load(f"folder:{folder}", image_shape=(5, 4, 1)).image_shape == (5, 4, 1)
    with pytest.raises(InputError, match="channels is 1"):
        load(f"folder:{folder}", image_shape=(5, 4, 2))


def test_hidden_files_and_folders_and_those_of_windows_are_passed_over(folder: Any) -> None:
    (folder / ".git").mkdir()
    for name in ("Thumbs.db", "desktop.ini", "Desktop.ini"):
        (folder / "dog" / name).write_bytes(b"x")
        (folder / name).write_bytes(b"x")
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / "README.md").write_text("beside the classes")
    dataset = load(f"folder:{folder}")
    assert len(dataset.train_labels) + len(dataset.test_labels) == 15


def remove(path: Any) -> None:
    for child in path.iterdir():
        child.unlink()


def no_picture(folder: Any) -> None:
    (folder / "cat" / "notes.txt").write_text("x")


def damaged(folder: Any) -> None:
    path = folder / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])


def stray(folder: Any) -> None:
    write_picture(folder / "stray.png", picture(1))


def nested(folder: Any) -> None:
    (folder / "cat" / "more.png").mkdir()


def empty_class(folder: Any) -> None:
    remove(folder / "dog")


def all_the_same(folder: Any) -> None:
    empty_class(folder)
    write_class(folder / "dog", [1, 1, 1])


def the_same_in_both(folder: Any) -> None:
    """a and b, b and c, c and a: no division has each class on both sides."""
    for label, pair in (("cat", (1, 2)), ("dog", (2, 3)), ("cow", (3, 1))):
        if (folder / label).is_dir():
            remove(folder / label)
        write_class(folder / label, pair)


def lonely(folder: Any) -> None:
    empty_class(folder)
    write_picture(folder / "dog" / "0.png", picture(1))


def one_class(folder: Any) -> None:
    empty_class(folder)
    (folder / "dog").rmdir()


def no_class(folder: Any) -> None:
    one_class(folder)
    remove(folder / "cat")
    (folder / "cat").rmdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_picture, r"notes\.txt is not a picture"),
        (damaged, r"0\.png is damaged or cut short"),
        (stray, r"stray\.png is in no class"),
        (nested, r"more\.png is not a picture"),
        (empty_class, "dog holds no pictures; a class needs at least 2"),
        (lonely, "dog holds 1 picture; a class needs at least 2"),
        (all_the_same, "dog has 3 pictures and too few different ones for a training and a test part"),
        (the_same_in_both, "has 2 pictures and too few different ones"),
        (one_class, "has 1 class folder; it needs"),
        (no_class, "has no class folders; it needs"),
    ],
)
def test_an_unfit_folder_is_refused_by_name(folder: Any, spoil: Any, message: Any) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=message):
        load(f"folder:{folder}")


@pytest.mark.parametrize("kind", ["pipe", "device", "disk"])
def test_what_is_no_file_of_the_size_of_a_picture_is_not_read(folder: Any, kind: str) -> None:
    place = folder / "cat" / "0.png"
    place.unlink()
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "device":
            place.symlink_to("/dev/zero")
        case _:
            place.touch()
            os.truncate(place, 2**40)
    with pytest.raises(InputError, match="it is not read"):
        load(f"folder:{folder}", image_shape=(6, 8, 3))


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", os.fsdecode(b"\xff")])
def test_a_name_with_hidden_characters_is_refused_and_shown_escaped(folder: Any, name: str) -> None:
    (folder / "dog").rename(folder / name)
    with pytest.raises(DatasetError, match="whose name has hidden characters") as refusal:
        load(f"folder:{folder}")
    assert str(refusal.value).isprintable()


def test_all_files_that_cannot_be_read_are_in_one_message(folder: Any) -> None:
    for bad in ("cat/0.png", "cat/9.png", "dog/2.png"):
        (folder / bad).write_bytes((folder / bad).read_bytes()[:40])
    with pytest.raises(InputError, match="3 pictures cannot be read:") as refusal:
        load(f"folder:{folder}", image_shape=(6, 8, 3))
    lines = str(refusal.value).splitlines()
    assert len(lines) == 4
    for bad in ("cat/0.png", "cat/9.png", "dog/2.png"):
        assert sum(str(folder / bad) in line for line in lines) == 1
    for number in range(30):
        (folder / "cat" / f"note{number}.txt").write_text("")
    told = "33 entries are not pictures or cannot be read, and a class folder may hold only"
    with pytest.raises(InputError, match=told) as refusal:
        load(f"folder:{folder}")
    lines = str(refusal.value).splitlines()
    assert lines[1].startswith(f"  {folder / 'cat' / '0.png'} is not a picture (BMP")
    assert lines[-1] == "  and 13 more"


def test_what_cannot_be_read_is_left_out_and_named_where_that_is_asked_for(folder: Any) -> None:
    whole = load(f"folder:{folder}", image_shape=(6, 8, 3))
    (folder / "cat" / "0.png").write_bytes((folder / "cat" / "0.png").read_bytes()[:40])
    (folder / "dog" / "note.txt").write_text("")
    (folder / "dog" / "more").mkdir()
    (folder / "cat" / "9.png").write_bytes(b"")
    left = load(f"folder:{folder}", skip_bad=True)
    assert whole.skipped == ()
    assert [one.partition(": ")[0] for one in left.skipped] == ["cat/0.png", "cat/9.png", "dog/more", "dog/note.txt"]
    assert left.skipped[2].endswith(": it is not a picture")
    for side in ("train_images", "test_images"):  # no other picture moves to the other part
        assert values(getattr(left, side)) == [v for v in values(getattr(whole, side)) if v not in (0, 9)]


def test_a_class_of_which_too_little_is_left_is_refused(folder: Any) -> None:
    for number in range(4):
        (folder / "dog" / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="The class dog keeps 1 picture without those that cannot be read"):
        load(f"folder:{folder}", image_shape=(6, 8, 3), skip_bad=True)


def test_tiff_is_read(folder: Any) -> None:
    Image.fromarray(np.full((6, 8, 3), 77, np.uint8)).save(folder / "cat" / "more.tiff")
    dataset = load(f"folder:{folder}", image_shape=(6, 8, 3))
    assert 77 in values(dataset.train_images) + values(dataset.test_images)


def test_parts_with_different_classes_are_refused(tmp_path: Path) -> None:
    for part, classes in (("train", ["cat", "dog"]), ("test", ["cat", "cow"])):
        for name in classes:
            write_class(tmp_path / part / name, [1, 2])
    with pytest.raises(DatasetError, match="must hold the same classes; only one has cow, dog"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize("parts", [["test", "val"], ["val", "valid"], ["test", "valid", "validation"]])
def test_two_folders_beside_train_are_refused(tmp_path: Path, parts: Any) -> None:
    for part in ("train", *parts):
        write_class(tmp_path / part / "cat", [1, 2])
        write_class(tmp_path / part / "dog", [3, 4])
    found, others = " and ".join(parts), " and ".join(parts[1:])
    wanted = f"has {found} beside train, .*; keep {parts[0]}, and move the pictures of {others} into train, where"
    with pytest.raises(DatasetError, match=wanted):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize("filled", [True, False])
def test_train_alone_is_answered_with_what_is_missing(tmp_path: Path, filled: Any) -> None:
    (tmp_path / "train").mkdir()
    if filled:
        write_class(tmp_path / "train" / "cat", [1, 2])
        write_class(tmp_path / "train" / "dog", [3, 4])
    with pytest.raises(DatasetError, match=r"has train and no test; add a folder test .*, or give .*train to have"):
        load(f"folder:{tmp_path}")
    if filled:
        assert load(f"folder:{tmp_path / 'train'}").labels == ("cat", "dog")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for label in ("bus", "test", "train"):
        write_class(tmp_path / label, [1, 2, 3])
    assert load(f"folder:{tmp_path}").labels == ("bus", "test", "train")


def test_the_name_keeps_the_path_to_itself(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (folder, f"{folder}/", folder / "cat" / ".."):
        dataset = load(f"folder:{path}")
        assert (dataset.name, dataset.source) == (f"folder:{folder.name}", str(folder))
    monkeypatch.chdir(folder)
    assert load("folder:.").name == f"folder:{folder.name}"
    (folder.parent / "pets").symlink_to(folder)
    assert load(f"folder:{folder.parent / 'pets'}").name == "folder:pets"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere is not a folder"):
        load(f"folder:{tmp_path / 'nowhere'}")
