"""A .keras file is checked before Keras reads it: which objects its configuration names, and how much it may allocate.

Keras' own safe mode refuses pickled code, and still calls whatever function or class of Keras the configuration names,
with arguments that the file chooses: some of them write files, load other models or go to the network. So a file gets
through only if every object in it is a layer, an operation, an initializer or another part of a network from the list
below, or was registered by the program that loads it (`keras.saving.register_keras_serializable`).
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from ..environment import keras, shapes_alone
from ..errors import InputError, option

#: The members of a .keras file that are read; Keras may write assets (vocabularies) besides, which no CNN has.
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

#: Bounds of what is read: bytes of config.json, and how deep its objects may be nested.
LARGEST_CONFIG = 64 << 20
DEEPEST_CONFIG = 200

#: A model may have this many times the bytes of its weights file in variables (float16 kernels become float32), and
#: this many bytes besides (variables that Keras does not store, such as the state of random layers).
LARGEST_GROWTH, SPARE_BYTES = 4, 1 << 20

#: The most numbers that any tensor of the network may have for one picture.
LARGEST_TENSOR = 1 << 31

#: Public modules of Keras in which the objects of a network are looked up by name.
MODULES = (
    "keras",
    "keras.layers",
    "keras.models",
    "keras.ops",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.quantizers",
    "keras.random",
)

#: The modules of Keras with classes that have no public module: operations, functional models, parts of its networks.
PRIVATE_MODULES = "keras.src."

#: Layers that run foreign code, or read a file or a vocabulary that their configuration names.
REFUSED_LAYERS = frozenset({
    "FeatureSpace",
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TextVectorization",
    "TFSMLayer",
    "TorchModuleWrapper",
})  # fmt: skip

#: Values that Keras writes as objects of their own: numbers, arrays, and the tensors between the layers.
VALUES = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__bytes__"})


@contextlib.contextmanager
def checked_keras_file(path: Path, *, unsafe_lambda: bool = False) -> Iterator[Path]:
    """Yield a temporary .keras file with the checked parts of `path`: configuration, metadata and weights.

    Training settings (optimizer, losses, metrics) are left out, so that Keras does not build them either.

    Args:
        path: the file, which is not trusted.
        unsafe_lambda: also let `Lambda` layers through, whose code is in the file.

    Raises:
        InputError: the file is not a .keras file, names an object that is not on the list, or asks for more memory than
            its weights explain.
        OSError: the file cannot be read.
    """
    config, metadata, weights = _parts(path)
    _refuse_objects(config, path, unsafe_lambda=unsafe_lambda)
    _refuse_weights(weights, path)
    if not unsafe_lambda:  # code of the file is not run to count its variables, and such a file is trusted anyway
        _refuse_sizes(config, len(weights), path)
    with tempfile.TemporaryDirectory() as folder:
        checked = Path(folder) / "checked.keras"
        with zipfile.ZipFile(checked, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(CONFIG, json.dumps(config))
            archive.writestr(METADATA, metadata)
            archive.writestr(WEIGHTS, weights)
        yield checked


def _parts(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """The configuration, the metadata and the weights of a .keras file."""
    if not path.is_file():
        raise InputError(f"{path} is not a file; give a .keras file.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise InputError(f"{path} has two members of one name; do not use the file.")
            if missing := [name for name in (CONFIG, METADATA, WEIGHTS) if name not in members]:
                raise InputError(
                    f"{path} has no {missing[0]}, so it is no .keras file of Keras 3; save the model again."
                )
            if members[CONFIG].file_size > LARGEST_CONFIG or members[METADATA].file_size > LARGEST_CONFIG:
                raise InputError(
                    f"{path} has a {CONFIG} or {METADATA} of over {LARGEST_CONFIG >> 20} MiB; no CNN needs that."
                )
            if members[WEIGHTS].file_size > 100 * members[WEIGHTS].compress_size + SPARE_BYTES:
                raise InputError(
                    f"{path} has a {WEIGHTS} that unpacks to more than a hundred times its size; do not use it."
                )
            content = [archive.read(name) for name in (CONFIG, METADATA, WEIGHTS)]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} is not a complete .keras file ({error}); save the model again.") from None
    try:
        config = json.loads(content[0])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} has a damaged {CONFIG} ({type(error).__name__}); save the model again.") from None
    if not isinstance(config, dict) or "class_name" not in config:
        raise InputError(f"{path} has a {CONFIG} that describes no model; save the model again.")
    return config, content[1], content[2]


def _refuse_objects(config: dict[str, Any], path: Path, *, unsafe_lambda: bool) -> None:
    """Raise if the configuration names an object that is not part of a network; take training settings out of it."""
    custom = keras.saving.get_custom_objects()
    waiting: list[tuple[Any, tuple[str, ...]]] = [(config, ())]
    while waiting:
        value, place = waiting.pop()
        if len(place) > DEEPEST_CONFIG:
            raise InputError(f"{path} has a {CONFIG} nested more than {DEEPEST_CONFIG} deep; no CNN needs that.")
        if isinstance(value, list):
            waiting += [(item, (*place, str(index))) for index, item in enumerate(value)]
        elif isinstance(value, dict):
            if "class_name" in value:
                value.pop("compile_config", None)
                reason = _reason_to_refuse(value, custom, unsafe_lambda=unsafe_lambda)
                if reason:
                    where = ".".join(place) or "the model itself"
                    raise InputError(f"{path} is refused because of {where[:200]!r} in its {CONFIG}: {reason}")
            _refuse_eager_calls(value, place, path)
            waiting += [(item, (*place, str(key)[:80])) for key, item in value.items()]


def _reason_to_refuse(value: dict[str, Any], custom: dict[str, Any], *, unsafe_lambda: bool) -> str:
    """Why an object of a configuration may not be made, as a sentence; "" if it may."""
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not all(part is None or isinstance(part, str) for part in (name, module, registered)) or not name:
        return "its class, module or registered name is no text."
    if name in VALUES:
        return ""
    if unsafe_lambda and name in ("__lambda__", "Lambda"):
        return ""
    if name == "function":
        function = value.get("config")
        if function in custom:
            return ""
        names = {function, registered} - {None}
        if all(isinstance(each, str) and _is_allowed_function(each) for each in names) and names:
            return ""
        return (
            f"it names the function {str(function)[:80]!r}, which is neither an activation nor an operation of Keras."
        )
    if registered in custom or name in custom:
        return ""
    if name in ("Lambda", "__lambda__"):
        return (
            "a Lambda layer holds code, and code from a file is not run; write the layer with keras.ops or as a "
            f"registered class, or pass {option('unsafe_lambda', True)} if you trust the file."
        )
    found = _objects_named(name, module)
    if found and all(_is_part_of_a_network(each) for each in found):
        return ""
    what = f"{module}.{name}" if module else name
    return (
        f"{what[:120]!r} is no layer, operation or setting that is loaded from a file; if it is a class of yours, "
        "register it with keras.saving.register_keras_serializable before loading, and if not, do not use the file."
    )


def _is_allowed_function(name: str) -> bool:
    """Whether a function's name is that of an activation or of an operation on tensors."""
    public = (vars(keras.activations).get(name), vars(keras.ops).get(name))
    return any(callable(each) and not isinstance(each, type) for each in public) and name not in (
        "deserialize",
        "get",
        "serialize",
    )


