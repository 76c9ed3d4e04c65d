"""Export a .keras file with Keras' and torch's own exporters: a program of its own, which `peers` runs.

KERAS_BACKEND decides which of them write. Each writes an input `image` and an output `probabilities`, so that the
runners of a bundle run the files as they are.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..environment import keras
from ..models.saving import load_model
from ..runtimes.bundle import IMAGE, PROBABILITIES
from ..runtimes.runner import one_line

#: A JSON file beside the exported ones, which says why one is missing.
NOTES = "notes.json"


def write_all(source: Path, folder: Path) -> None:
    """Write what the backend can write into `folder`, never a part of a file, and why one is missing into NOTES."""
    model = load_model(source)
    partial, notes = folder / "partial", {}
    partial.mkdir()
    for name, write in EXPORTS[keras.backend.backend()].items():
        try:
            write(model, partial / name)
            os.replace(partial / name, folder / name)
        except ModuleNotFoundError as missing:
            notes[name] = f"{missing.name} is not installed"
        except Exception as error:  # exporters raise whatever they run into
            notes[name] = one_line(error, 160)
        (folder / NOTES).write_text(json.dumps(notes), encoding="utf-8")


def _by_keras(form: str) -> Callable[[Any, Path], None]:
    def write(model: Any, path: Path) -> None:
        image = keras.Input(model.inputs[0].shape[1:], name=IMAGE)
        named = keras.Model(image, {PROBABILITIES: model(image)})
        named(np.zeros((1, *image.shape[1:]), np.float32))  # Keras exports only what was called
        named.export(path, format=form, verbose=False)

    return write


def _by_torch(dynamo: bool) -> Callable[[Any, Path], None]:
    def write(model: Any, path: Path) -> None:
        import torch

        if dynamo:
            import onnxscript  # noqa: F401  torch says less clearly that it is missing

        class Network(torch.nn.Module):  # type: ignore[misc, unused-ignore]
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, image: Any) -> Any:
                return self.model(image, training=False)

        # A batch of one would be taken for a constant.
        images = torch.zeros(2, *model.inputs[0].shape[1:])
        options: dict[str, Any] = {"dynamic_axes": {IMAGE: {0: "batch"}, PROBABILITIES: {0: "batch"}}}
        if dynamo:
            options = {"dynamic_shapes": {IMAGE: {0: torch.export.Dim.DYNAMIC}}, "external_data": False}
        torch.onnx.export(
            Network().eval(),
            (images,),
            path,
            dynamo=dynamo,
            input_names=[IMAGE],
            output_names=[PROBABILITIES],
            verbose=False,
            **options,
        )

    return write


#: By backend, then by the name of the file: who writes it.
EXPORTS: dict[str, dict[str, Callable[[Any, Path], None]]] = {
    "tensorflow": {
        "saved_model": _by_keras("tf_saved_model"),
        "keras.onnx": _by_keras("onnx"),
        "keras.tflite": _by_keras("litert"),
    },
    "torch": {"torch.onnx": _by_torch(dynamo=True), "torchscript.onnx": _by_torch(dynamo=False)},
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write_all(Path(sys.argv[1]), Path(sys.argv[2]))
