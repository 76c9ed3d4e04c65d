"""Writes small data sets in the true published formats, independently of the readers."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

Arrays = dict[str, np.ndarray]


def mnist_arrays(train: int = 20, test: int = 10, seed: int = 0) -> Arrays:
    """The four arrays of mnist.npz, with random pixels."""
    random = np.random.default_rng(seed)
    return {
        "x_train": random.integers(0, 256, (train, 28, 28), np.uint8),
        "y_train": (np.arange(train) % 10).astype(np.uint8),
        "x_test": random.integers(0, 256, (test, 28, 28), np.uint8),
        "y_test": (np.arange(test) % 10).astype(np.uint8),
    }


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist_idx(folder: Path, arrays: Arrays, *, mark: str = "-", gzipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, stem in (("train", "train"), ("test", "t10k")):
        for key, kind, rank in ((f"x_{part}", "images", 3), (f"y_{part}", "labels", 1)):
            content = idx_bytes(arrays[key])
            name = f"{stem}-{kind}{mark}idx{rank}-ubyte"
            (folder / (f"{name}.gz" if gzipped else name)).write_bytes(gzip.compress(content) if gzipped else content)


class _Python2Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """Writes both kinds of string as Python 2 wrote its str."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_string(self, value: bytes | str) -> None:
        content = value if isinstance(value, bytes) else value.encode("latin-1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value: Any) -> bytes:
    """What Python 2's cPickle writes at protocol 2, which is what the published CIFAR files are."""
    stream = io.BytesIO()
    _Python2Pickler(stream, 2).dump(value)
    return stream.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def cifar_records(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored images [n, 3072] and labels [n]."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 3072), np.uint8), random.integers(0, classes, count)


def as_pictures(stored: np.ndarray) -> np.ndarray:
    """[n, 3072] -> [n, 32, 32, 3], plane by plane."""
    planes = [stored[:, start : start + 1024].reshape(-1, 32, 32) for start in (0, 1024, 2048)]
    return np.stack(planes, axis=-1)


Records = tuple[np.ndarray, np.ndarray]


def cifar10_files(version: str, batches: list[Records], test: Records) -> dict[str, bytes]:
    """The files of cifar-10-batches-bin or cifar-10-batches-py by name."""
    suffix = ".bin" if version == "bin" else ""
    parts = {f"data_batch_{number}{suffix}": batch for number, batch in enumerate(batches, 1)}
    parts[f"test_batch{suffix}"] = test
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    if version == "bin":
        files = {name: cifar10_binary(*records) for name, records in parts.items()}
        return files | {"batches.meta.txt": "\n".join([*names, "", ""]).encode()}
    files = {
        name: python2_pickle(
            {
                "batch_label": f"batch {name}",
                "labels": [int(label) for label in labels],
                "data": stored,
                "filenames": [f"picture_{index}.png" for index in range(len(labels))],
            }
        )
        for name, (stored, labels) in parts.items()
    }
    meta = {"num_cases_per_batch": 10000, "label_names": names, "num_vis": 3072}
    return files | {"batches.meta": python2_pickle(meta)}


def cifar10_binary(stored: np.ndarray, labels: np.ndarray) -> bytes:
    return np.column_stack([labels.astype(np.uint8), stored]).tobytes()


def cifar100_files(version: str, train: Records, test: Records) -> dict[str, bytes]:
    """The files of cifar-100-binary or cifar-100-python by name; coarse = fine // 5."""
    names = [f"class_{number:02}" for number in range(100)]
    if version == "binary":
        files = {
            f"{name}.bin": np.column_stack([labels // 5, labels, stored]).astype(np.uint8).tobytes()
            for name, (stored, labels) in (("train", train), ("test", test))
        }
        return files | {"fine_label_names.txt": "\n".join(names).encode() + b"\n"}
    files = {
        name: python2_pickle(
            {
                "fine_labels": [int(label) for label in labels],
                "coarse_labels": [int(label) // 5 for label in labels],
                "data": stored,
            }
        )
        for name, (stored, labels) in (("train", train), ("test", test))
    }
    return files | {"meta": python2_pickle({"fine_label_names": names, "coarse_label_names": names[:20]})}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A .tar.gz with the files under their names."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()
