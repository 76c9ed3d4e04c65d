"""Transfer learning: trained weights are read for an architecture, and copied into it for other classes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from .. import models
from ..convert.matching import CLASSIFIERS
from ..convert.published import published
from ..convert.pytorch import convert, layout_of
from ..environment import keras
from ..errors import InputError
from ..models.normalization import Normalization, normalization_of
from ..models.saving import load_model
from ..runtimes.locate import find_model
from ..weights.catalogue import Weights, is_listed, weights_of
from ..weights.reading import PYTORCH_FILES, SAFETENSORS_FILES, read_weights

#: Layers of which the builder's `classifier_activation` decides; weights fit whatever it is.
ENDINGS = ("class_maps_relu", "probabilities")

WEIGHT_FILES = (*PYTORCH_FILES, *SAFETENSORS_FILES)


def pretrained(name: str, source: str | Path, **options: Any) -> keras.Model:
    """A network of the named architecture with trained weights. No code of a file is run.

        source = pretrained("resnet18", "resnet18-f37072fd.pth")
        model = cnnref.build("resnet18", (64, 64, 3), 5, normalization=normalization_of(source))
        transfer(source, model)

    Args:
        name: one of `cnnref.list_models()`.
        source: published weights ("imagenet", a tag, or a name of `cnnref.list_weights()`), name of a shipped bundle,
            folder of a bundle or a run, a .keras file of one of our networks, or a file of PyTorch weights as
            `cnnref.convert.from_torch` takes them. Of the latter, the width of the classifier is read from the
            weights, images have the usual size, and the normalization that the publisher trained with is put in
            front; most of timm's have ImageNet's, as is assumed, for others give `normalization`.
        **options: what else the builder of the network was given, such as `padding`; see `cnnref.build`.

    Returns:
        The network as it was trained, with its own classes and input size; without a classifier if the source has none.

    Raises:
        InputError: there is no such model or source, it cannot be read, or it holds another network.
    """
    models.spec(name)
    path = Path(source)
    if path.suffix in WEIGHT_FILES:
        return _from_pytorch(name, path, options)
    if not path.exists() and (entry := _listed(name, str(source))):
        return _published(entry, options)
    if path.is_file() and path.suffix != ".keras":
        known = ", ".join((".keras", *WEIGHT_FILES))
        raise InputError(f"{path} is not a file that weights are taken from; its name must end in one of {known}.")
    path = find_model(source)
    model = load_model(path)
    _check_architecture(model, name, path, options)
    return model


def transfer(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy all weights and statistics, layer by layer, into the same architecture for other classes or images.

    Args:
        source: what `pretrained` gives.
        target: what `cnnref.build` makes of the same name, with `normalization=normalization_of(source)`. Its input
            size may be another one as long as no weight depends on it.

    Returns:
        Names of the layers that keep their fresh weights: none, or the classifier where it is of another shape.

    Raises:
        InputError: another layer than the classifier differs, or the normalization does. Nothing is copied then.
    """
    theirs, ours = _weights(source), _weights(target)
    if foreign := [layer for layer in theirs if layer not in ours]:
        raise InputError(f"{source.name} has weights for the layer {foreign[0]}, which {target.name} does not have.")
    fresh, copies = [], []
    for layer, variables in ours.items():
        given = theirs.get(layer, {})
        difference = _difference(given, variables)
        if not difference:
            copies += [(variables[key], given[key]) for key in variables]
        elif layer in CLASSIFIERS:
            fresh.append(layer)
        else:
            raise InputError(f"The weights of {source.name} do not fit: {layer} {difference}{_sizes(source, target)}.")
    _check_normalization(source, target)
    for variable, value in copies:
        variable.assign(value)
    return fresh


def body_and_head(model: keras.Model) -> tuple[list[keras.layers.Layer], list[keras.layers.Layer]]:
    """The layers with weights: all but the classifier, and the classifier (its last layer where it has several)."""
    with_weights = [layer for layer in model.layers if layer.weights]
    body = [layer for layer in with_weights if layer.name not in CLASSIFIERS]
    return body, [layer for layer in with_weights if layer.name in CLASSIFIERS]


def _listed(name: str, tag: str) -> Weights | None:
    """The published weights of a model that a user calls by a tag or their whole name."""
    return weights_of(name, tag) if is_listed(tag if tag.startswith(f"{name}.") else f"{name}.{tag}") else None


