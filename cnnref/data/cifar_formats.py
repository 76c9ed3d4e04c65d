"""The file formats of CIFAR: records and class names in the binary and in the Python version."""

from __future__ import annotations

import numpy as np

from ..errors import DatasetError
from .dataset import RawLabels
from .pickles import read_pickle

#: A stored image has 3,072 bytes: all red values, then all green, then all blue, row by row.
PLANES = (3, 32, 32)
PIXELS = 3072

#: Images [n, 3072] and labels [n] as the file stores them.
Records = tuple[np.ndarray, RawLabels]


def channels_last(images: np.ndarray) -> np.ndarray:
    """Stored images [n, 3072] as [n, 32, 32, 3]."""
    return np.ascontiguousarray(images.reshape(-1, *PLANES).transpose(0, 2, 3, 1))


def binary_records(content: bytes, place: str, *, label_bytes: int) -> Records:
    """Read records of `label_bytes` label bytes and 3,072 pixels; the last label byte is the label.

    Raises:
        DatasetError: the size of the file is not a multiple of the size of a record.
    """
    size = label_bytes + PIXELS
    if len(content) % size or not content:
        raise DatasetError(
            f"{place} is damaged or cut short: expected a multiple of {size:,} bytes, "
            f"the size of a record, found {len(content):,}."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    return records[:, label_bytes:], records[:, label_bytes - 1]


def python_records(content: bytes, place: str, *, key: str) -> Records:
    """Read a pickled dict with the array `data` and a list of labels under `key`.

    Raises:
        DatasetError: the file is damaged, or one of the two is missing or malformed.
    """
    batch = read_pickle(content, place)
    images, labels = batch.get("data"), batch.get(key)
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != PIXELS:
        found = list(images.shape) if isinstance(images, np.ndarray) else "none"
        raise DatasetError(f"{place}: expected an array 'data' of shape [n, {PIXELS}], found {found}.")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise DatasetError(f"{place}: expected a list {key!r} of whole numbers, found none.")
    return images, labels


def text_names(content: bytes, _place: str) -> list[str]:
    """Read a text with one name per line."""
    return content.decode("utf-8", "replace").split()


def python_names(content: bytes, place: str, *, key: str) -> list[str]:
    """Read a pickled dict with a list of names under `key`.

    Raises:
        DatasetError: the file is damaged or has no such list.
    """
    names = read_pickle(content, place).get(key)
    if not isinstance(names, list):
        raise DatasetError(f"{place}: expected a list {key!r} of names, found none.")
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]


#: The published names in the order of the labels, for folders without the file of names.
# fmt: off
CIFAR10_LABELS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
# fmt: on

#: The fine labels, which are in alphabetical order.
# fmt: off
CIFAR100_LABELS = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
    "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree",
    "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree",
    "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
    "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe",
    "whale", "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
