"""Open an artifact of a bundle with the runner for its format.

This is a file of its own because the runners import runner.py: nothing may import both ways.
"""

from __future__ import annotations

from ..errors import InputError
from .bundle import PROBABILITIES, Artifact, Bundle
from .integrity import require_listed
from .micro import ComparedRunner
from .runner import FixedBatch, InRange, Runner
from .tflm import MODEL, TFLMRunner


def open_artifact(bundle: Bundle, name: str, threads: int | None = None) -> Runner:
    """Load an artifact of a bundle in its runtime, in this process, if it has the bytes that bundle.json lists.

    Args:
        bundle: the bundle.
        name: the artifact's.
        threads: by default one for each usable core.

    Raises:
        InputError: the bundle has no such artifact, or none that can be run here; or `threads` is below 1.
        RuntimeMissingError: the runtime is not installed.
        VerificationError: the file has changed, or the runtime cannot load it.
    """
    artifact = runnable_artifact(bundle, name)
    require_listed(bundle, artifact.name)
    return load_artifact(bundle, name, threads)


def load_artifact(bundle: Bundle, name: str, threads: int | None = None, *, compare: bool = False) -> Runner:
    """The same for a file whose bytes have been checked.

    Args:
        compare: run the file of a microcontroller in LiteRT's reference kernels beside TFLM.
    """
    artifact = runnable_artifact(bundle, name)
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give 1 or more.")
    runner = _opened(bundle, artifact, threads)
    # The file of a microcontroller takes one image at a time, whatever the others take.
    if artifact.format == "micro":
        return ComparedRunner(runner) if compare and isinstance(runner, TFLMRunner) else runner
    if bundle.activation in ("softmax", "sigmoid"):
        runner = InRange(runner)
    return runner if bundle.batch is None else FixedBatch(runner, bundle.batch)


def runnable_artifact(bundle: Bundle, name: str) -> Artifact:
    """An artifact by its name.

    Raises:
        InputError: the bundle has none of that name that a runtime runs.
    """
    names = [artifact.name for artifact in bundle.must_run()]
    if name not in names:
        raise InputError(f"{bundle.folder} has no artifact {name!r} that can be run; it has: {', '.join(names)}.")
    return bundle.artifacts[name]


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
        assert artifact.arena_bytes is not None, "read_bundle asks for it"
        return TFLMRunner(path / MODEL, arena=artifact.arena_bytes)
    from .saved_model import SavedModelRunner

    return SavedModelRunner(path, threads=threads, output=output)
