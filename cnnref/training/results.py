"""The end of a run: the test, and the files with its results."""

from __future__ import annotations

import dataclasses
import io
import sys
from datetime import UTC, datetime

import numpy as np

from .. import plots
from ..data import Dataset
from ..data.dataset import one_of_each_class_first
from ..environment import keras
from ..errors import printable
from ..files import write_whole
from ..models.normalization import normalization_of
from ..models.saving import save_model, weights_sha256
from .checkpoint import Progress
from .evaluation import evaluate
from .phases import Pictures
from .recipe import Recipe
from .run import Run

#: Test pictures that are kept with a run.
SAMPLES = 16


def write_results(
    recipe: Recipe,
    dataset: Dataset,
    pictures: Pictures,
    run: Run,
    model: keras.Model,
    progress: Progress,
    teacher_sha256: str = "",
) -> None:
    """Evaluate on the test set once, and write all results; results.json comes last.

    `teacher_sha256` is that of the weights that the network has learned from beside the labels, if there were any.
    """
    run.write_log(progress)
    found = evaluate(model, dataset.test_images, dataset.test_labels)
    matrix = found.pop("confusion_matrix")
    held = evaluate(model, pictures.held_images, pictures.held_labels) if len(pictures.held_labels) else {}
    averaged = evaluate(model, dataset.test_images, dataset.test_labels, recipe.views) if recipe.views else {}
    title = f"{recipe.name}: {found['errors']} errors in {found['images']:,} test images"
    run.write_json("confusion_matrix.json", {"labels": dataset.labels, "true_by_predicted": matrix.tolist()})
    _keep_samples(dataset, run)
    save_model(model, run.model)
    try:  # what was learned is kept, whatever a drawing meets in a name
        write_whole(run.folder / "confusion_matrix.png", plots.confusion_matrix(matrix, dataset.labels, title))
        write_whole(run.folder / "curves.png", plots.learning_curves(progress.rows, recipe.name))
    except OSError:  # of the disk, not of the drawing
        raise
    except Exception as error:
        reason = printable(str(error))
        print(f"cnnref: the pictures of the run in {run.folder} cannot be drawn: {reason}.", file=sys.stderr)
    run.write_json(
        "results.json",
        {
            "recipe": recipe.name,
            "model": recipe.model,
            "dataset": dataset.name,
            "labels": dataset.labels,
            "normalization": _normalization(model),
            **({"skipped_pictures": list(dataset.skipped)} if dataset.skipped else {}),
            "test": found,
            "test_views": {"views": recipe.views, **{key: averaged[key] for key in ("accuracy", "errors", "loss")}}
            if averaged
            else None,
            "validation_accuracy": held.get("accuracy"),
            **_kept(recipe, progress),
            "teacher": {**dataclasses.asdict(recipe.teacher), "weights_sha256": teacher_sha256}
            if teacher_sha256
            else None,
            "published": dataclasses.asdict(recipe.published),
            "epochs": min(recipe.epochs, len(progress.rows)),  # fewer, where the patience was at its end
            "steps": progress.step,
            "precision": recipe.precision,
            "seed": recipe.seed,
            "seconds": progress.seconds,
            "weights_sha256": weights_sha256(model),
            "finished": datetime.now(UTC).strftime("%Y-%m-%d"),
        },
    )


def _kept(recipe: Recipe, progress: Progress) -> dict[str, object]:
    """Which weights were saved, where it was chosen by validation."""
    if recipe.keep == "last" and not recipe.patience:
        return {}
    epoch = progress.best_epoch if recipe.keep == "best" else len(progress.rows)
    accuracy = progress.rows[epoch - 1]["val_accuracy"]
    return {"kept": {"weights": recipe.keep, "epoch": epoch, "validation_accuracy": accuracy}}


def _normalization(model: keras.Model) -> dict[str, list[float]]:
    """Mean and standard deviation, of values 0..1, that the model was built with."""
    mean, std = normalization_of(model) or ((), ())
    return {"mean": list(mean), "std": list(std)}


def _keep_samples(dataset: Dataset, run: Run) -> None:
    """Keep the first test pictures of each class, one class after the other."""
    chosen = one_of_each_class_first(dataset.test_labels, SAMPLES)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=dataset.test_images[chosen], labels=dataset.test_labels[chosen])
    write_whole(run.samples, buffer.getvalue())
