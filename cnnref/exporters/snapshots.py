"""The snapshots of a run as ONNX files: the network that a bundle of the run has, with the weights of each epoch."""

from __future__ import annotations

from ..errors import InputError
from ..training.checkpoint import restore_weights
from ..training.run import Run
from ..training.snapshots import list_snapshots
from .contract import contract_of
from .onnx.model import onnx_model
from .options import ExportOptions
from .preparation import prepared
from .source import find_source


def snapshot_models(run: Run) -> dict[int, bytes]:
    """model.onnx as it would have been after each epoch of which the run has a snapshot; 0 is before the first step.

    Raises:
        InputError: the run has not finished, has no snapshots, or a file of it is damaged.
        ExportError: the network cannot be exported.
    """
    source = find_source(run)
    files = list_snapshots(run.snapshots)
    if not files:
        raise InputError(
            f"{run.folder} has no snapshots; train with snapshots.epochs in the recipe, such as "
            "`cnnref train lenet5-digits --set snapshots.epochs=[0,1,2,5,10,20]`."
        )
    variables = {f"model/{place:04d}/{one.path}": one for place, one in enumerate(source.model.variables)}
    found = {}
    for epoch, file in files.items():
        restore_weights(file, variables)
        model = prepared(source, ExportOptions()).model
        contract = contract_of(model, source.name, source.labels, source.provenance, picture=source.picture)
        found[epoch] = onnx_model(model, contract).SerializeToString(deterministic=True)
    return found
