"""What must be set before a backend is imported, and what the machine turns out to be.

This is the one door to Keras: every module of the package takes `keras`, `layers` and `ops` from here. They are
imported at first use, so that listing models or checking a file costs no TensorFlow import, and always after
`prepare` has set the environment.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import InputError, printable

#: Set unless the user has set them. oneDNN is off by default on CPUs without AVX-512.
DEFAULTS = {"TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

#: How many threads compute, where the user says so; others add up in another order, and last digits differ.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

#: The backends of Keras that training runs on, and what to install for each.
BACKENDS = {"tensorflow": "tensorflow", "jax": "'cnnref[jax]'", "torch": "torch"}

#: Where Keras keeps the variables that have no values yet.
WAITING = "uninitialized_variables"

#: The packages whose versions a run or a bundle records.
PACKAGES = (
    "cnnref",
    "keras",
    "tensorflow",
    "numpy",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "tflite-micro",
    "tf2onnx",
    "jax",
    "torch",
    "onnxscript",
    "openvino",
)


def prepare() -> None:
    """Set what a backend reads once, when it is imported. Calling it again changes nothing."""
    if "tensorflow" in sys.modules and "TF_ENABLE_ONEDNN_OPTS" not in os.environ:
        warnings.warn(
            "TensorFlow was imported before cnnref, too late to turn oneDNN on, without which training on a CPU can be "
            "several times slower; import cnnref first, or set TF_ENABLE_ONEDNN_OPTS=1.",
            RuntimeWarning,
            stacklevel=3,
        )
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what native code writes to standard error off the screen; it is shown after all if the block fails."""
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        try:
            yield
        except BaseException:
            heard.seek(0)
            os.write(screen, heard.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


class _Lazy(ModuleType):
    """Stands for a module and imports it when the first name is asked of it."""

    def __getattr__(self, attribute: str) -> Any:
        if self.__name__ not in sys.modules:
            prepare()
            try:
                with quiet_stderr():  # TensorFlow greets with lines that no log level turns off
                    importlib.import_module(self.__name__)
            except (ImportError, ValueError) as error:
                raise InputError(_backend_failure(error)) from error
        return getattr(sys.modules[self.__name__], attribute)


def _backend_failure(error: Exception) -> str:
    """Why Keras could not be imported, and what to install."""
    chosen = os.environ.get("KERAS_BACKEND", "")
    if not chosen:
        return (
            f"Keras cannot be imported: {printable(str(error))}; install cnnref anew, or look into ~/.keras/keras.json."
        )
    if chosen not in BACKENDS:
        return (
            f"KERAS_BACKEND is {printable(chosen)!r}; choose {', '.join(BACKENDS)}, or leave it unset for TensorFlow."
        )
    return (
        f"KERAS_BACKEND is {chosen!r}, and {chosen} cannot be imported ({printable(str(error))}); install it with "
        f"pip install {BACKENDS[chosen]}, or unset KERAS_BACKEND for TensorFlow."
    )


if TYPE_CHECKING:
    # Named twice, which says to type checkers that other files may take them from here.
    import keras as keras
    from keras import layers as layers
    from keras import ops as ops
else:
    keras, layers, ops = (_Lazy(name) for name in ("keras", "keras.layers", "keras.ops"))


def lazy_names(package: str, files: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: which of its files has which of its names."""
    homes = {name: file for file, names in files.items() for name in names}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{homes[name]}", package), name)
        setattr(sys.modules[package], name, value)  # the next look-up does not come here
        return value

    return load


@contextlib.contextmanager
def shapes_alone() -> Iterator[None]:
    """Let Keras make networks whose weights have shapes and no values, which costs next to no memory and time.

    Keras keeps a list of the variables that it made so, and gives all of them their values when the next scope of this
    kind ends, whoever opened it: gigabytes, if many networks were looked at. What was made in here is taken off it.
    """
    with keras.StatelessScope(initialize_variables=False):
        from keras.src.backend.common import global_state  # after Keras itself, whose import explains what fails

        waiting = global_state.get_global_attribute(WAITING, [], set_to_default=True)
        before = len(waiting)
        try:
            yield
        finally:
            del waiting[before:]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the backend."""
    with quiet_stderr():  # Keras imports TensorFlow for this, whatever its backend
        keras.utils.set_random_seed(seed)


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide a result, read without importing any of them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    """The processor's name as the operating system gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cpu_flags(facts: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets of the processor as the operating system names them; empty where it does not say."""
    try:
        lines = facts.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(named, []))


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def accelerators() -> list[str]:
    """Names of the GPUs (or TPUs) that the running backend will compute on; empty on a CPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return []


def fast_bfloat16() -> bool:
    """Whether the running backend computes faster in bfloat16 than in float32 on this machine.

    On a GPU from NVIDIA's compute capability 8 on; on a CPU with TensorFlow, whose oneDNN uses the AVX-512 or AMX
    instructions for it. XLA on a CPU was slower.
    """
    backend = keras.backend.backend()
    if accelerators():
        if backend == "tensorflow":
            import tensorflow as tf

            gpu = tf.config.list_physical_devices("GPU")[0]
            capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
            return bool(capability[0] >= 8)
        if backend == "torch":
            import torch

            return bool(torch.cuda.get_device_capability(0)[0] >= 8)
        return True
    return backend == "tensorflow" and bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def report() -> dict[str, Any]:
    """What a number depends on: machine, device, backend, versions and settings."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "accelerators": accelerators(),
        "backend": keras.backend.backend(),
        "settings": {name: os.environ.get(name, "") for name in DEFAULTS}
        | {name: os.environ[name] for name in THREADS if name in os.environ},
        "versions": versions(),
    }


def device_line() -> str:
    """The device report as one line for people."""
    found = accelerators()
    device = ", ".join(found) if found else f"CPU ({cpu_name()}, {usable_cores()} cores; no GPU found)"
    return f"{device}; Keras on {keras.backend.backend()}"
