"""The folder micro/ of a bundle: a network for a microcontroller, measured in its runtime before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...environment import keras
from ...errors import ExportError
from ...runtimes.tflm import MODEL, RefusedError, arena_of
from ..calibration import Calibration
from ..contract import Contract
from .model import micro_model
from .operators import operators_of
from .program import sources

#: The most that boards have: 16 MiB of flash that a program can address, and 16 MiB of RAM outside the processor.
MOST_FLASH = 16 * 2**20
MOST_ARENA = 16 * 2**20


def write_micro(folder: Path, model: keras.Model, contract: Contract, calibration: Calibration) -> dict[str, Any]:
    """Write the .tflite file and the C++ sources into a new folder; return the facts for bundle.json.

    Raises:
        ExportError: the network needs an operator that TFLM does not have, or more memory than a microcontroller has.
        RuntimeMissingError: tflite-micro is not installed.
    """
    if not contract.is_classifier:
        raise ExportError(f"{contract.name} is no classifier, and the program for a microcontroller prints scores.")
    if model.count_params() > MOST_FLASH:
        raise ExportError(_too_big(contract, f"{model.count_params():,} bytes of weights"))
    content = micro_model(model, contract, calibration)
    operators = operators_of(content, contract.name)
    if len(content) > MOST_FLASH:
        raise ExportError(_too_big(contract, f"{len(content):,} bytes of flash"))
    try:
        arena = arena_of(content)
    except RefusedError as refused:
        raise ExportError(
            f"TensorFlow Lite for Microcontrollers cannot run {contract.name} ({refused}); export to the other formats."
        ) from None
    if arena > MOST_ARENA:
        raise ExportError(_too_big(contract, f"an arena of {arena:,} bytes"))
    folder.mkdir()
    (folder / MODEL).write_bytes(content)
    for name, text in sources(content, contract, operators, arena).items():
        (folder / name).write_text(text, encoding="ascii")
    return {
        "batch": 1,
        "input_dtype": "int8",
        "output_dtype": "int8",
        "flash_bytes": len(content),
        "arena_bytes": arena,
        "operators": operators,
    }


def _too_big(contract: Contract, what: str) -> str:
    return (
        f"{contract.name} needs {what}, and a microcontroller has at most {MOST_FLASH:,} of flash and {MOST_ARENA:,} "
        "of RAM; choose a smaller network or a smaller image, or leave out the target micro."
    )
