"""The printed side of a bundle: one structure, and from it Markdown, pictures and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arithmetic import LayerRow, layer_table
from ..errors import DatasetError, InputError
from ..files import refuse_existing, whole_folder
from . import words
from .dead_units import DeadUnits, dead_units
from .on_test_set import TestSet, examined

if TYPE_CHECKING:
    from ..data import Dataset
    from ..runtimes import Bundle

FILE = "report.json"
#: Pictures that dead units are looked for with, and on which layers are shown.
LOOKED_AT, EXPLAINED = 1000, 5
#: Layers whose kernels, and layers whose maps are drawn.
KERNELS, MAPS = 3, 6


@dataclass(frozen=True)
class Explained:
    """A picture, what the network says of it, and where it looks: Grad-CAM, and how far the probability falls."""

    name: str
    label: str | None
    predicted: str
    probability: float
    grad_cam: list[list[float]] | None
    occlusion: list[list[float]]


@dataclass(frozen=True)
class Report:
    """All that the report says.

    Attributes:
        name: The bundle's.
        labels: Of the classes.
        layers: The rows of `layer_table`.
        kernels, maps: Names of the layers whose kernels and maps are drawn.
        looked_at: How many pictures dead units were looked for with.
        dead: Channels and units that are the same for all of them, by layer; layers without any are left out.
        explained: Pictures, one of each class as far as there are.
        test: Measured on the test set, None where it is not there.
        no_test: Why it is not.
    """

    name: str
    labels: tuple[str, ...]
    layers: tuple[LayerRow, ...]
    kernels: tuple[str, ...]
    maps: tuple[str, ...]
    looked_at: int
    dead: tuple[DeadUnits, ...]
    explained: tuple[Explained, ...]
    test: TestSet | None
    no_test: str | None

    def to_json(self) -> str:
        """The structure as JSON, the same text for the same report."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_report(
    bundle: Bundle,
    directory: Path,
    *,
    data_dir: Path | None = None,
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write report.md, report.json and the pictures into a folder, whole or not at all.

    Args:
        bundle: one with a model.keras and samples.
        directory: the folder.
        data_dir: where the data set's files are; where they are not found, what needs them is left out, and said.
        force: replace an existing report.
        tell: is told what is being done.

    Raises:
        InputError: the folder exists, or the bundle has no model.keras that can be read.
    """
    from ..models.saving import load_model
    from ..runtimes import read_samples
    from .report_pictures import draw_all
    from .report_text import markdown

    refuse_existing(directory, force=force, marker=FILE)
    tell("loading the network ...")
    model = load_model(bundle.folder / "model.keras")
    samples = read_samples(bundle)
    data, no_test = _test_set(bundle, data_dir, tell)
    images = data.test_images if data else samples.images
    rows = layer_table(model)
    tell(f"looking for dead units with {min(LOOKED_AT, len(images)):,} pictures ...")
    dead = dead_units(model, images[:LOOKED_AT])
    tell("asking where the network looks ...")
    shown = _one_a_class(samples.labels)
    explained = [_explained(model, bundle, samples.images[place], int(samples.labels[place]), place) for place in shown]
    test = None
    if data:
        tell(f"running {len(data.test_images):,} test pictures ...")
        test = examined(bundle, data)
    report = Report(
        name=bundle.name,
        labels=bundle.labels,
        layers=tuple(rows),
        kernels=tuple(row.name for row in rows if row.kind == "Conv2D")[:KERNELS],
        maps=_layers_to_show(rows),
        looked_at=min(LOOKED_AT, len(images)),
        dead=tuple(dead),
        explained=tuple(explained),
        test=test,
        no_test=no_test,
    )
    with whole_folder(directory, force=force, marker=FILE) as folder:
        tell("drawing ...")
        pictures = draw_all(report, model, samples.images[shown], data.test_images if data else None)
        for name, content in pictures.items():
            (folder / name).write_bytes(content)
        (folder / "report.md").write_text(markdown(report, list(pictures)), encoding="utf-8")
        (folder / FILE).write_text(report.to_json(), encoding="utf-8")
    return directory


def _test_set(bundle: Bundle, data_dir: Path | None, tell: Callable[[str], None]) -> tuple[Dataset | None, str | None]:
    """The test set that the bundle was trained for, or why there is none."""
    from ..data import load

    name = bundle.document["provenance"].get("dataset")
    if not name:
        return None, "The bundle does not say what it was trained on, so nothing was measured on a test set."
    try:
        data = load(name, data_dir, image_shape=bundle.shape)
    except (DatasetError, InputError) as error:
        tell(str(error))
        return None, f"The test pictures of {name} were not found; give --data-dir."
    if data.test_images.shape[1:] != bundle.shape:
        return None, f"The pictures of {name} are not of the size that the network takes."
    return data, None


def _one_a_class(labels: NDArray[np.int64]) -> list[int]:
    """Places of the first picture of each class, or of the first pictures where classes are not known."""
    first = {int(label): place for place, label in reversed(list(enumerate(labels)))}
    if set(first) == {-1}:
        return list(range(min(EXPLAINED, len(labels))))
    return [first[label] for label in sorted(first) if label >= 0][: 2 * EXPLAINED]


def _explained(model: Any, bundle: Bundle, image: NDArray[np.uint8], label: int, place: int) -> Explained:
    from .cam import grad_cam
    from .covering import occlusion
    from .images import chosen, probability
    from .outputs import predicted

    scores = predicted(model, image)
    index = chosen(scores, None)
    try:
        seen = grad_cam(model, image, index)
    except InputError:  # no maps with more than one place
        seen = None
    return Explained(
        name=f"sample {place}",
        label=bundle.labels[label] if label >= 0 else None,
        predicted=bundle.labels[index],
        probability=_short(probability(scores[None], index)[0]),
        grad_cam=None if seen is None else _shortened(seen),
        occlusion=_shortened(occlusion(model, image, index)),
    )


def _short(value: Any) -> float:
    """Six decimals: what another thread count or library may change is left out."""
    return round(float(value), 6)


def _shortened(values: NDArray[np.float32]) -> list[list[float]]:
    return [[_short(value) for value in row] for row in values]


def _layers_to_show(rows: list[LayerRow]) -> tuple[str, ...]:
    """Layers with maps, evenly chosen among those behind an activation, a pooling or a joining."""
    kinds = (words.ACTIVATION, words.POOLING, words.JOINING)
    found = [row.name for row in rows if len(row.output_shape) == 3 and words.sort_of(row) in kinds]
    if len(found) <= MAPS:
        return tuple(found)
    return tuple(found[round(place * (len(found) - 1) / (MAPS - 1))] for place in range(MAPS))
