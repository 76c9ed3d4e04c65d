"""Weights as they are published: a PyTorch checkpoint or a safetensors file as a dict of NumPy arrays.

Neither PyTorch nor another package is needed, and nothing that a file holds is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .pytorch_files import Tensor, read_pytorch, values_of
from .safetensors_files import read_safetensors

PYTORCH_FILES = (".pth", ".pt", ".th", ".bin")
SAFETENSORS_FILES = (".safetensors",)

#: Under which of these keys a training script puts the weights, beside epochs and the state of the optimizer.
WRAPPERS = ("state_dict", "model", "net")

#: What DataParallel and torch.compile put in front of every name.
PREFIXES = ("module.", "_orig_mod.")


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
    arrays = {_bare(name, place): _array(value, name, place) for name, value in content.items()}
    if len(arrays) < len(content):
        raise InputError(f"{place} holds names that differ only in a prefix such as 'module.'; keep one set of them.")
    return arrays


def _file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if path.suffix in SAFETENSORS_FILES:
        return read_safetensors(path)
    if path.suffix in PYTORCH_FILES:
        return read_pytorch(path)
    known = ", ".join((*PYTORCH_FILES, *SAFETENSORS_FILES))
    raise InputError(f"{path} is not a file of weights that can be read here; its name must end in one of {known}.")


def _unwrapped(content: Any, place: str) -> Mapping[str, Any]:
    for _ in WRAPPERS:  # not without end: a dict in a file can hold itself
        if isinstance(content, Mapping):
            inner = (content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping) and content[key])
            content = next(inner, content)
    if not isinstance(content, Mapping):
        raise InputError(f"{place} holds a {type(content).__name__} where a dict of tensors was expected.")
    return content


def _bare(name: Any, place: str) -> str:
    if not isinstance(name, str):
        raise InputError(f"{place} has a key of type {type(name).__name__} where the names of tensors were expected.")
    bare = name
    while prefix := next((prefix for prefix in PREFIXES if bare.startswith(prefix)), ""):
        bare = bare.removeprefix(prefix)
    return bare


def _array(value: Any, name: str, place: str) -> np.ndarray:
    if isinstance(value, Tensor):
        return values_of(value, Path(place))
    if hasattr(value, "detach"):  # a tensor of PyTorch, in memory
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return np.asarray(value.numpy())
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value, np.float32 if value.dtype.name == "bfloat16" else None)
    raise InputError(f"{place} has a {type(value).__name__} under {name!r} where a tensor was expected.")
