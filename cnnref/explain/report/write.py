"""Make the report of a bundle, and write it as Markdown, pictures and JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...arithmetic import layer_table
from ...arithmetic.graph import calls_by_name, trace
from ...data.dataset import one_of_each_class_first
from ...errors import DatasetError, InputError
from ...files import refuse_existing, whole_folder
from .contents import Explanation, Report
from .dead_units import dead_units
from .layers import with_kernels, with_maps
from .measures import evaluate_bundle

if TYPE_CHECKING:
    from ...data import Dataset
    from ...runtimes import Bundle, Samples

FILE = "report.json"
#: The number of pictures with which dead units are looked for, and the number of pictures that are explained.
DEAD_UNIT_IMAGES, EXPLAINED_IMAGES = 1000, 5


def write_report(
    bundle: Bundle,
    directory: Path,
    *,
    data_dir: Path | None = None,
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write report.md, report.json and the pictures into a folder, which appears when it is complete.

    Args:
        bundle: a bundle with a model.keras and samples.
        directory: the folder.
        data_dir: the folder with the files of the data set; by default the usual places of this machine. Where they
            are not found, the report leaves out what needs them, and says so.
        force: replace an existing report.
        tell: is called with a line about each step.

    Raises:
        InputError: the folder exists, the bundle is no classifier, or the bundle has no model.keras that can be read.
    """
    from ...models.saving import load_model
    from ...runtimes import read_samples
    from ...runtimes.integrity import model_file
    from .pictures import draw_all
    from .text import in_markdown

    bundle.must_classify("the report")
    refuse_existing(directory, force=force, marker=FILE)
    tell("loading the network ...")
    model = load_model(model_file(bundle))
    samples = read_samples(bundle)
    labels = _labels(bundle)
    data, no_test = _test_set(bundle, len(labels), data_dir, tell)
    images = data.test_images if data else samples.images
    rows, calls = layer_table(model), calls_by_name(trace(model).calls)
    tell(f"looking for dead units with {min(DEAD_UNIT_IMAGES, len(images)):,} pictures ...")
    dead = dead_units(model, images[:DEAD_UNIT_IMAGES])
    tell("asking where the network looks ...")
    shown = _first_of_each_class(samples.labels, len(labels))
    explained = [_explain_sample(model, bundle, labels, samples, place) for place in shown]
    says = "probability" if _gives_probabilities(bundle, samples) else "score"
    test = None
    if data:
        tell(f"running {len(data.test_images):,} test pictures ...")
        test = evaluate_bundle(bundle, data, labels, calibrated=says == "probability")
    report = Report(
        name=bundle.name,
        labels=labels,
        says=says,
        layers=tuple(rows),
        kernels=with_kernels(calls),
        maps=with_maps(rows, calls),
        looked_at=min(DEAD_UNIT_IMAGES, len(images)),
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
        (folder / "report.md").write_bytes(in_markdown(report).encode())
        (folder / FILE).write_bytes(report.to_json().encode())
    return directory


def _labels(bundle: Bundle) -> tuple[str, ...]:
    """The names of the classes; there are two for a single output, which may have a name for one of them only."""
    return (f"not {bundle.labels[0]}", *bundle.labels) if len(bundle.labels) == 1 else bundle.labels


def _gives_one_value(bundle: Bundle) -> bool:
    """Whether the network gives one measured value and no class."""
    return bundle.classes == 1 and bundle.activation != "sigmoid"


def _gives_probabilities(bundle: Bundle, samples: Samples) -> bool:
    if bundle.activation is None and not _gives_one_value(bundle):  # it is not known what comes last
        return bool(samples.probabilities.min() >= 0 and samples.probabilities.max() <= 1 + 1e-6)
    return bundle.activation in ("softmax", "sigmoid")


def _test_set(
    bundle: Bundle, classes: int, data_dir: Path | None, tell: Callable[[str], None]
) -> tuple[Dataset | None, str | None]:
    """The test set that the bundle was trained for, or why there is none; without `data_dir` nothing is downloaded."""
    from ...data import load

    if _gives_one_value(bundle):
        return None, "The network gives a value and no class, so nothing was measured on a test set."
    name = bundle.document["provenance"].get("dataset")
    if not name:
        return None, (
            "The bundle does not say what it was trained on, so nothing was measured on a test set; "
            "one that is exported from a training run does."
        )
    try:
        data = load(name, data_dir, image_shape=bundle.shape, download=data_dir is not None)
    except (DatasetError, InputError) as error:
        tell(str(error))
        return None, f"The test pictures of {name} were not found; name the folder that has them."
    if data.classes != classes:
        return None, f"{name} has {data.classes} classes and the network {classes}, so nothing was measured on it."
    return data, None


def _first_of_each_class(labels: NDArray[np.int64], classes: int) -> list[int]:
    """Places of the first picture of each class, or of the first pictures where classes are not known."""
    known = np.flatnonzero((labels >= 0) & (labels < classes))
    if not known.size:
        return list(range(min(EXPLAINED_IMAGES, len(labels))))
    count = min(len(np.unique(labels[known])), 2 * EXPLAINED_IMAGES)
    first: list[int] = known[one_of_each_class_first(labels[known], count)].tolist()
    return first


def _explain_sample(model: Any, bundle: Bundle, labels: Sequence[str], samples: Samples, place: int) -> Explanation:
    from ..attribution.activations import predict_scores
    from ..attribution.classifier import choose_class, class_probability
    from ..attribution.grad_cam import grad_cam
    from ..attribution.occlusion import occlusion

    image, label = samples.images[place], int(samples.labels[place])
    scores = predict_scores(model, image)
    index = 1 if _gives_one_value(bundle) else choose_class(scores, None)
    try:
        seen = grad_cam(model, image, index)
    except InputError:  # no maps with more than one place
        seen = None
    return Explanation(
        name=f"sample {place}",
        label=labels[label] if 0 <= label < len(labels) else None,
        predicted=labels[index],
        probability=_rounded(class_probability(scores[None], index)[0]),
        grad_cam=None if seen is None else _rounded_rows(seen),
        occlusion=_rounded_rows(occlusion(model, image, index)),
    )


def _rounded(value: Any) -> float:
    """Six decimals, as another number of threads or another library may change the digits after them."""
    return round(float(value), 6)


def _rounded_rows(values: NDArray[np.float32]) -> list[list[float]]:
    return [[_rounded(value) for value in row] for row in values]
