"""Seconds of an ONNX export by cnnref beside Keras' own exporter, for a small and a larger network.

    python scripts/benchmarks/export_speed.py [--rounds 3] [--models lenet5 resnet50]

Three exports of each network take turns: the conversion by cnnref alone, `cnnref.export`, which also reads its model,
writes the bundle and verifies the file in ONNX Runtime, and Keras' `Model.export(format="onnx")`, which verifies
nothing. A first turn, in which everything is imported, is not counted. Prints the best of the rounds in seconds, the
bytes of the .onnx file, and the ratio of each to Keras' exporter.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cnnref
from cnnref.environment import keras, quiet_stderr
from cnnref.exporters import contract_of
from cnnref.exporters.onnx.model import onnx_model

CONVERSION, BUNDLE, KERAS = "cnnref, conversion alone", "cnnref.export, verified", "Keras' Model.export"


def exporters_of(name: str, model: keras.Model) -> dict[str, Callable[[Path], Path]]:
    """The three exports of a network; each writes into an empty folder and returns its .onnx file."""

    def conversion(folder: Path) -> Path:
        path = folder / "model.onnx"
        path.write_bytes(onnx_model(model, contract_of(model, name)).SerializeToString(deterministic=True))
        return path

    def bundle(folder: Path) -> Path:
        cnnref.export(model, folder / "bundle", formats=["onnx"], precisions=["float32"])
        return folder / "bundle" / "model.onnx"

    def by_keras(folder: Path) -> Path:
        path = folder / "model.onnx"
        model.export(path, format="onnx", verbose=False)
        return path

    return {CONVERSION: conversion, BUNDLE: bundle, KERAS: by_keras}


def measure(name: str, rounds: int) -> dict[str, tuple[float, int]]:
    """The seconds of the quickest of `rounds` exports, and the bytes of the file, by exporter."""
    model = cnnref.build(name)
    exporters = exporters_of(name, model)
    found = {exporter: (float("inf"), 0) for exporter in exporters}
    for turn in range(-1, rounds):
        for exporter, export in exporters.items():
            with tempfile.TemporaryDirectory() as folder, quiet_stderr():
                began = time.perf_counter()
                path = export(Path(folder))
                seconds = time.perf_counter() - began
                if turn >= 0:  # the turn before imports
                    found[exporter] = min(found[exporter][0], seconds), path.stat().st_size
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="exports that are timed of each network and exporter")
    parser.add_argument("--models", nargs="+", default=["lenet5", "resnet50"], help="names that `cnnref models` lists")
    given = parser.parse_args()
    for name in given.models:
        found = measure(name, given.rounds)
        print(f"{name}, best of {given.rounds}:")
        for exporter, (seconds, size) in found.items():
            print(f"  {exporter:26} {seconds:8.3f} s   {seconds / found[KERAS][0]:5.2f} of Keras   {size:12,} bytes")


if __name__ == "__main__":
    main()
