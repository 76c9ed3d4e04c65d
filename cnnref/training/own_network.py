"""A network that somebody hands to `train`: checked, and given the ends that the trainer needs.

The networks of `cnnref.build` take raw pixels under the name "image" and end in a layer "logits" and a softmax. Another
classifier is copied into that form: its softmax is taken off and put back behind logits, and where nothing prepares the
pixels, they are normalized in front of it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..environment import keras, layers, ops
from ..errors import InputError, printable
from ..models.normalization import LAYER as NORMALIZATION
from ..models.normalization import Normalization, scale_and_offset
from ..models.saving import load_model, save_model

#: What a caller may hand to `train`: a network, or what makes one of the shape of the pictures and the classes.
OwnNetwork: TypeAlias = "keras.Model | Callable[[tuple[int, int, int], int], keras.Model]"

#: The names of the ends of a network; a layer of the caller that is called so gets another name.
IMAGE, LOGITS, PROBABILITIES = "image", "logits", "probabilities"
ENDS = (IMAGE, NORMALIZATION, LOGITS, PROBABILITIES)

#: Layers and operations that leave the values of pixels as they are; behind any other, pixels count as prepared.
MOVING = (
    "InputLayer",
    "Flatten",
    "Reshape",
    "Permute",
    "Resizing",
    "CenterCrop",
    "ZeroPadding2D",
    "Cropping2D",
    "Pad",
    "Cast",
)
MOVING_STARTS = ("Random", "Gaussian", "Dropout", "SpatialDropout")
#: Layers with weights that prepare pixels themselves.
PREPARING = ("Normalization", "BatchNormalization")

#: Pictures of noise on which the copy must give what the network gives, and the largest difference.
NOISE, TOLERANCE = 2, 1e-4
#: The least probability whose logarithm is a logit, where only the probabilities of a network are known.
LEAST = 1e-30


def name_of(network: OwnNetwork) -> str:
    """What a run calls the network: its name or that of its builder, in letters that every disk takes."""
    given = network.name if isinstance(network, keras.Model) else getattr(network, "__name__", "")
    by_keras = re.fullmatch(r"(functional|sequential|model)(_\d+)?", given)  # other ones in each process
    return "network" if by_keras else re.sub(r"[^\w.-]+", "-", given).strip("-.")[:60] or "network"


def size_of(network: OwnNetwork) -> tuple[int, int, int] | None:
    """Height, width and channels of the pictures that a network takes; None if it does not say one size."""
    if not isinstance(network, keras.Model) or not network.built:
        return None
    shape = getattr(network, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or not all(isinstance(size, int) for size in shape[1:]):
        return None
    return shape[1], shape[2], shape[3]


def prepared(
    given: OwnNetwork, image_shape: tuple[int, int, int], classes: int, statistics: Normalization, pictures: str
) -> keras.Model:
    """A classifier as a network that takes raw pixels and ends in logits and a softmax; what was given is not changed.

    Args:
        given: a functional `keras.Model` or a `keras.Sequential`, or a function of image shape and classes that makes
            one. It ends in a softmax or gives logits.
        image_shape, classes: of the data set.
        statistics: mean and standard deviation of the training pictures, which they are normalized with if the first
            layer with weights takes pixels as they are.
        pictures: what the data set is called in messages.

    Returns:
        A functional model with the weights that were given, from "image" to "probabilities" by "logits"; what has this
        form already is returned itself.

    Raises:
        InputError: it is no such classifier, takes other pictures or knows other classes, or cannot be copied.
    """
    model = given if isinstance(given, keras.Model) else _built(given, image_shape, classes)
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *image_shape))
    shown = f"The model {printable(model.name)!r}"
    graph = _graph(model, shown)
    _check_ends(graph, image_shape, classes, pictures, shown)
    if _has_ends(graph) and _prepares_pixels(graph):
        return graph  # the network of a run, which goes on
    leaf = _last_of(graph.outputs[0])
    activation = getattr(getattr(leaf, "activation", None), "__name__", "")
    if activation not in ("", "softmax", "linear"):
        raise InputError(
            f"{shown} ends in {activation}, which gives no probabilities of classes that exclude each other; let it "
            "end in softmax, or without an activation."
        )
    noise = np.random.default_rng(0).integers(0, 256, (NOISE, *image_shape)).astype(np.float32)
    found = _values(graph, noise)
    are_probabilities = bool((found >= 0).all() and np.allclose(found.sum(axis=-1), 1, atol=1e-3))
    normalization = None if _prepares_pixels(graph) else statistics
    wanted = found
    if normalization is not None:
        scale, offset = (np.array(numbers, np.float32) for numbers in scale_and_offset(*normalization))
        wanted = _values(graph, noise * scale + offset)
    wanted = wanted if are_probabilities else _softmax(wanted)
    # Without its softmax a classifier is exact where the softmax saturates; where it cannot be taken off, the logarithm
    # of the probabilities is as good a logit.
    ends_in_softmax = activation == "softmax" or type(leaf).__name__ == "Softmax"
    for take_off in (True, False) if are_probabilities and ends_in_softmax else (False,):
        network = _copied_with_ends(graph, leaf, normalization, shown, take_off, logarithm=are_probabilities)
        if np.allclose(_values(network, noise), wanted, atol=TOLERANCE):
            return network
    raise InputError(
        f"{shown} gives other values as a copy than by itself, so it cannot be trained here; write its own layers with "
        "get_config, and without randomness in inference."
    )


def copied(network: keras.Model) -> keras.Model:
    """A copy of a network with the same weights, whose layers compute in the precision set for new layers.

    The first and the last layer compute in float32 in any case, and layers that have a precision of their own keep it.
    In float32 it is what a file gives back, because Keras calls the variables of models in models otherwise there.
    """
    policy = keras.config.dtype_policy()
    if policy.name == "float32":
        return reloaded(network)
    classifier = _last_of(network.get_layer(LOGITS).input)

    def copy(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            return layer  # an operation has no weights
        config = layer.get_config()
        exact = layer is classifier or layer.name in ENDS or type(layer).__name__ in ("Rescaling", "Normalization")
        if layer.dtype_policy.name == "float32" and not exact:
            config["dtype"] = policy.name
        return type(layer).from_config(config)

    copy_of = keras.models.clone_model(network, clone_function=copy, recursive=True)
    _assign(network, copy_of)
    return copy_of


def reloaded(network: keras.Model) -> keras.Model:
    """A network as its file gives it back.

    Raises:
        InputError: it has parts that are not loaded from a file.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{network.name}.keras"
        save_model(network, path)
        return load_model(path)


