"""What can be exported or loaded: a run, a bundle, a .keras file, or the name of an architecture with fresh weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import environment
from ..arrays import read_npz
from ..convert.published import published
from ..data.cifar_formats import CIFAR10_LABELS
from ..data.sources import picture_rule
from ..environment import keras
from ..errors import InputError, did_you_mean
from ..files import LARGEST_TEXT, named, read_regular
from ..models import build, list_models, spec
from ..models.initializers import draw_weights
from ..models.normalization import per_channel, scale_and_offset
from ..models.saving import load_model
from ..pictures import USUAL, PictureRule
from ..runtimes import Bundle, find_bundle, list_bundles, read_bundle, read_samples
from ..runtimes.integrity import model_file
from ..runtimes.locate import find_model
from ..training.run import Run
from ..weights.catalogue import Weights, imagenet_classes, is_listed, list_weights, weights
from .card.provenance import provenance_of, recipe_table
from .card.seeds import FILE as SEEDS
from .card.seeds import seeds_of
from .contract import LICENSE

#: Pictures that an exported file is checked with if nothing better is known: noise, the same every time.
NOISE = 8

#: What a bundle keeps of a run's folder.
KEPT = (
    "recipe.toml",
    "metrics.csv",
    "environment.json",
    "curves.png",
    "confusion_matrix.png",
    "confusion_matrix.json",
    "results.json",
)


@dataclass(frozen=True)
class Source:
    """A model and all that is known about it.

    `images` uint8 [n, height, width, channels] and `sample_labels` int64 [n] (-1: unknown) are what the exported files
    are checked with. `documents` are what the bundle keeps of the run, file by file. `dataset` is what the model was
    trained on, as it is found on this machine, without what cannot be read if `skip_bad`. `fresh` weights are those of
    a name of the registry, exported for size and speed. `picture` is how a photograph comes to the size of the input,
    `license` that of the weights.
    """

    model: keras.Model
    name: str
    labels: tuple[str, ...] | None
    images: NDArray[np.uint8]
    sample_labels: NDArray[np.int64]
    provenance: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    dataset: str | None = None
    skip_bad: bool = False
    fresh: bool = False
    picture: PictureRule = USUAL
    license: str = LICENSE


def load(name_or_path: str | Path | Bundle | Run) -> keras.Model:
    """A trained model, from raw pixels 0..255 to probabilities.

    Args:
        name_or_path: name of a shipped bundle such as "lenet5-mnist", a bundle, a run, their folders, or a .keras file.

    Raises:
        InputError: there is no such model, or its file is damaged.
    """
    return load_model(find_model(name_or_path))


def find_source(source: str | Path | Bundle | Run, *, unsafe_lambda: bool = False) -> Source:
    """Read what a user names; with `unsafe_lambda`, run the code of the `Lambda` layers in its file.

    Raises:
        InputError: it is none of the things that can be exported, or cannot be read.
    """
    source = named(source, "What is exported")
    path = Path(source)
    if (path / "bundle.json").is_file():
        return _bundle(path, unsafe_lambda)
    if path.is_dir():
        return _run(Run(path))
    if path.is_file() and path.suffix == ".keras":
        return from_model(load_model(path, unsafe_lambda=unsafe_lambda), path.stem)
    if str(source) in list_bundles():
        return _bundle(find_bundle(source), unsafe_lambda)
    if str(source) in list_models():
        channels = spec(str(source)).input_shape[2]
        model = build(str(source), normalization=((0.5,) * channels, (0.25,) * channels))  # pixels of usual size
        draw_weights(model, seed=0)  # the same each time, so that the files are
        return replace(from_model(model, str(source)), fresh=True)
    if is_listed(str(source)):
        return from_weights(weights(str(source)))
    hint = did_you_mean(str(source), [*list_bundles(), *list_models(), *list_weights()], most=3)
    raise InputError(
        f"There is nothing to export at {source}; {hint}give the folder of a run or a bundle, a .keras file, a shipped "
        f"bundle ({', '.join(list_bundles())}), or a name that `cnnref models` or `cnnref weights` lists."
    )


def from_weights(entry: Weights) -> Source:
    """Published weights, with the labels, the rule for pictures and the licence that the catalogue has.

    Raises:
        InputError: the file is neither on this machine nor can it be fetched.
    """
    labels = tuple(label for _, label in imagenet_classes()) if entry.dataset == "imagenet" else CIFAR10_LABELS
    source = from_model(published(entry), entry.model, labels)
    facts = {key: getattr(entry, key) for key in ("name", "dataset", "publisher", "url", "source")}
    digest = {entry.digest[0]: entry.digest[1]} if entry.digest else {}
    scores = {key: value for key, value in (("top1", entry.top1), ("top5", entry.top5)) if value is not None}
    provenance = {**source.provenance, "weights": facts | digest | {"published": scores}}
    return replace(
        source,
        provenance=provenance,
        dataset=None if entry.dataset == "imagenet" else entry.dataset,  # too large to be loaded for an export
        picture=entry.picture or USUAL,
        license=entry.license,
    )


def from_model(model: keras.Model, name: str, labels: tuple[str, ...] | None = None) -> Source:
    """A model by itself; noise stands in for pictures."""
    given = getattr(model, "inputs", None) or [None]
    shape = tuple(given[0].shape[1:]) if len(given) == 1 and given[0] is not None else ()
    # An unusual or open input is mended or refused later, with better words than could be found here.
    images = noise_of(shape if len(shape) == 3 and None not in shape else (1, 1, 1))
    unknown = np.full(NOISE, -1, dtype=np.int64)
    return Source(model, name, labels, images, unknown, {"versions": environment.versions()})


def noise_of(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pictures of noise, the same every time."""
    return np.random.default_rng(0).integers(0, 256, (NOISE, *shape), dtype=np.uint8)


