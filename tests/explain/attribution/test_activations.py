"""The names of activations are those of the layer table, for models in models too."""

from __future__ import annotations

import numpy as np
import pytest
from odd_networks import classifier, fill, keras, layers, picture

from cnnref.arithmetic import layer_table
from cnnref.errors import InputError
from cnnref.explain import activations


def test_a_model_of_two_inputs_in_a_model() -> None:
    one, other = keras.Input((4, 4, 2)), keras.Input((4, 4, 2))
    joiner = keras.Model([one, other], layers.Subtract(name="minus")([one, other]), name="joiner")
    image = keras.Input((4, 4, 2))
    maps = layers.Conv2D(2, 1, name="maps")(image)
    model = fill(keras.Model(image, layers.Flatten()(joiner([maps, image]))))
    pixels = picture((4, 4, 2))
    found = activations(model, pixels)
    assert list(found) == [row.name for row in layer_table(model)]
    np.testing.assert_array_equal(found["joiner/minus"], found["maps"] - pixels)


def test_a_picture_that_is_no_array_of_numbers_is_refused() -> None:
    for image in ([[1, 2], [3]], np.full((9, 8, 3), "a")):
        with pytest.raises(InputError, match="not an array of numbers"):
            activations(classifier(), image)