def _objects_named(name: str, module: str | None) -> list[Any]:
    """What Keras may find under a name: in the module that is given, or anywhere if none is."""
    if module is None:
        found = [vars(sys.modules[each]).get(name) for each in MODULES if each in sys.modules]
        return [each for each in found if each is not None]
    known = module in MODULES or module.startswith(PRIVATE_MODULES)
    if not known or module not in sys.modules:  # importing a module would already run code
        return []
    only = vars(sys.modules[module]).get(name)
    return [] if only is None else [only]


def _is_part_of_a_network(found: Any) -> bool:
    """Whether an object is a class of layers, operations, initializers and so on that only computes."""
    parts = (
        keras.Operation,  # layers and models are operations, too
        keras.initializers.Initializer,
        keras.regularizers.Regularizer,
        keras.constraints.Constraint,
        keras.dtype_policies.DTypePolicy,
        keras.dtype_policies.DTypePolicyMap,
        keras.quantizers.Quantizer,
        keras.quantizers.QuantizationConfig,
        keras.random.SeedGenerator,
    )
    return isinstance(found, type) and issubclass(found, parts) and found.__name__ not in REFUSED_LAYERS


def _refuse_eager_calls(value: dict[str, Any], place: tuple[str, ...], path: Path) -> None:
    """Raise if a layer is called on constants alone: Keras would compute the result while it builds the network."""
    for call in value.get("inbound_nodes") or []:
        if isinstance(call, dict) and call.get("args") and "__keras_tensor__" not in json.dumps(call):
            where = ".".join((*place, "inbound_nodes"))[:200]
            raise InputError(
                f"{path} is refused because of {where!r} in its {CONFIG}: a layer is called without an input."
            )


def _refuse_weights(weights: bytes, path: Path) -> None:
    """Raise if the HDF5 file points outside of itself or declares arrays that it does not hold."""
    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            groups, seen = [file["/"]], set()
            while groups:
                group = groups.pop()
                for name in group:
                    link = group.get(name, getlink=True)
                    item = group[name] if isinstance(link, h5py.HardLink) else None
                    where = f"{path} has the weights {f'{group.name}/{name}'[:120]!r}"
                    if item is None:
                        raise InputError(f"{where} as a link to another place; do not use the file.")
                    if isinstance(item, h5py.Group):
                        if (place := h5py.h5o.get_info(item.id).addr) in seen:
                            raise InputError(f"{where} in a circle of groups; do not use the file.")
                        seen.add(place)
                        groups.append(item)
                    elif not isinstance(item, h5py.Dataset) or item.external or item.is_virtual:
                        raise InputError(f"{where} outside of the file; do not use the file.")
                    elif math.prod(item.shape) * item.dtype.itemsize > 4 * item.id.get_storage_size() + SPARE_BYTES:
                        raise InputError(f"{where} with the shape {item.shape}, of which it holds next to nothing.")
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} has a damaged {WEIGHTS} ({reason[:200]}); save the model again.") from None


def _refuse_sizes(config: dict[str, Any], stored: int, path: Path) -> None:
    """Raise if the network would allocate much more than its weights file holds.

    The network is built once without allocating memory: in a stateless scope, Keras makes variables with shapes alone.
    """
    with shapes_alone():
        model = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)), safe_mode=True)
    if not isinstance(model, keras.Model):
        raise InputError(f"{path} holds a {type(model).__name__} and no model.")
    needed = sum(math.prod(each.shape) * 4 for each in model.variables)
    if needed > LARGEST_GROWTH * stored + SPARE_BYTES:
        raise InputError(
            f"{path} describes a network with {needed:,} bytes of weights and holds {stored:,}; save the model again."
        )
    for layer in model._flatten_layers():
        for node in layer._inbound_nodes:
            for tensor in node.output_tensors:
                if math.prod(size or 1 for size in tensor.shape) > LARGEST_TENSOR:
                    raise InputError(f"{path} has the layer {layer.name[:80]!r} with {tensor.shape} numbers a picture.")
