"""What the attribution methods ask of a classifier: a picture that fits it, its scores, and a class that it has."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...environment import keras
from ...errors import InputError, did_you_mean


def check_image(model: Any, image: ArrayLike) -> NDArray[np.float32]:
    """The picture as float32 [height, width, channels].

    Raises:
        InputError: the model does not take one picture of a fixed size, or the picture has another size or values
            that are not finite.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            f"A network is given as a keras.Model, such as cnnref.load('lenet5-mnist') gives, and not as an object of "
            f"{type(model).__name__}."
        )
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1 or len(inputs[0].shape) != 4 or None in inputs[0].shape[1:]:
        raise InputError(f"{getattr(model, 'name', model)!r} does not take one picture [height, width, channels].")
    wanted = tuple(inputs[0].shape[1:])
    try:
        values = np.asarray(image, np.float32)
    except (TypeError, ValueError):
        raise InputError("The picture is not an array of numbers; give [height, width, channels].") from None
    if values.shape != wanted:
        raise InputError(f"The picture is {list(values.shape)}, and {model.name} takes {list(wanted)}; resize it.")
    if not np.isfinite(values).all():
        raise InputError("The picture has values that are not finite; give pixel values from 0 to 255.")
    return values


def to_integer(value: Any, name: str) -> int:
    """The value as int.

    Raises:
        InputError: the value is not a whole number.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name} is {value!r}; give a whole number.") from None


def unknown_layer(name: str, known: Iterable[str]) -> InputError:
    """The error for a layer's name that the model does not have, with the names that are most similar."""
    names = list(known)
    hint = did_you_mean(name, names, most=3).strip() or f"it has {', '.join(names[:8])}, ..."
    return InputError(f"There is no layer {name!r} in the model; {hint}")


def class_scores(model: Any, found: Any) -> NDArray[np.float32]:
    """The scores that a model gave for n pictures, float32 [n, classes].

    Raises:
        InputError: the model gives several outputs, or maps.
    """
    if isinstance(found, dict | list | tuple):
        raise InputError(
            f"{model.name} gives {len(found)} outputs, and a classifier is needed; choose one with "
            "keras.Model(model.inputs, model.outputs[0])."
        )
    values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")))
    if values.ndim < 2 or values.size != values.shape[0] * values.shape[-1]:
        raise InputError(
            f"{model.name} gives {list(values.shape[1:])}, and a classifier is needed: one row of classes."
        )
    return values.reshape(len(values), -1)


def choose_class(probabilities: NDArray[np.float32], index: int | None) -> int:
    """The class asked for, or the most probable one; a single output has the classes 0 (no) and 1 (yes).

    Raises:
        InputError: there is no such class.
    """
    classes = max(2, len(probabilities))
    if index is None:
        return int(probabilities[0] > 0.5) if len(probabilities) == 1 else int(probabilities.argmax())
    index = to_integer(index, "index")
    if not 0 <= index < classes:
        raise InputError(f"There is no class {index}; give 0 to {classes - 1}.")
    return index


def class_probability(probabilities: NDArray[np.float32], index: int) -> NDArray[np.float32]:
    """The probability of a class in rows [n, classes]; with a single output, that of class 0 is 1 minus the output."""
    if probabilities.shape[1] == 1:
        return probabilities[:, 0] if index else 1 - probabilities[:, 0]
    return probabilities[:, index]