def preprocessed(source: Source, mean: Sequence[float] | None, std: Sequence[float] | None) -> Source:
    """The source with (pixel / 255 - mean) / std in front of its model, where mean or std is given.

    Raises:
        InputError: there is not one number for all channels or one a channel, or a std is not positive.
    """
    if mean is None and std is None:
        return source
    shape = source.model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        return source  # no image: the contract refuses it, with better words than could be found here
    channels = shape[-1]
    means, deviations = (
        _one_a_channel(what, [usual] if numbers is None else numbers, channels)
        for what, numbers, usual in (("mean", mean, 0.0), ("std", std, 1.0))
    )
    if not all(np.isfinite([*means, *deviations])) or min(deviations) <= 0:
        raise InputError(f"mean {means} and std {deviations} are no finite numbers with a positive std.")
    image = keras.Input(tuple(shape[1:]), name=f"{source.model.name}_pixels")
    scale, offset = scale_and_offset(means, deviations)
    ready = keras.layers.Rescaling(scale, offset, name=f"{source.model.name}_preprocessing")(image)
    model = keras.Model(image, source.model(ready), name=source.model.name)
    return replace(source, model=model)


def _one_a_channel(what: str, numbers: Sequence[float], channels: int) -> list[float]:
    """The mean or the std that a user gives, as one number for each channel."""
    if len(numbers) not in (1, channels):
        raise InputError(
            f"There are {len(numbers)} numbers for {what} and {channels} channels; give one, or one a channel."
        )
    return per_channel(numbers, channels)


def _run(run: Run) -> Source:
    results = run.results
    try:
        stored = read_npz(run.samples, ["images", "labels"])
    except (OSError, InputError) as error:
        raise InputError(f"{run.samples} cannot be read ({error}); train the run again.") from None
    images, sample_labels = stored["images"], stored["labels"]
    documents = {f"training/{name}": _content(run.folder / name) for name in KEPT}
    if (timings := run.folder / "timings.csv").is_file():  # older versions did not write it
        documents["training/timings.csv"] = _content(timings)
    table = recipe_table(run.recipe)
    dataset = table.get("dataset")
    # The path of a folder of pictures is nobody else's business; results.json has its name.
    documents["training/recipe.toml"] = documents["training/recipe.toml"].replace(
        f"dataset = {json.dumps(dataset, ensure_ascii=False)}\n".encode(),
        f"dataset = {json.dumps(results['dataset'], ensure_ascii=False)}\n".encode(),
    )
    documents[f"training/{SEEDS}"] = (json.dumps(seeds_of(run), indent=2) + "\n").encode()
    return Source(
        load_model(run.model),
        results["recipe"],
        tuple(results["labels"]),
        images,
        sample_labels,
        provenance_of(run),
        documents,
        dataset,
        picture=picture_rule(results["dataset"], tuple(images.shape[1:])),
        skip_bad=bool(table.get("skip_bad")),
    )


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, LARGEST_TEXT, "file of a run")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); put it back, or make the run or bundle again."
        ) from None


def _bundle(folder: Path, unsafe_lambda: bool) -> Source:
    bundle = read_bundle(folder)
    samples = read_samples(bundle)
    documents = {name: _content(folder / name) for name in bundle.files if name.startswith("training/")}
    return Source(
        load_model(model_file(bundle), unsafe_lambda=unsafe_lambda),
        bundle.name,
        bundle.labels or None,
        samples.images,
        samples.labels,
        bundle.document["provenance"],
        documents,
        bundle.document["provenance"].get("dataset"),
        picture=bundle.picture,
        license=str(bundle.document.get("license", LICENSE)),
    )
