"""What the test pictures of a data set show of a network: the strongest patches of each map, mistakes, and a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import one_of_each_class_first
from .facts import session_of, to_base64

if TYPE_CHECKING:
    import onnx

    from ..runtimes.evaluate import LabelledImages

#: How many test pictures are tried at most, and how many of them, and bytes of them, a page holds.
MOST_TRIED, MOST_HELD, MOST_BYTES = 10_000, 1_000, 3_000_000
#: How many mistakes a page holds at most, and how many patches of each map.
MISTAKES, PATCHES = 60, 4
#: Values of pictures that are run at once.
VALUES = 200_000


def facts_of_tested(
    model: onnx.ModelProto, tested: LabelledImages, *, channels_first: bool
) -> tuple[dict[str, Any], bytes]:
    """What the page has to know, and the pixels of the pictures that it holds, one picture after the other.

    All counts are those of the first 10,000 test pictures at most. The page holds as many as have room in 3 MB, 1,000
    at most: the classes in turn, and the mistakes of which the network was surest. The patches of each map, and the
    plane, are from these.

    Args:
        model: the network of the page.
        tested: the test pictures.
        channels_first: whether the network takes [channels, height, width].
    """
    count = min(len(tested.images), MOST_TRIED)
    truth = tested.labels[:count]
    probabilities = model.graph.output[0].name
    scores = np.concatenate([one for (one,) in _batches(model, tested, range(count), [probabilities], channels_first)])
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    guess, sure = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(guess != truth)
    room = held_at_most(count, tested.images.shape[1:])
    mistakes = wrong[np.argsort(-sure[wrong], kind="stable")][
        : min(MISTAKES, room if room == count else max(1, room // 4))
    ]
    spread = [at for at in one_of_each_class_first(truth, room).tolist() if at not in set(mistakes.tolist())]
    held = np.sort(np.array([*mistakes.tolist(), *spread][:room], np.int64))
    place = {int(at): index for index, at in enumerate(held)}
    pairs, counts = np.unique(np.stack([truth, guess]), axis=1, return_counts=True)
    patches, points, layer, share = _looked_into(model, tested, held, channels_first)
    facts = {
        "dataset": tested.dataset,
        "tried": count,
        "all": len(tested.images),
        "right": int((guess == truth).sum()),
        "confusion": np.column_stack([pairs.T, counts]).tolist(),
        "numbers": held.tolist(),
        "truth": truth[held].tolist(),
        "guess": guess[held].tolist(),
        "sure": [round(float(one), 4) for one in sure[held]],
        "mistakes": [place[int(at)] for at in mistakes],
        "patches": patches,
        "points": points,
        "layer": layer,
        "share": share,
    }
    pixels = np.stack([np.asarray(tested.images[int(at) : int(at) + 1])[0] for at in held]).astype(np.uint8)
    return facts, pixels.tobytes()


def held_at_most(count: int, shape: Sequence[int]) -> int:
    """How many of `count` pictures of that shape a page holds."""
    return max(1, min(count, MOST_HELD, MOST_BYTES // int(np.prod(shape))))


def _batches(
    model: onnx.ModelProto, tested: LabelledImages, which: Sequence[int], names: list[str], channels_first: bool
) -> Iterator[list[NDArray[Any]]]:
    """Those results of the pictures, batch by batch."""
    session = session_of(model, names)
    given = session.get_inputs()[0]
    size = (
        given.shape[0] if isinstance(given.shape[0], int) else max(1, VALUES // int(np.prod(tested.images.shape[1:])))
    )
    for at in range(0, len(which), size):
        part = which[at : at + size]
        images = np.stack([np.asarray(tested.images[one : one + 1])[0] for one in part])
        full = np.concatenate([images, np.repeat(images[-1:], size - len(part), axis=0)])
        batch = np.moveaxis(full, -1, 1) if channels_first else full
        found = session.run(names, {given.name: batch.astype(np.uint8 if "uint8" in given.type else np.float32)})
        yield [one[: len(part)] for one in found]


def _looked_into(
    model: onnx.ModelProto, tested: LabelledImages, held: NDArray[np.int64], channels_first: bool
) -> tuple[dict[str, str], list[float], str, float]:
    """The patches of each map, the plane [x, y, x, y, ...], the layer that it is of, and its share of the variance."""
    nodes = [node for node in model.graph.node if node.op_type != "Constant" and node.output[0]]
    names = [node.output[0] for node in nodes]
    reader, features = last_dense(model)
    first = next(_batches(model, tested, [int(held[0])], names, channels_first))
    # What has the order of the picture has no maps yet.
    before = () if channels_first else tuple(tested.images.shape[1:])
    maps = [
        name
        for name, one in zip(names, first, strict=True)
        if one.ndim == 4 and one.dtype == np.float32 and one.shape[1:] != before
    ]
    wanted = list(dict.fromkeys([*maps, features]))
    strongest: dict[str, list[NDArray[Any]]] = {name: [] for name in maps}
    places: dict[str, list[NDArray[Any]]] = {name: [] for name in maps}
    rows = []
    for found in _batches(model, tested, held.tolist(), wanted, channels_first):
        by_name = dict(zip(wanted, found, strict=True))
        rows.append(by_name[features].reshape(len(found[0]), -1))
        for name in maps:
            flat = by_name[name].reshape(*by_name[name].shape[:2], -1)
            at = flat.argmax(axis=2)
            strongest[name].append(np.take_along_axis(flat, at[..., None], axis=2)[..., 0])
            places[name].append(at + np.arange(flat.shape[1]) * flat.shape[2])
    patches = {}
    for node in nodes:
        if (name := node.output[0]) in strongest:
            values, at = np.concatenate(strongest[name]), np.concatenate(places[name])
            best = np.argsort(-values, axis=0, kind="stable")[:PATCHES]
            pairs = np.stack([best.T, np.take_along_axis(at, best, axis=0).T], axis=2)
            patches[node.name] = to_base64(pairs.astype("<u4"))  # [maps, patches, (picture, place)]
    points, share = plane(np.concatenate(rows).astype(np.float64))
    return patches, points, reader, share


def last_dense(model: onnx.ModelProto) -> tuple[str, str]:
    """The last layer with weights, and the tensor that it reads: what the network makes of a picture before it decides.

    For a network that has none, the last node and what it reads.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes = list(model.graph.node)
    with_weights = [
        node for node in nodes if node.op_type in ("Gemm", "MatMul", "Conv") and constants.intersection(node.input[1:2])
    ]
    node = (with_weights or nodes)[-1]
    return node.name, node.input[0]


def plane(rows: NDArray[np.float64]) -> tuple[list[float], float]:
    """The two directions in which rows [n, features] differ most: places from -1 to 1, and their share."""
    from sklearn.decomposition import PCA

    if min(rows.shape) < 2 or not np.ptp(rows):
        return [], 0.0
    found = PCA(2, svd_solver="full").fit(rows)
    points = found.transform(rows)
    points /= np.abs(points).max()
    return [round(float(one), 3) + 0.0 for one in points.ravel()], round(
        float(found.explained_variance_ratio_.sum()), 4
    )
