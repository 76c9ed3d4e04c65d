"""How much further from Keras a reduced file is when other kernels compute it, beside what its export measured.

    python scripts/benchmarks/other_kernels.py [BUNDLE ...]

On another processor the same file runs in other kernels, which saturate integers and add up in another way. What they
differ in can be seen on one machine: ONNX Runtime without its graph optimizations, which runs every operator by itself,
and LiteRT with XNNPACK, with its own optimized kernels, and with its reference kernels. A processor can be emulated:

    qemu-x86_64 -cpu Nehalem .venv/bin/python scripts/benchmarks/other_kernels.py
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnnref.environment import quiet_stderr
from cnnref.runtimes import find_bundle, list_bundles, read_bundle, read_samples


def onnx(path: Path, images: Any) -> Iterator[tuple[str, Any]]:
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    for name, level in (("ONNX Runtime", levels.ORT_ENABLE_ALL), ("ONNX Runtime, unfused", levels.ORT_DISABLE_ALL)):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 4
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        yield name, session.run(["probabilities"], {"image": images.astype(np.float32)})[0]


def tflite(path: Path, images: Any) -> Iterator[tuple[str, Any]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    for name, kernels in (
        ("LiteRT, XNNPACK", OpResolverType.AUTO),
        ("LiteRT, own kernels", OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
        ("LiteRT, reference kernels", OpResolverType.BUILTIN_REF),
    ):
        with quiet_stderr():
            interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=kernels)
            interpreter.allocate_tensors()
        yield (
            name,
            interpreter.get_signature_runner("serving_default")(image=images.astype(np.float32))["probabilities"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", help="folders or names; by default all that come with the package")
    parser.add_argument("--json", action="store_true", help="print every measurement")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for given in arguments.bundles or list_bundles():
        bundle = read_bundle(find_bundle(given))
        samples = read_samples(bundle)
        for file, artifact in bundle.artifacts.items():
            measured = bundle.document["artifacts"][file].get("difference")
            if measured is None or artifact.format not in ("onnx", "tflite"):
                continue
            run = onnx if artifact.format == "onnx" else tflite
            for kernels, found in run(bundle.folder / file, samples.images):
                off = float(np.abs(found - samples.probabilities).max())
                rows.append({"bundle": bundle.name, "file": file, "kernels": kernels, "times": off / measured})
    if arguments.json:
        print(json.dumps(rows))
        return
    for kernels in dict.fromkeys(row["kernels"] for row in rows):
        of_these = [row for row in rows if row["kernels"] == kernels]
        worst = max(of_these, key=lambda row: row["times"])
        print(
            f"{kernels:28} {len(of_these):3} files, at most {worst['times']:.2f} times the difference of the export "
            f"({worst['file']} of {worst['bundle']})"
        )


if __name__ == "__main__":
    main()
