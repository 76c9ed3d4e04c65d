"""The operators of a SavedModel are looked at before TensorFlow loads it: those that only compute are let through.

A SavedModel is a program: its functions may read and write files, call Python, wait, or end the process, and some of
them run while it is loaded. What Keras and TensorFlow write for a network needs none of that, but for the two functions
that save and restore variables; nothing else in the file may call those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import printable
from ..files import read_regular
from .runner import failure, import_runtime

GRAPH = "saved_model.pb"
#: The same in other notations, which TensorFlow would read too.
OTHER_GRAPHS = ("saved_model.pbtxt", "saved_model.cpb")
#: The most bytes of the graph: a protocol buffer holds no more.
LARGEST_GRAPH = (1 << 31) - 1

#: Of the operators with a state: variables, calls, branches and loops.
WITH_STATE = frozenset({
    "Assert",
    "AssignVariableOp",
    "Case",
    "DisableCopyOnRead",
    "If",
    "PartitionedCall",
    "ReadVariableOp",
    "ResourceGather",
    "StatefulPartitionedCall",
    "VarHandleOp",
    "VarIsInitializedOp",
    "VariableShape",
    "While",
})  # fmt: skip

#: Operators that TensorFlow calls stateless although they read files, run other code or end the process.
REFUSED = re.compile(
    "File|Dataset|Reader|PyFunc|Abort|Snapshot|Debug|ImmutableConst|Vocab|Register|Tpu|TPU|Launch|Custom|Summary|Table"
    "|Queue|Accumulator|Barrier|Iterator|Proto|Host|Mesh|DTensor|Save|Restore|Checkpoint|Sleep|Rpc|Send|Recv|Mlir|Foo"
)

#: What the functions that save and restore variables call besides.
OF_SAVERS = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})


def refuse_operators(folder: Path) -> None:
    """Raise if a SavedModel could do anything but compute.

    Raises:
        VerificationError: the graph cannot be read, names a file, or has an operator that is not let through.
        OSError, InputError: there is no such file, or it is no regular file.
    """
    registry: Any = import_runtime("tensorflow.python.framework.op_def_registry", "tensorflow")
    format_of_graphs: Any = import_runtime("tensorflow.core.protobuf.saved_model_pb2", "tensorflow")
    if others := [name for name in OTHER_GRAPHS if (folder / name).exists()]:
        raise failure(folder, f"it has the file {others[0]}, which no export writes")
    saved: Any = format_of_graphs.SavedModel()
    saved.ParseFromString(read_regular(folder / GRAPH, LARGEST_GRAPH, "graph"))

    def refuse(where: str, names: Iterable[str], besides: frozenset[str]) -> None:
        for name in names:
            known = registry.get(name)
            fine = known is not None and not known.is_stateful and not REFUSED.search(name)
            if not (fine or name in WITH_STATE or name in besides):
                shown, place = printable(name, 60), printable(where, 60)
                raise failure(folder, f"its {place} has the operator {shown}, which no network needs; it is not loaded")

    for meta in saved.meta_graphs:
        if meta.asset_file_def or any(node.HasField("asset") for node in meta.object_graph_def.nodes):
            raise failure(folder, "it names a file of its own to read, which no network needs; it is not loaded")
        if not meta.object_graph_def.nodes:
            raise failure(folder, "it is of TensorFlow 1, which runs functions when it is loaded; it is not loaded")
        library = {function.signature.name: function for function in meta.graph_def.library.function}
        savers, of_savers = _savers(meta, library)
        called = set(_referred(meta))
        for node in meta.graph_def.node:
            refuse("graph", [node.op], frozenset())
            if node.name not in savers:
                called |= _calls(node)
        for name, function in library.items():
            if name not in of_savers:
                called |= {each for node in function.node_def for each in _calls(node)}
        for name, function in library.items():
            alone = name in of_savers and name not in called
            refuse(f"function {name}", [node.op for node in function.node_def], OF_SAVERS if alone else frozenset())


def _savers(meta: Any, library: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The nodes that save and restore the variables, and the functions that only these call."""
    names = {meta.saver_def.save_tensor_name.partition(":")[0], meta.saver_def.restore_op_name} - {""}
    waiting = [each for node in meta.graph_def.node if node.name in names for each in _calls(node)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in library and name not in found:
            found.add(name)
            waiting += [each for node in library[name].node_def for each in _calls(node)]
    return names, found


def _calls(node: Any) -> set[str]:
    """The functions that a node calls."""
    found = {value.func.name for value in node.attr.values() if value.HasField("func")}
    return found | {each.name for value in node.attr.values() for each in value.list.func}


def _referred(meta: Any) -> set[str]:
    """The functions that the objects of a SavedModel, or its gradients, have by name."""
    objects = meta.object_graph_def
    found = set(objects.concrete_functions)
    for node in objects.nodes:
        found |= set(node.function.concrete_functions) | {node.bare_concrete_function.concrete_function_name}
    return found | {gradient.gradient_func for gradient in meta.graph_def.library.gradient}
