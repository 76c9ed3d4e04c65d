"""A user's model as the network that is exported: one plain image of fixed size goes in, all is computed in float32.

Most models are that already, and stay as they are. The others are built again, call by call, from the configurations of
their layers and with their weights; what they gave before is compared with what they give now.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..arithmetic.execution import arguments_of
from ..arithmetic.graph import Graph, trace
from ..environment import keras, layers
from ..errors import ExportError, InputError, option, printable
from ..runtimes.bundle import IMAGE
from ..runtimes.runner import one_line
from .names import distinct, safe_name
from .options import ExportOptions
from .policies import compare, cost_of_policies, float32_weights, functional, policies_of
from .source import Source, noise_of

#: What TensorFlow takes as the name of a scope, that is, of a layer.
SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
#: How far a network may be off that is only built again, for values up to 1.
TOLERANCE = 1e-5


def prepared(source: Source, options: ExportOptions) -> Source:
    """The source with a model that can be exported.

    Where its layers had another dtype policy than float32, `provenance["arithmetic"]` says what that policy loses.

    Raises:
        ExportError: the model has no graph that says what it computes, or cannot be built again.
        InputError: the size of its images is open and not given, or it has a `Lambda` and they are not allowed.
    """
    try:
        graph = trace(source.model, open_sizes=True)
    except InputError as error:
        raise ExportError(str(error)) from None
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4 or graph.inputs[0].shape[3] is None:
        return source  # no image: the contract refuses it
    _refuse_code(graph, source.name, options)
    shape = (*_size(graph, options, source.name), graph.inputs[0].shape[3])
    policies = policies_of(_layers(graph))
    if not policies and _is_plain(source.model, graph, shape):
        return source
    model = _rebuilt(source.model, graph, shape, source.name)
    images = source.images if source.images.shape[1:] == shape else noise_of(shape)
    provenance = source.provenance
    try:
        if policies:
            on = "noise" if (source.sample_labels < 0).all() else "samples"
            facts = cost_of_policies(source.model, model, images, options, on=on)
            provenance = provenance | {"arithmetic": facts}
        else:
            off = compare(source.model, model, images, options).largest_difference
    except Exception as error:  # a size of the batch that stands in the network itself
        raise ExportError(
            f"{source.name} cannot be run on {len(images)} images at a time when it is built again with an open batch: "
            f"{one_line(error)}"
        ) from error
    if not policies and not off <= TOLERANCE:
        raise ExportError(
            f"{source.name} gives other numbers ({off:.2g} off) when it is built again for float32 images and with an "
            "open batch; build it like that yourself."
        )
    labels = source.sample_labels if images is source.images else np.full(len(images), -1, np.int64)
    return replace(source, model=model, images=images, sample_labels=labels, provenance=provenance)


def _layers(graph: Graph) -> Iterator[Any]:
    """Every layer of a network once, those inside others included."""
    seen: set[int] = set()
    for call in graph.calls:
        if isinstance(call.operation, layers.Layer):
            for layer in call.operation._flatten_layers():
                if id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer


def _refuse_code(graph: Graph, name: str, options: ExportOptions) -> None:
    for layer in _layers(graph):
        if isinstance(layer, layers.Lambda) and not options.unsafe_lambda:
            raise InputError(
                f"Layer {printable(layer.name)} of {printable(name)} is a Lambda, whose code would be stored and run "
                "wherever the model is loaded; write it with keras.ops or as a layer of its own, or give "
                f"{option('unsafe_lambda', True)} if you trust it."
            )


def _size(graph: Graph, options: ExportOptions, name: str) -> tuple[int, int]:
    """Height and width of the images: those of the model, and where it leaves them open those that are given."""
    own, given = graph.inputs[0].shape[1:3], options.size
    if given is None:
        if None in own:
            raise InputError(
                f"{name} leaves the height or the width of its images open; give both with {option('image_size', 224)}."
            )
        return own[0], own[1]
    if any(side not in (None, wanted) for side, wanted in zip(own, given, strict=True)):
        words = "x".join("any" if side is None else str(side) for side in own)
        raise InputError(
            f"The image size is {given[0]}x{given[1]}, and {name} is built for {words}; {option('image_size')} is for "
            "models that leave it open."
        )
    return given[0], given[1]


def _is_plain(model: keras.Model, graph: Graph, shape: tuple[int, ...]) -> bool:
    """Whether a model is as an export needs it."""
    (given,) = graph.inputs
    return (
        given.shape == (None, *shape)
        and str(given.symbol.dtype) == "float32"
        and not isinstance(functional(model).input, dict | list | tuple)
    )


def with_names_for_tensorflow(model: keras.Model) -> keras.Model:
    """A model that is `prepared`, built again if a layer has a name that TensorFlow does not take.

    Raises:
        ExportError: it cannot be built again.
    """
    graph = trace(model)
    names = [layer.name for layer in _layers(graph)]
    if all(SCOPE.fullmatch(name) for name in names):
        return model
    return _rebuilt(model, graph, graph.inputs[0].shape[1:], model.name)


def in_float64(model: keras.Model) -> keras.Model:
    """A model that is `prepared` with the same weights, computed in float64.

    Raises:
        ExportError: it cannot be built again.
    """
    graph = trace(model)
    return _rebuilt(model, graph, graph.inputs[0].shape[1:], model.name, dtype="float64")


def _rebuilt(
    model: keras.Model, graph: Graph, shape: tuple[int, ...], name: str, *, dtype: str = "float32"
) -> keras.Model:
    """The network on one image [batch, *shape] with an open batch, nested models opened, and computed in `dtype`.

    Raises:
        ExportError: a layer cannot be made again.
    """
    image = keras.Input(shape, name=IMAGE, dtype=dtype)
    operations = list({id(call.operation): call for call in graph.calls[1:]}.values())
    wanted = [
        call.name if SCOPE.fullmatch(call.name) and "/" not in call.name else safe_name(call.name, "layer")
        for call in operations
    ]
    clones = {
        id(call.operation): _clone(call.operation, unique, dtype)
        for call, unique in zip(operations, distinct(wanted, [IMAGE]), strict=True)
    }
    values: dict[Any, Any] = {graph.inputs[0]: image}
    for call in graph.calls[1:]:
        args, kwargs = arguments_of(call, values)
        clone = clones[id(call.operation)]
        try:
            found = clone(*args, **kwargs)
            if isinstance(clone, layers.Layer) and not isinstance(clone, layers.Lambda):
                clone.set_weights(float32_weights(call.operation))
        except ExportError:
            raise
        except Exception as error:  # a layer raises whatever it likes
            kind = type(call.operation).__name__
            raise ExportError(
                f"Layer {printable(call.name)} ({kind}) of {printable(name)} cannot be built again for float32 images "
                f"{list(shape)} with an open batch: {one_line(error)}"
            ) from error
        values.update(zip(call.outputs, found if isinstance(found, list | tuple) else [found], strict=True))
    outputs = [values[tensor] for tensor in graph.outputs]
    structure = functional(model).output
    called = model.name if SCOPE.fullmatch(model.name) else safe_name(model.name, "network")
    return keras.Model(image, keras.tree.pack_sequence_as(structure, outputs), name=called)


def _clone(operation: Any, name: str, dtype: str) -> Any:
    """A layer or an operation once more, in `dtype` and under another name; still without weights."""
    if isinstance(operation, layers.Lambda):
        return layers.Lambda(
            operation.function, operation._output_shape, operation.mask, operation.arguments, name=name
        )
    if isinstance(operation, layers.Layer):
        try:
            return type(operation).from_config(_computed_in(dtype, operation.get_config()) | {"name": name})
        except Exception as error:  # a layer of one's own raises whatever it likes
            raise ExportError(
                f"Layer {printable(operation.name)} ({type(operation).__name__}) cannot be made again from its "
                f"configuration: {one_line(error)}"
            ) from error
    clone = copy.copy(operation)
    clone._inbound_nodes, clone._outbound_nodes, clone.name = [], [], name
    if type(operation).__name__ == "Cast" and "float" in str(operation.dtype):
        clone.dtype = dtype
    return clone


def _computed_in(dtype: str, config: Any) -> Any:
    """A configuration with `dtype` for every dtype policy of fractions, and safe names for the layers inside."""
    if isinstance(config, list | tuple):
        return type(config)(_computed_in(dtype, part) for part in config)
    if not isinstance(config, dict):
        return config
    found = {key: _computed_in(dtype, value) for key, value in config.items() if key != "quantization_config"}
    policy = found.get("dtype")
    if isinstance(policy, dict) or (isinstance(policy, str) and "float" in policy):
        found["dtype"] = dtype
    inner = found.get("config")
    name = inner.get("name") if "class_name" in found and isinstance(inner, dict) else None
    if isinstance(inner, dict) and isinstance(name, str) and not SCOPE.fullmatch(name):
        found["config"] = inner | {"name": safe_name(name, "layer")}
    return found
