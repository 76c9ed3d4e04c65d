"""Drawings of networks: readable sizes, the same bytes each time, and what is written on them."""

import re
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import cnnref
from cnnref.arithmetic import layer_table
from cnnref.arithmetic import wording as words
from cnnref.explain.drawing.folding import fold, operations_of
from cnnref.explain.drawing.layout import MOST_IN_A_ROW, NAME_SIZE, Page, fit_text, text_width
from cnnref.explain.drawing.network import COLORS, FORMS, draw
from cnnref.pictures import read_picture


@pytest.fixture(scope="module")
def lenet() -> Any:
    return layer_table(cnnref.build("lenet5"))


@pytest.fixture(scope="module")
def forked() -> Any:
    """More volumes than go into a row, a connection within a row and one from row to row."""
    image = keras.Input((32, 32, 3), name="image")
    x = first = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv1")(image)
    for number in range(2, 10):
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if number == 4:
            x = layers.Concatenate(name="conv4_join")([x, first])
    x = layers.Concatenate(name="conv9_join")([x, first])
    x = layers.GlobalAveragePooling2D(name="a_very_long_name_for_a_global_average_pooling_layer")(x)
    return layer_table(keras.Model(image, layers.Dense(10, name="logits")(x)))


def pixels(png: Any) -> Any:
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    return read_picture(png, height, width, 3)


@pytest.mark.parametrize("form", FORMS)
def test_a_drawing_has_the_same_bytes_each_time_and_no_date(lenet: Any, form: Any) -> None:
    content = draw(lenet, "lenet5", form)
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[form])
    assert draw(lenet, "lenet5", form) == content
    assert not re.search(rb"CreationDate|<dc:date|matplotlib\.org|Software", content)


def test_the_readers_settings_of_matplotlib_change_nothing(lenet: Any) -> None:
    import matplotlib as mpl

    usual = draw(lenet, "lenet5")
    with mpl.rc_context({"figure.facecolor": "black", "font.size": 30, "savefig.dpi": 40, "text.color": "red"}):
        assert draw(lenet, "lenet5") == usual


def test_a_drawing_is_1600_pixels_wide_and_has_the_colours_of_the_layers(lenet: Any) -> None:
    picture = pixels(draw(lenet, "lenet5"))
    assert picture.shape[1] == 1600
    assert 300 <= picture.shape[0] <= 700
    shown = {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()}
    for sort in (words.INPUT, words.CONVOLUTION, words.POOLING, words.DENSE, words.OTHER):
        color = tuple(int(COLORS[sort][start : start + 2], 16) for start in (1, 3, 5))
        assert color in shown, sort
    assert tuple(int(COLORS[words.JOINING][start : start + 2], 16) for start in (1, 3, 5)) not in shown


def test_nothing_reaches_the_edge_of_the_page(lenet: Any, forked: Any) -> None:
    for rows in (lenet, forked):
        picture = pixels(draw(rows, "a network"))
        assert (picture[:5] == 255).all()
        assert (picture[-5:] == 255).all()
        assert (picture[:, :5] == 255).all()
        assert (picture[:, -5:] == 255).all()


def test_boxes_and_labels_do_not_overlap(lenet: Any, forked: Any) -> None:
    for rows in (lenet, forked):
        page = Page(fold(rows))
        assert all(box.total_width < 0.6 * page.slot for box in page.boxes)
        for index, texts in enumerate(page.facts):
            for text, size, weight in [
                *((text, 9, "normal") for text in texts),
                *((name, NAME_SIZE, "bold") for name in page.names[index]),
            ]:
                shown, points = fit_text(text, page.room, size, weight)
                assert text_width(shown, points, weight) <= 1.01 * page.room < page.slot


def test_many_volumes_are_wrapped_and_connections_are_kept(forked: Any) -> None:
    page = Page(fold(forked))
    assert len(page.lines) == 2
    assert max(map(len, page.lines)) <= MOST_IN_A_ROW
    assert page.arcs == [(1, 4)]
    assert page.facts[9][-1] == "from conv1"
    assert page.places[0][1] > page.places[-1][1]


def test_a_text_that_is_too_wide_is_made_smaller_and_then_cut() -> None:
    assert fit_text("short", 2.0, 10, "normal") == ("short", 10)
    shown, size = fit_text("a" * 100, 1.0, 10, "normal")
    assert shown.endswith("...")
    assert size < 10
    assert text_width(shown, size) <= 1.01


def test_what_is_done_is_told_in_a_few_words(lenet: Any, forked: Any) -> None:
    told = [operations_of(volume) for volume in fold(lenet)[1:]]
    assert told[:2] == [("conv 5x5", "tanh"), ("mean 2x2 /2",)]
    assert told[4:6] == [("flatten",), ("dense", "tanh")]
    assert operations_of(fold(forked)[-2]) == ("global", "mean")
    image = keras.Input((8, 8, 3))
    x = layers.DepthwiseConv2D(3, 2, name="stage1_block1_conv1")(image)
    x = layers.LeakyReLU(name="stage1_block1_leaky_relu")(x)
    assert operations_of(fold(layer_table(keras.Model(image, x)))[1]) == ("depthwise 3x3 /2", "leaky ReLU")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (840, "840"), (999, "999"), (1000, "1.00 k"), (416_520, "417 k"), (999_499, "999 k"),
     (999_600, "1.00 M"), (25_557_032, "25.6 M"), (4_089_184_256, "4.09 G"), (10**15, "1,000 T"), (None, "?")],
)  # fmt: skip
def test_numbers_are_short(number: Any, expected: Any) -> None:
    assert words.format_count(number) == expected
