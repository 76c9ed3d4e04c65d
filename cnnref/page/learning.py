"""How a network learned: the weights that it had after a few epochs, for a page that shows them one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ..errors import InputError

#: Of each epoch, what the page draws, if it was measured.
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Learning:
    """What is known of the run that a network comes from.

    Attributes:
        models: the ONNX file of the same network by the epoch after which it had these weights, 0 for the beginning.
        rows: for each epoch of the run its number as `epoch`, and what was measured in it; see `CURVES`.
    """

    models: Mapping[int, bytes]
    rows: Sequence[Mapping[str, float]]


def learning_facts(learning: Learning, trained: onnx.ModelProto) -> tuple[dict[str, Any], bytes]:
    """What the page has to know, and the numbers of all epochs: float32, little-endian, constant after constant.

    Epochs whose weights are those of the trained network are left out, for that is on the page anyway.

    Args:
        learning: the epochs.
        trained: the network of the page.

    Raises:
        InputError: a file is not the same network with other float32 weights.
    """
    own = _constants(trained)
    others = {}
    for epoch, content in sorted(learning.models.items()):
        graph = onnx.load_model_from_string(content)
        if _without_weights(graph) != _without_weights(trained):
            raise InputError(f"The network after epoch {epoch} is not that of the page; export the run with snapshots.")
        others[epoch] = _constants(graph)
    names = [
        name for name, value in own.items() if any(not np.array_equal(other[name], value) for other in others.values())
    ]
    if wrong := [name for name in names if own[name].dtype != np.float32]:
        raise InputError(f"{wrong[0]} changes from epoch to epoch and is not float32, which the page cannot show.")
    kept = {epoch: other for epoch, other in others.items() if any((other[n] != own[n]).any() for n in names)}
    facts = {
        "epochs": list(kept),
        "constants": [{"name": name, "length": own[name].size} for name in names],
        "rows": [{key: float(row[key]) for key in ("epoch", *CURVES) if key in row} for row in learning.rows],
    }
    parts = [other[name].astype("<f4").tobytes() for other in kept.values() for name in names]
    return facts, b"".join(parts)


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray[Any, Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _without_weights(model: onnx.ModelProto) -> tuple[Any, ...]:
    """What makes two graphs the same network: the nodes, and the names, kinds and sizes of the weights."""
    nodes = tuple(node.SerializeToString(deterministic=True) for node in model.graph.node)
    return nodes, {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in model.graph.initializer}
