"""Weights as they are published: a PyTorch checkpoint or a safetensors file as a dict of NumPy arrays.

Nothing that a file holds is run: PyTorch reads with `weights_only`, which knows tensors and plain containers.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

PYTORCH_FILES = (".pth", ".pt", ".th", ".bin")
SAFETENSORS_FILES = (".safetensors",)

#: Under which of these keys a training script puts the weights, beside epochs and the state of the optimizer.
WRAPPERS = ("state_dict", "model", "net")

#: What DataParallel and torch.compile put in front of every name.
PREFIXES = ("module.", "_orig_mod.")

#: The types of a safetensors file that can be weights; BF16 is the upper half of a float32.
SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_weights(source: Mapping[str, Any] | str | Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict, or of a file with one, by name.

    Args:
        source: name -> tensor or array; or the path of a .pth, .pt, .th, .bin or .safetensors file.

    Returns:
        Arrays as they are stored, in float32 where NumPy has no such type (bfloat16). Wrappers such as
        {"state_dict": ...} and prefixes such as "module." are gone.

    Raises:
        InputError: there is no such file, it is damaged, it holds code, or what it holds is no state dict.
    """
    if isinstance(source, Mapping):
        place, content = "The state dict", source
    else:
        path = Path(source)
        place, content = str(path), _file(path)
    content = _unwrapped(content, place)
    if not content:
        raise InputError(f"{place} holds no tensor.")
    arrays = {_bare(name): _array(value, name, place) for name, value in content.items()}
    if len(arrays) < len(content):
        raise InputError(f"{place} holds names that differ only in a prefix such as 'module.'; keep one set of them.")
    return arrays


def _file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if path.suffix in SAFETENSORS_FILES:
        return _safetensors(path)
    if path.suffix in PYTORCH_FILES:
        return _pytorch(path)
    known = ", ".join((*PYTORCH_FILES, *SAFETENSORS_FILES))
    raise InputError(f"{path} is not a file of weights that can be read here; its name must end in one of {known}.")


def _pytorch(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise InputError(
            f"Reading {path} takes PyTorch, which is not installed; install torch, or give a .safetensors file."
        ) from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is damaged or holds more than tensors, and nothing of it was run "
            f"({_first_line(error)}); write its state_dict() alone into a file and give that."
        ) from None
    except Exception as error:  # the readers of the formats within meet damage with almost any exception
        raise InputError(
            f"{path} is no whole PyTorch checkpoint ({_first_line(error)}; {path.stat().st_size:,} bytes found); "
            "get it again."
        ) from None


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        from safetensors import SafetensorError, deserialize
    except ImportError:
        raise InputError(f"Reading {path} takes the package safetensors, which is not installed.") from None
    try:
        read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize
        stored = read(path.read_bytes())
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file ({_first_line(error)}); get it again.") from None
    return {name: _stored(tensor) for name, tensor in stored}


def _stored(tensor: Mapping[str, Any]) -> np.ndarray:
    kind = tensor["dtype"]
    if kind not in SAFETENSORS_TYPES:  # a counter, say: it keeps its place and says what it is
        return np.empty(tensor["shape"], np.int64)
    values = np.frombuffer(tensor["data"], SAFETENSORS_TYPES[kind]).reshape(tensor["shape"])
    return (values.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else values


def _unwrapped(content: Any, place: str) -> Mapping[str, Any]:
    while isinstance(content, Mapping) and (
        inner := next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    ):
        content = inner
    if not isinstance(content, Mapping):
        raise InputError(f"{place} holds a {type(content).__name__} where a dict of tensors was expected.")
    return content


def _bare(name: Any) -> str:
    bare = str(name)
    while prefix := next((prefix for prefix in PREFIXES if bare.startswith(prefix)), ""):
        bare = bare.removeprefix(prefix)
    return bare


def _array(value: Any, name: Any, place: str) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return np.asarray(value.numpy())
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value, np.float32 if value.dtype.name == "bfloat16" else None)
    raise InputError(f"{place} has a {type(value).__name__} under {name!r} where a tensor was expected.")


def _first_line(error: BaseException) -> str:
    """The first sentence of a message that was made for another screen."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".") if lines else type(error).__name__
