"""PyTorch's weights in our models."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from .. import models
from ..environment import keras
from ..errors import InputError
from ..weights.reading import read_weights
from . import layouts_cifar, layouts_efficientnet_pytorch, layouts_timm, layouts_torchvision
from .matching import Conversion, best, check_shapes, converted, family_of, fill, match
from .rules import Layout
from .slots import pytorch_slots

#: Batch normalization of PyTorch counts its batches; nothing is computed with the count.
COUNTER = ".num_batches_tracked"


def from_torch(model: keras.Model, state_dict: Mapping[str, Any] | str | Path) -> keras.Model:
    """Put PyTorch weights into one of our models, which then computes what the PyTorch model does.

        model = cnnref.build("resnet18", classifier_activation=None)
        cnnref.convert.from_torch(model, torchvision.models.resnet18(weights="DEFAULT").state_dict())
        cnnref.convert.from_torch(model, "resnet18-f37072fd.pth")

    Names as in torchvision and timm are known for the families that they have, as in akamaster/pytorch_resnet_cifar10
    for resnet20 to resnet110, and as in kuangliu/pytorch-cifar for its ResNets and VGGs. Every tensor goes into one
    weight and every weight gets one tensor, except that counters of batches and GoogLeNet's auxiliary classifiers are
    left out, and the classifier if the model has none (`include_top=False`). Where batch normalization has another
    epsilon there than here, the variances are shifted by the difference. Images have to be prepared as there.

    Args:
        model: what `cnnref.build` makes, of any input shape and number of classes that fits the weights. Its weights
            are replaced.
        state_dict: name -> tensor or array, or the path of a .pth, .pt, .th, .bin or .safetensors file.

    Returns:
        The same model.

    Raises:
        InputError: the file cannot be read, or a tensor is missing, left over or of another shape, or the network that
            the weights are for computes something else. The model is then as it was.
    """
    convert(model, state_dict)
    return model


def convert(model: keras.Model, state_dict: Mapping[str, Any] | str | Path) -> Conversion:
    """As `from_torch`, and tell what was done."""
    known = known_layouts(family_of(model), model.name)
    slots = pytorch_slots(model)
    layers = [layer.name for layer in model.layers]
    layouts = [(layout, layout.names(layers)) for layout in known]
    layouts = [(layout, names) for layout, names in layouts if all(slot.layer in names for slot in slots)]
    if not layouts:
        raise InputError(f"{model.name} has layers that cnnref.build does not make; convert before changing a model.")
    tensors = {name: value for name, value in read_weights(state_dict).items() if not name.endswith(COUNTER)}
    matches = []
    for layout, names in layouts:
        unused = layout.ignored if "logits" in layers else (*layout.ignored, *layout.classifier)
        left_out = [name for name in tensors if name.startswith(unused)]
        matches.append(match(layout.title, slots, names, tensors, left_out))
    found = best(model.name, matches, tensors)
    check_shapes(model, found, tensors)
    epsilon = _epsilon(model, layouts[matches.index(found)][0])
    return fill(model, found, converted(model, found, tensors, lambda _: epsilon))


def known_layouts(family: str, name: str) -> list[Layout]:
    """The layouts in which weights for a family are found.

    Raises:
        InputError: there are none.
    """
    files = (layouts_torchvision, layouts_timm, layouts_efficientnet_pytorch, layouts_cifar)
    sources = [file.LAYOUTS for file in files]
    layouts = [layout for source in sources for layout in source.get(family, ())]
    if not layouts:
        families = sorted(set().union(*sources))
        raise InputError(
            f"No PyTorch layout is known for {name}; weights can be converted for the families {', '.join(families)}."
        )
    return layouts


def layout_of(name: str, layers: list[str], tensors: Mapping[str, Any]) -> Layout:
    """The layout that most of the layers have tensors in, the first of several; whether they fit is not looked at.

    Args:
        name: one of `cnnref.list_models()`.
        layers: names of its layers.
        tensors: name -> tensor.

    Raises:
        InputError: no layout is known for the model.
    """
    # A module has tensors (conv1.weight), or is one (a scale that belongs to no layer).
    there = {name.rpartition(".")[0] for name in tensors} | tensors.keys()
    known = known_layouts(models.spec(name).family, name)
    return max(known, key=lambda layout: sum(module in there for module in layout.names(layers).values()))


def _epsilon(model: keras.Model, layout: Layout) -> float:
    """Epsilon of the networks that the weights are for; refuses if our network is built another way."""
    for pattern, reason in layout.excluded.items():
        if fnmatch(model.name, pattern):
            raise InputError(f"{model.name} cannot take these weights: {reason}.")
    padding = "tensorflow" if _pads_like_tensorflow(model) else "same"
    if padding not in layout.epsilons:
        raise InputError(
            f"The networks of {layout.title} pad on both sides alike; build {model.name} with padding='same'."
        )
    return layout.epsilons[padding]


def _pads_like_tensorflow(model: keras.Model) -> bool:
    """Whether a strided convolution has TensorFlow's uneven padding."""
    return any(
        layer.padding == "same" and max(layer.strides) > 1 and max(layer.kernel_size) > 1
        for layer in model.layers
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")
    )
