"""The bijection between weights and tensors: every weight gets one tensor, and every tensor goes into one weight.

All checks come before the first assignment, so a model is either converted completely or unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import models
from ..environment import keras
from ..errors import InputError
from ..models.normalization import Normalization
from .slots import Slot

#: The layers whose size is the number of classes.
CLASSIFIERS = ("logits", "class_maps")

#: A layout is recognized if at least this part of its tensors is there.
RECOGNIZABLE = 0.5


@dataclass(frozen=True)
class Conversion:
    """What was converted.

    Attributes:
        model: Name of the model.
        layout: The library or repository whose names the tensors had.
        tensors: The number of tensors that were converted.
        parameters: The number of parameters in them.
        left_out: Names of the tensors that the model does not need: auxiliary classifiers for training, and the
            classifier where the model has none. (Counters of batches are not listed.)
        normalization: The normalization that `convert_file` built the model with, of values 0..1; None if none.
    """

    model: str
    layout: str
    tensors: int
    parameters: int
    left_out: tuple[str, ...]
    normalization: Normalization | None = None


@dataclass(frozen=True)
class Match:
    """Slots and tensors matched by their names in one layout, and those without a partner."""

    layout: str
    slots_by_name: Mapping[str, Slot]
    left_over: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def mismatches(self) -> int:
        return len(self.left_over) + len(self.missing)


def family_of(model: keras.Model) -> str:
    """The family of one of our models.

    Raises:
        InputError: the model is not one of this package.
    """
    name = getattr(model, "name", None)
    if not hasattr(model, "layers") or name not in models.list_models():
        raise InputError(
            f"{name or type(model).__name__!r} is no model of this package; give one that cnnref.build has made."
        )
    return models.spec(name).family


def match(
    layout: str,
    slots: Sequence[Slot],
    names: Mapping[str, str],
    tensors: Mapping[str, np.ndarray],
    left_out: Sequence[str] = (),
) -> Match:
    """Match slots and tensors by name; `names` has the other library's module for each of our layers."""
    slots_by_name = {names[slot.layer] + slot.key: slot for slot in slots}
    return Match(
        layout,
        slots_by_name,
        left_over=tuple(name for name in tensors if name not in slots_by_name and name not in left_out),
        missing=tuple(name for name in slots_by_name if name not in tensors),
        left_out=tuple(left_out),
    )


def best_match(model: str, matches: Sequence[Match], tensors: Mapping[str, np.ndarray]) -> Match:
    """The match in which every slot has a tensor and every tensor a slot.

    Raises:
        InputError: there is none; the message names the differences from the nearest layout.
    """
    nearest = min(matches, key=lambda match: match.mismatches)
    if not nearest.mismatches:
        return nearest
    if len(nearest.slots_by_name) - len(nearest.missing) >= RECOGNIZABLE * len(nearest.slots_by_name):
        raise InputError(
            f"These weights look like {nearest.layout}'s, but do not fit {model}: {_differences(nearest, tensors)}."
        )
    known = "; ".join(f"{match.layout}: {_differences(match, tensors)}" for match in matches)
    raise InputError(f"These weights have the names of no layout that is known for {model} ({known}).")


def check_shapes(model: keras.Model, found: Match, tensors: Mapping[str, np.ndarray]) -> None:
    """Raise InputError unless every tensor has a shape that its slot accepts, and floating-point values."""
    wrong = [name for name, slot in found.slots_by_name.items() if tensors[name].shape not in slot.shapes]
    if wrong:
        name = wrong[0]
        slot = found.slots_by_name[name]
        more = f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        raise InputError(
            f"{name!r} has the shape {tensors[name].shape} and {slot} of {model.name} takes {slot.shapes[0]}{more}"
            f"{_advice(model, slot, tensors[name].shape)}."
        )
    for name, slot in found.slots_by_name.items():
        if tensors[name].dtype.kind != "f":
            raise InputError(f"{name!r} holds {tensors[name].dtype.name} where {slot} takes floating-point numbers.")


def converted_values(
    model: keras.Model, found: Match, tensors: Mapping[str, np.ndarray], epsilon: Callable[[str], float]
) -> dict[Slot, np.ndarray]:
    """The values of all slots in Keras' layout; `epsilon(layer)` is that of the normalization they come from."""
    values = {slot: slot.convert(tensors[name]) for name, slot in found.slots_by_name.items()}
    by_name = {str(slot): slot for slot in values}
    for slot in list(values):
        if slot.weight == "moving_variance":
            gamma = by_name[f"{slot.layer}/gamma"]
            ours = model.get_layer(slot.layer).epsilon
            values[gamma], values[slot] = at_epsilon(values[gamma], values[slot], epsilon(slot.layer), ours)
    return values


def at_epsilon(gamma: np.ndarray, variance: np.ndarray, theirs: float, ours: float) -> tuple[np.ndarray, np.ndarray]:
    """The scale and variance with which batch normalization computes the same at our epsilon as before at theirs.

    The difference is added to the variance. Where the variance would become negative it is zero, and the scale is
    changed for the rest.
    """
    if theirs == ours:
        return gamma, variance
    denominator = variance.astype(np.float64) + theirs
    shifted = np.maximum(denominator - ours, 0)
    return gamma * np.sqrt((shifted + ours) / denominator), shifted


def fill(model: keras.Model, found: Match, values: Mapping[Slot, np.ndarray]) -> Conversion:
    """Assign all values to the model."""
    for slot, value in values.items():
        slot.variable.assign(np.ascontiguousarray(value, np.float32))
    parameters = sum(value.size for value in values.values())
    return Conversion(model.name, found.layout, len(values), parameters, found.left_out)


def _differences(found: Match, tensors: Mapping[str, np.ndarray]) -> str:
    """The differences as text: the first one of each kind, and how many there are."""
    parts = []
    if found.missing:
        name = found.missing[0]
        slot = found.slots_by_name[name]
        more = f" and {len(found.missing) - 1} more are missing" if len(found.missing) > 1 else " is missing"
        parts.append(f"{name!r} (for {slot}, shape {slot.shapes[0]}){more}")
    if found.left_over:
        name = found.left_over[0]
        more = f" and {len(found.left_over) - 1} more are left over" if len(found.left_over) > 1 else " is left over"
        parts.append(f"{name!r} (shape {tensors[name].shape}){more}")
    return ", ".join(parts)


def _advice(model: keras.Model, slot: Slot, shape: tuple[int, ...]) -> str:
    """What the user can do about a tensor of a wrong shape; "" where that is not known."""
    usual = slot.shapes[0]
    if len(shape) != len(usual):
        return ""
    out = 0 if slot.axes else -1  # PyTorch has the outputs first
    if slot.layer in CLASSIFIERS and shape[out] != usual[out]:
        return f"; build {model.name} with classes={shape[out]}, or with include_top=False to leave the classifier out"
    kinds = {layer.name: type(layer).__name__ for layer in model.layers}
    first_dense = next((name for name, kind in kinds.items() if kind == "Dense"), None)
    if slot.layer == first_dense and shape[out] == usual[out] and "Flatten" in kinds.values():
        return f"; it follows the flattened maps, so build {model.name} with the input_shape that the weights are for"
    return ""