def _published(entry: Weights, options: dict[str, Any]) -> keras.Model:
    accepted = inspect.signature(models.builder(entry.model)).parameters
    for option, needed in entry.options.items():
        given = options.get(option, accepted[option].default)
        if given != needed:
            raise InputError(
                f"{entry.name} is for {entry.model} with {option}={needed!r}, and it is built with {given!r}; "
                f"choose other weights, or build it with {option}={needed!r}."
            )
    return published(entry, **options)


def _from_pytorch(name: str, path: Path, options: dict[str, Any]) -> keras.Model:
    tensors = read_weights(path)
    outline = models.outline(name, **{**options, "include_top": True})
    layers = [layer.name for layer in outline.layers]
    (classifier,) = body_and_head(outline)[1]
    layout = layout_of(name, layers, tensors)
    kernel = tensors.get(f"{layout.names(layers)[classifier.name]}.weight")
    found = {"include_top": False} if kernel is None or not kernel.ndim else {"classes": kernel.shape[0]}
    # A softmax over one class would be refused.
    usual = {"classifier_activation": "sigmoid" if found.get("classes") == 1 else "softmax"}
    model = models.build(name, **{**usual, "normalization": layout.normalization, **options, **found})
    convert(model, tensors)
    return model


def _check_architecture(model: keras.Model, name: str, place: Path, options: dict[str, Any]) -> None:
    """Raise unless the model has the layers and weights that the builder makes at its input size and classes."""
    known = model.name in models.list_models()
    if model.name != name:
        held = model.name if known else f"a model called {model.name!r} that cnnref.build did not make"
        raise InputError(f"{place} holds {held}, and {name} was asked for.")
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise InputError(f"{place} holds a model that does not take pictures of one size, so it is not {name}.")
    head = body_and_head(model)[1]
    facts = {
        "input_shape": shape[1:],
        "classes": int(head[0].weights[0].shape[-1]) if head else None,
        "include_top": bool(head),
        "normalization": normalization_of(model),
    }
    fresh = models.outline(name, **{"classifier_activation": None, **options, **facts})
    theirs, ours = ({layer.name: layer for layer in each.layers} for each in (model, fresh))
    wrong = f"{place} is called {name} and is not what cnnref.build makes with these options:"
    for layer in (*ours, *theirs):
        if layer in ENDINGS:
            continue
        if layer not in theirs or layer not in ours:
            raise InputError(f"{wrong} it has {'no' if layer in ours else 'a'} layer {layer}.")
        found, wanted = type(theirs[layer]).__name__, type(ours[layer]).__name__
        if found != wanted:
            raise InputError(f"{wrong} the layer {layer} is a {found} and not a {wanted}.")
        if difference := _difference(_variables(theirs[layer]), _variables(ours[layer])):
            raise InputError(f"{wrong} the layer {layer} {difference}.")


def _weights(model: keras.Model) -> dict[str, dict[str, Any]]:
    """Layer -> weight -> variable, of the layers with weights."""
    return {layer.name: _variables(layer) for layer in model.layers if layer.weights}


def _variables(layer: Any) -> dict[str, Any]:
    return {variable.name: variable for variable in layer.weights}


def _difference(given: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The first weight of a layer that is missing, left over or of another shape, in words; empty if none is."""
    for weight in (*wanted, *given):
        if weight not in given:
            return f"has no {weight} there"
        if weight not in wanted:
            return f"has a {weight} too many"
        found, shape = tuple(given[weight].shape), tuple(wanted[weight].shape)
        if found != shape:
            return f"has a {weight} of shape {found} where {shape} is needed"
    return ""


def _sizes(source: keras.Model, target: keras.Model) -> str:
    """What to do, where both networks take other pictures."""
    found, wanted = ("x".join(map(str, model.input_shape[1:])) for model in (source, target))
    if found == wanted:
        return ""
    return f"; they are for pictures of {found} and the new network takes {wanted}, so use {found}"


def _check_normalization(source: keras.Model, target: keras.Model) -> None:
    given = normalization_of(source)
    if given is None:
        return  # pixels were prepared elsewhere, which may be done inside the target
    found = normalization_of(target)
    if found is None or not np.allclose(found, given, rtol=1e-5):
        raise InputError(
            f"The weights of {source.name} are for pixels normalized with {_in_words(given)} and the new network has "
            f"{_in_words(found)}; build it with normalization=normalization_of(source)."
        )


def _in_words(normalization: Normalization | None) -> str:
    if normalization is None:
        return "no normalization"
    mean, deviation = ([round(number, 4) for number in numbers] for numbers in normalization)
    return f"mean {mean} and deviation {deviation}"
