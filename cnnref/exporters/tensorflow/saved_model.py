"""SavedModel: loads with plain TensorFlow, needs neither Keras nor cnnref."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...runtimes.bundle import SIGNATURE
from .graph import JPEG_SIGNATURE


def write_saved_model(module: Any, folder: Path) -> None:
    """Save a serving module: `serving_default` takes pixels, `serve_jpeg` encoded pictures, gray or RGB."""
    import tensorflow as tf

    signatures = {SIGNATURE: module.serve.get_concrete_function()}
    if hasattr(module, JPEG_SIGNATURE):
        signatures[JPEG_SIGNATURE] = module.serve_jpeg.get_concrete_function()
    # The gradient of silu would be saved as a function of its own, and inference has no gradients.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures=signatures, options=options)
    make_repeatable(folder)


def make_repeatable(folder: Path) -> None:
    """Take out what differs from one export of the same model to the next.

    TensorFlow numbers the functions of a process and signs the folder with a random id; loaders need neither.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    (folder / "fingerprint.pb").unlink(missing_ok=True)
    for empty in ("assets", "variables"):
        if (folder / empty).is_dir() and not any((folder / empty).iterdir()):
            (folder / empty).rmdir()

    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    functions = [f.signature.name for graph in saved.meta_graphs for f in graph.graph_def.library.function]
    names: dict[str, str] = {}
    for name in sorted(functions, key=_place):
        stem = re.sub(r"_\d+$", "", name)
        names[name] = f"{stem}_{sum(other.startswith(stem + '_') for other in names.values())}"
    for graph in saved.meta_graphs:
        _rename_functions(graph, names)
    path.write_bytes(saved.SerializeToString(deterministic=True))


def _place(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdigit() else (name, 0)


def _rename_functions(graph: Any, names: dict[str, str]) -> None:
    library = graph.graph_def.library
    for function in library.function:
        function.signature.name = names[function.signature.name]
        for node in function.node_def:
            _rename_in_node(node, names)
        for given in function.signature.input_arg:  # what the condition of a loop is handed and does not read
            given.name = re.sub(r"_\d+___redundant", "___redundant", given.name)
        for argument in function.arg_attr.values():
            argument.attr.pop("_user_specified_name", None)  # a counter, for the captured weights
    for node in graph.graph_def.node:
        _rename_in_node(node, names)
    ordered = sorted(library.function, key=lambda function: function.signature.name)
    del library.function[:]
    library.function.extend(ordered)
    concrete = graph.object_graph_def.concrete_functions
    for old in list(concrete):
        if names.get(old, old) != old:
            concrete[names[old]].CopyFrom(concrete[old])
            del concrete[old]
    for node in graph.object_graph_def.nodes:
        functions = node.function.concrete_functions if node.HasField("function") else []
        for index, old in enumerate(functions):
            functions[index] = names.get(old, old)
        if node.HasField("bare_concrete_function"):
            bare = node.bare_concrete_function
            bare.concrete_function_name = names.get(bare.concrete_function_name, bare.concrete_function_name)


def _rename_in_node(node: Any, names: dict[str, str]) -> None:
    for attribute in node.attr.values():
        if attribute.HasField("func"):
            attribute.func.name = names.get(attribute.func.name, attribute.func.name)
        elif attribute.HasField("s") and attribute.s.decode("utf-8", "replace") in names:
            attribute.s = names[attribute.s.decode()].encode()
