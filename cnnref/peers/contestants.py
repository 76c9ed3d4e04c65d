"""What a bundle is timed against: Keras itself, and what Keras' and torch's own exporters write of the same network."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ..runtimes.bench import KERAS, Contestant
from ..runtimes.integrity import require_listed
from ..runtimes.litert import LiteRTRunner
from ..runtimes.manifest import read_bundle
from ..runtimes.onnx_runtime import OnnxRunner
from ..runtimes.runner import Runner
from ..runtimes.saved_model import SavedModelRunner
from .exports import NOTES
from .keras_runner import KerasRunner
from .openvino import in_openvino

#: Seconds that the exporters of one backend may take together.
TIMEOUT = 300
TORCH = "torch"

#: By backend: the file in the temporary folder, what the table calls it, its format and runner, and who made it.
PEERS: dict[str, list[tuple[str, str, str, type, str]]] = {
    "tensorflow": [
        ("saved_model", "SavedModel", "saved_model", SavedModelRunner, KERAS),
        ("keras.onnx", "ONNX (tf2onnx)", "onnx", OnnxRunner, KERAS),
        ("keras.tflite", "TFLite", "tflite", LiteRTRunner, KERAS),
    ],
    "torch": [
        ("torch.onnx", "ONNX", "onnx", OnnxRunner, TORCH),
        ("torchscript.onnx", "ONNX (TorchScript)", "onnx", OnnxRunner, TORCH),
    ],
}


@contextlib.contextmanager
def peers(folder: str | Path, *, threads: int | None = None, timeout: float = TIMEOUT) -> Iterator[list[Contestant]]:
    """The contestants that `benchmark` takes as `others`; their files are gone when the block ends.

    The exporters run in processes of their own, one a backend, for at most `timeout` seconds. Where one fails,
    the contestant's note says why. Where OpenVINO is installed, the bundle's own .onnx files are run in it as well.

    Raises:
        InputError: the folder is not a bundle.
        VerificationError: its .keras file is not the one that bundle.json lists.
    """
    bundle = read_bundle(folder)
    source = next((bundle.folder / one.name for one in bundle.artifacts.values() if one.format == "keras"), None)
    if source is None:
        none = "not timed: the bundle has no .keras file, from which all peers are made"
        yield [*in_openvino(bundle, threads), Contestant("model.keras", "keras", "float32", None, 0, KERAS, none)]
        return
    require_listed(bundle, source.name)
    keras = Contestant(
        *(source.name, "keras", "float32"), partial(KerasRunner, source, threads=threads), _bytes(source), by=KERAS
    )
    with tempfile.TemporaryDirectory(prefix="cnnref-peers-") as temporary:
        with ThreadPoolExecutor() as pool:
            made = pool.map(lambda backend: _made(source, Path(temporary) / backend, threads, timeout), PEERS)
            found = [contestant for contestants in made for contestant in contestants]
        yield [*in_openvino(bundle, threads), keras, *found]


def _made(source: Path, folder: Path, threads: int | None, timeout: float) -> list[Contestant]:
    """The peers of the backend that the folder is named after."""
    folder.mkdir()
    reason = _export(source, folder, timeout)
    notes = json.loads((folder / NOTES).read_bytes()) if (folder / NOTES).is_file() else {}
    made = []
    for name, label, form, runner, by in PEERS[folder.name]:
        path = folder / name
        start: partial[Runner] | None = partial(runner, path, threads=threads) if path.exists() else None
        note = "" if start else f"not timed: {notes.get(name, reason)}"
        made.append(Contestant(label, form, "float32", start, _bytes(path), by, note))
    return made


def _export(source: Path, folder: Path, timeout: float) -> str:
    """Run the exporters of one backend; returns why a file that they did not write is missing."""
    backend = folder.name
    if importlib.util.find_spec(backend) is None:
        return f"{backend} is not installed"
    package = Path(__file__).parents[2]
    paths = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
    # An export needs no GPU, and TensorFlow would take all of its memory.
    settings = {"KERAS_BACKEND": backend, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-P", "-m", f"{__package__}.exports", str(source.resolve()), str(folder)]
    try:
        ended = subprocess.run(
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        return f"the export took longer than {timeout:g} s"
    if ended.returncode < 0:
        return f"the export was ended by signal {-ended.returncode}"
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return lines[-1][:160] if lines else f"the export ended with exit status {ended.returncode}"


def _bytes(path: Path) -> int:
    """Size of a file, or of all files of a folder; 0 if there is none."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
