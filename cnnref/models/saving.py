"""Writing and reading .keras files, with the same bytes for the same model, and the hash of a model's weights."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..environment import keras
from ..errors import InputError, printable
from ..files import write_whole
from .keras_file import checked_keras_file

#: The earliest date that a zip file can hold, used for every entry so that files do not differ from run to run.
NO_DATE = (1980, 1, 1, 0, 0, 0)

#: Settings that newer versions of Keras write even where they are null, and that older versions refuse to read.
NEW_SETTINGS = ("input_axes", "output_axes", "quantization_config")
#: Keras' key for the mark of an object that stands in several places of a configuration.
SHARED = "shared_object_id"


def weights_sha256(model: keras.Model) -> str:
    """The SHA-256 of all weights of a model, in its order, as little-endian values with their shapes."""
    digest = hashlib.sha256()
    for variable in model.weights:
        value = np.asarray(keras.ops.convert_to_numpy(variable))
        little = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<")))
        digest.update(f"{variable.path}{value.shape}{value.dtype.name}".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def save_model(model: keras.Model, path: Path, *, half: bool = False) -> None:
    """Write a .keras file whose bytes depend on the network alone: Keras puts dates and addresses in memory into it.

    A failure leaves no partial file.

    Args:
        half: store kernels (weights with two or more axes) rounded to float16, which halves the file. `load_model` and
            Keras itself read them back as float32; biases and statistics stay float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "dated.keras"
        model.save(dated)
        undated = Path(folder) / "undated.keras"
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(undated, "w", zipfile.ZIP_STORED) as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    facts = {key: value for key, value in json.loads(content).items() if key != "date_saved"}
                    content = json.dumps(facts, sort_keys=True).encode()
                elif name == "config.json":
                    content = json.dumps(_canonical(json.loads(content), {})).encode()
                elif half and name.endswith(".h5"):
                    content = _to_float16(content)
                target.writestr(zipfile.ZipInfo(name, NO_DATE), content)
        write_whole(path, undated.read_bytes())


def _to_float16(content: bytes) -> bytes:
    """The HDF5 file with its float32 arrays of two or more axes converted to float16."""
    written = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(written, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                copied = target.create_group(name)
            else:
                value = item[()]
                kernel = value.ndim > 1 and value.dtype == np.float32
                copied = target.create_dataset(name, data=value.astype(np.float16) if kernel else value)
            for key, attribute in item.attrs.items():
                copied.attrs[key] = attribute

        source.visititems(copy)
        for key, attribute in source.attrs.items():
            target.attrs[key] = attribute
    return written.getvalue()


def _canonical(config: Any, numbers: dict[int, int]) -> Any:
    """A configuration without what differs between two writings of one network.

    Settings of `NEW_SETTINGS` that are null are left out. Keras marks an object that several layers share, such as an
    initializer, with its address in memory; `numbers` gives each address a number in the order of the file.
    """
    if isinstance(config, list):
        return [_canonical(item, numbers) for item in config]
    if not isinstance(config, dict):
        return config
    used = {key: value for key, value in config.items() if value is not None or key not in NEW_SETTINGS}
    if isinstance(used.get(SHARED), int):
        used[SHARED] = numbers.setdefault(used[SHARED], len(numbers) + 1)
    return {key: _canonical(value, numbers) for key, value in used.items()}


def load_model(path: Path, *, unsafe_lambda: bool = False) -> keras.Model:
    """Read a .keras file. No code in it is executed, and no setting in it can make Keras read, write or download files.

    Args:
        path: the file.
        unsafe_lambda: execute the code of `Lambda` layers in the file; only for files that you trust.

    Raises:
        InputError: the file is missing or damaged, or names something that is not allowed (see `keras_file`).
    """
    try:
        with checked_keras_file(path, unsafe_lambda=unsafe_lambda) as checked:
            return keras.saving.load_model(checked, compile=False, safe_mode=not unsafe_lambda)
    except InputError:
        raise
    except Exception as error:  # what Keras raises for a configuration that does not fit together can be anything
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise InputError(f"{path} cannot be loaded as a Keras model: {printable(reason)}") from None