def same_layers(one: keras.Model, other: keras.Model) -> bool:
    """Whether two networks have variables of the same shapes in the same order, and as many layers."""
    shapes = ([tuple(variable.shape) for variable in model.variables] for model in (one, other))
    counts = {len(model.layers) for model in (one, other)}
    return len(counts) == 1 and len({str(found) for found in shapes}) == 1


def _built(build: Any, image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    if not callable(build):
        raise InputError(
            f"model is an object of {type(build).__name__}; give a keras.Model, or a function that takes the shape of "
            "the pictures and the number of classes and gives one."
        )
    model = build(image_shape, classes)
    if not isinstance(model, keras.Model):
        raise InputError(f"The builder {name_of(build)!r} gave an object of {type(model).__name__} and no keras.Model.")
    return model


def _graph(model: keras.Model, shown: str) -> keras.Model:
    """The model as a graph from one input to one output."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise InputError(
            f"{shown} is a subclass of keras.Model without a graph; build it as keras.Model(inputs, outputs) or as "
            "keras.Sequential."
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{shown} has {len(inputs)} inputs and {len(outputs)} outputs; a classifier of pictures has one of each."
        )
    if lambdas := [layer.name for layer in model._flatten_layers() if type(layer).__name__ == "Lambda"]:
        raise InputError(
            f"{shown} has the Lambda layer {printable(lambdas[0])!r}, whose code is not loaded from a file again; "
            "write it with keras.ops, or as a class that keras.saving.register_keras_serializable registers."
        )
    return keras.Model(inputs[0], outputs[0], name=model.name)


def _check_ends(graph: keras.Model, image_shape: tuple[int, int, int], classes: int, pictures: str, shown: str) -> None:
    """Refuse a network for other pictures or other classes."""
    found, given = tuple(graph.inputs[0].shape[1:]), tuple(graph.outputs[0].shape[1:])
    if len(found) != 3 or any(size not in (None, ours) for size, ours in zip(found, image_shape, strict=True)):
        theirs, ours = ("x".join(str(size or "any") for size in shape) for shape in (found, image_shape))
        resized = len(found) == 3 and found[2] == image_shape[2] and found[0] == found[1] and found[0]
        advice = f", or set image_size={found[0]} to have the pictures resized" if resized else ""
        raise InputError(
            f"{shown} takes pictures of {theirs}, and those of {pictures} are {ours}; build it for them{advice}."
        )
    if given != (classes,):
        theirs = "x".join(map(str, given)) or "no"
        raise InputError(
            f"{shown} gives {theirs} value{'s' * (given != (1,))} a picture, and {pictures} has {classes} classes; let "
            "it give one value for each class."
        )


def _has_ends(graph: keras.Model) -> bool:
    """Whether a network begins and ends as those of `cnnref.build` do."""
    last = graph.outputs[0]._keras_history.operation
    if graph.inputs[0].name != IMAGE or (last.name, type(last).__name__) != (PROBABILITIES, "Softmax"):
        return False
    before = last.input._keras_history.operation
    return bool(before.name == LOGITS and before.output.shape == last.output.shape)


def _last_of(tensor: Any) -> Any:
    """The layer or operation that gives a tensor, inside of the last model where models are nested."""
    operation = tensor._keras_history.operation
    while isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        operation = operation.outputs[0]._keras_history.operation
    return operation


def _prepares_pixels(graph: keras.Model) -> bool:
    """Whether something changes the values of the pixels before the first layer that learns from them."""
    for operation in _in_order(graph):
        kind = type(operation).__name__
        if kind in MOVING or kind.startswith(MOVING_STARTS):
            continue
        return kind in PREPARING or not getattr(operation, "weights", [])
    return True


def _in_order(graph: keras.Model) -> list[Any]:
    """Layers and operations from the input on, those of nested models in their place."""
    found: list[Any] = []
    for operation in graph.operations:
        nested = isinstance(operation, keras.Model) and hasattr(operation, "operations")
        found += _in_order(operation) if nested else [operation]
    return found


def _copied_with_ends(
    graph: keras.Model,
    leaf: Any,
    normalization: Normalization | None,
    shown: str,
    take_off: bool,
    *,
    logarithm: bool,
) -> keras.Model:
    """The copy between its ends; with `take_off` without its softmax, else by the logarithm if it has one."""
    image = keras.Input(tuple(graph.inputs[0].shape[1:]), name=IMAGE)
    front = image
    if normalization is not None:
        front = layers.Rescaling(*scale_and_offset(*normalization), name=NORMALIZATION)(image)

    def copy(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            return layer
        config = layer.get_config()
        if config.get("name") in ENDS:
            config["name"] = f"own_{config['name']}"
        if layer is leaf and take_off:
            if type(layer).__name__ == "Softmax":
                return layers.Identity(name=config["name"])
            config["activation"] = "linear"
        return type(layer).from_config(config)

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if operation is leaf and take_off:  # an operation of keras.ops
            return args[0]
        if isinstance(operation, keras.Model) and operation.name in ENDS:
            operation.name = f"own_{operation.name}"
        if isinstance(operation, keras.layers.Identity):  # Keras calls a softmax with a mask, and knows none here
            kwargs.pop("mask", None)
        taken = [front if argument is image else argument for argument in args]
        return operation(*taken, **kwargs)

    try:
        body = keras.models.clone_model(
            graph, input_tensors=image, clone_function=copy, call_function=call, recursive=True
        )
    except Exception as error:  # the classes of others can raise anything
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise InputError(
            f"{shown} cannot be copied, which its configuration must suffice for ({printable(reason)}); give layers of "
            "your own a get_config, as Keras' guide to custom layers shows."
        ) from None
    output = body.outputs[0]
    if logarithm and not take_off:
        output = ops.log(ops.maximum(ops.cast(output, "float32"), LEAST))
    logits = layers.Activation("linear", name=LOGITS, dtype="float32")(output)
    probabilities = layers.Softmax(name=PROBABILITIES, dtype="float32")(logits)
    network = keras.Model(image, probabilities, name=name_of(graph))
    _assign(graph, network)
    return network


def _assign(source: keras.Model, target: keras.Model) -> None:
    """Give a copy the weights of what it is a copy of."""
    for ours, theirs in zip(target.variables, source.variables, strict=True):
        ours.assign(theirs)


def _values(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(ops.convert_to_numpy(model(images, training=False)), np.float64)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result
