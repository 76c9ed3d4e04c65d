"""Open an artifact of a bundle with the runner for its format.

This is a file of its own because the runners import runner.py: nothing may import both ways.
"""

from __future__ import annotations

from ..errors import InputError
from .bundle import PROBABILITIES, Artifact, Bundle
from .runner import FixedBatch, Runner


def open_artifact(bundle: Bundle, name: str, threads: int | None = None) -> Runner:
    """Load an artifact of a bundle in its runtime, by default with one thread for each usable core.

    Raises:
        InputError: the bundle has no such artifact, or none that can be run here; or `threads` is below 1.
        RuntimeMissingError: the runtime is not installed.
        VerificationError: the runtime cannot load the file.
    """
    names = [artifact.name for artifact in bundle.must_run()]
    if name not in names:
        raise InputError(f"{bundle.folder} has no artifact {name!r} that can be run; it has: {', '.join(names)}.")
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give 1 or more.")
    artifact = bundle.artifacts[name]
    runner = _opened(bundle, artifact, threads)
    # The file of a microcontroller takes one image at a time, whatever the others take.
    one_by_one = artifact.format == "micro"
    return runner if bundle.batch is None or one_by_one else FixedBatch(runner, bundle.batch)


def _opened(bundle: Bundle, artifact: Artifact, threads: int | None) -> Runner:
    path = bundle.folder / artifact.name
    output = bundle.outputs[0].name if len(bundle.outputs) == 1 else PROBABILITIES
    if artifact.format == "onnx":
        from .onnx_runtime import OnnxRunner

        return OnnxRunner(path, layout=artifact.layout, threads=threads, output=output)
    if artifact.format == "tflite":
        from .litert import LiteRTRunner

        return LiteRTRunner(path, threads=threads, output=output)
    if artifact.format == "micro":
        from .tflm import MODEL, TFLMRunner

        assert artifact.arena_bytes is not None, "read_bundle asks for it"
        return TFLMRunner(path / MODEL, arena=artifact.arena_bytes)
    from .saved_model import SavedModelRunner

    return SavedModelRunner(path, threads=threads, output=output)
