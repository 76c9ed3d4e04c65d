"""PyTorch's weights in our models: from a state dict, or from a file into a .keras file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from .. import models
from ..environment import keras
from ..errors import InputError, option
from ..models.normalization import Normalization
from ..models.saving import save_model
from ..weights.reading import read_weights
from . import layouts_cifar, layouts_efficientnet_pytorch, layouts_timm, layouts_torchvision
from .matching import Conversion, best_match, check_shapes, converted_values, family_of, fill, match
from .rules import Layout
from .slots import pytorch_slots

#: PyTorch's batch normalization stores how many batches it has seen; no computation here needs the number.
COUNTER = ".num_batches_tracked"


def from_torch(model: keras.Model, state_dict: Mapping[str, Any] | str | Path) -> keras.Model:
    """Put PyTorch weights into one of our models, which then computes what the PyTorch model does.

        model = cnnref.build("resnet18", classifier_activation=None)
        cnnref.convert.from_torch(model, torchvision.models.resnet18(weights="DEFAULT").state_dict())
        cnnref.convert.from_torch(model, "resnet18-f37072fd.pth")

    The names of torchvision and timm are known for their families, those of akamaster/pytorch_resnet_cifar10 for
    resnet20 to resnet110, and those of kuangliu/pytorch-cifar for its ResNets and VGGs. Every tensor goes into one
    weight and every weight gets one tensor, except that counters of batches and GoogLeNet's auxiliary classifiers are
    left out, and the classifier if the model has none (`include_top=False`). Where batch normalization has another
    epsilon there than here, the variances are shifted by the difference. Images must be preprocessed as for the PyTorch
    model.

    Args:
        model: what `cnnref.build` makes, of any input shape and number of classes that fits the weights. Its weights
            are replaced.
        state_dict: name -> tensor or array, or the path of a .pth, .pt, .th, .bin or .safetensors file.

    Returns:
        The same model.

    Raises:
        InputError: the file cannot be read, or a tensor is missing, left over or of another shape, or the network that
            the weights are for computes something else. The model is then unchanged.
    """
    convert(model, state_dict)
    return model


def convert(model: keras.Model, state_dict: Mapping[str, Any] | str | Path) -> Conversion:
    """Do what `from_torch` does, and return what was converted."""
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
    found = best_match(model.name, matches, tensors)
    check_shapes(model, found, tensors)
    epsilon = _epsilon(model, layouts[matches.index(found)][0])
    return fill(model, found, converted_values(model, found, tensors, lambda _: epsilon))


def convert_file(
    name: str,
    weights_path: str | Path,
    out: str | Path,
    *,
    classes: int | None = None,
    force: bool = False,
    normalization: Normalization | Literal["published"] | None = None,
    **options: Any,
) -> Conversion:
    """Build a model, load weights from a file into it, and write it as a .keras file.

        cnnref.convert.convert_file("resnet18", "resnet18-f37072fd.pth", "resnet18.keras")

    Args:
        name: one of `cnnref.list_models()`.
        weights_path: a .pth, .pt, .th, .bin or .safetensors file, see `from_torch`.
        out: the .keras file to write; a failure leaves no partial file.
        classes: outputs of the classifier in the file; by default the model's.
        force: replace `out` if it exists.
        normalization: means and standard deviations of values 0..1, with which the model normalizes raw pixels 0..255;
            None for a model without normalization. "published" is the normalization that the weights of the layout
            were published with: ImageNet's, but 0.5 for torchvision's GoogLeNet, and CIFAR-10's for
            kuangliu/pytorch-cifar.
        **options: further arguments of `cnnref.build`, such as `input_shape` or `padding`.

    Returns:
        The layout that was found, the numbers of tensors and parameters, and the normalization of the model.

    Raises:
        InputError: there is no such model, the weights do not fit it (see `from_torch`), `out` does not end in .keras,
            or exists and `force` is not given.
    """
    target = Path(out)
    if target.suffix != ".keras":
        raise InputError(f"{target} must end in .keras.")
    if target.is_dir() or (target.exists() and not force):
        raise InputError(
            f"{target} already exists; choose another file, or give {option('force', True)} to replace it."
        )
    tensors = read_weights(weights_path)
    if normalization == "published":
        layers = [layer.name for layer in models.outline(name, classes=classes, **options).layers]
        normalization = layout_of(name, layers, tensors).normalization
    model = models.build(name, classes=classes, normalization=normalization, **options)
    conversion = convert(model, tensors)
    save_model(model, target)
    return replace(conversion, normalization=normalization)


def known_layouts(family: str, name: str) -> list[Layout]:
    """The layouts in which weights of a family are published.

    Raises:
        InputError: no layout is known.
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
    """The layout under whose names most layers have tensors, the first if several do. Shapes are not compared.

    Args:
        name: one of `cnnref.list_models()`.
        layers: names of its layers.
        tensors: name -> tensor.

    Raises:
        InputError: no layout is known for the model.
    """
    # A name is that of a module with tensors (conv1.weight), or of a tensor (a scale that belongs to no module).
    found = {name.rpartition(".")[0] for name in tensors} | tensors.keys()
    known = known_layouts(models.spec(name).family, name)
    return max(known, key=lambda layout: sum(module in found for module in layout.names(layers).values()))


def _epsilon(model: keras.Model, layout: Layout) -> float:
    """The epsilon of the networks that the weights are for. Raises InputError if our network is built differently."""
    for pattern, reason in layout.excluded.items():
        if fnmatch(model.name, pattern):
            raise InputError(f"{model.name} cannot take these weights: {reason}.")
    padding = "tensorflow" if _pads_like_tensorflow(model) else "same"
    if padding not in layout.epsilons:
        raise InputError(
            f"The networks of {layout.title} pad both sides equally; build {model.name} with padding='same'."
        )
    others = (epsilon for pattern, epsilon in layout.other_epsilons.items() if fnmatch(model.name, pattern))
    return next(others, layout.epsilons[padding])


def _pads_like_tensorflow(model: keras.Model) -> bool:
    """Whether a strided convolution has TensorFlow's uneven padding, or an average does not count the zeros around."""
    windows = {
        "Conv2D": ("kernel_size", 2),
        "DepthwiseConv2D": ("kernel_size", 2),
        "AveragePooling2D": ("pool_size", 1),
    }
    for layer in model.layers:
        size, least_stride = windows.get(type(layer).__name__, ("", 0))
        if size and layer.padding == "same" and max(layer.strides) >= least_stride and max(getattr(layer, size)) > 1:
            return True
    return False
