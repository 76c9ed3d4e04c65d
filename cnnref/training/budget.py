"""How many epochs fit into a time on this machine: measured with the steps that will be trained."""

from __future__ import annotations

import time

from ..data import Dataset
from ..data.batches import BatchPlan
from ..environment import keras
from ..errors import InputError
from .checkpoint import SHARE
from .engines import make_engine
from .evaluation import batch_size, views_of
from .fit import Pictures
from .train_state import Learner

#: Share of the budget that measuring may take, and steps that it takes at least.
MEASURING, STEPS = 0.02, 10

#: Seconds for the plots and files at the end, of which the import of matplotlib and scikit-learn is most.
CLOSING = 12.0


def epochs_that_fit(
    seconds: float, learner: Learner, plan: BatchPlan, pictures: Pictures, model: keras.Model, dataset: Dataset
) -> float:
    """Measure steps and tests, and give the epochs after which a run with its test is over in `seconds`.

    The learner and its model are changed by it; train another.

    Raises:
        InputError: not even one epoch fits.
    """
    began = time.monotonic()
    low, step = learner.recipe.low_resolution, 0.0
    parts = ((low.size, low.share), (0, 1 - low.share)) if low.size else ((0, 1.0),)
    for size, share in parts:
        learner.see(size)
        step += share * _step_seconds(learner, plan, pictures, max(1.0, share * MEASURING * seconds))
    look = _picture_seconds(model, dataset)
    views = 1 + (sum(1 for _ in views_of(dataset.test_images[:1], learner.recipe.views)) if learner.recipe.views else 0)
    statistics = 10_000 if learner.recipe.average.kind != "none" else 0
    closing = CLOSING + look * (views * len(dataset.test_images) + statistics)
    epoch = (step * plan.steps_per_epoch + look * len(pictures.held_images)) * (1 + SHARE)
    left = seconds - (time.monotonic() - began) - closing
    epochs = left / epoch
    if epochs < 1:
        raise InputError(
            f"One epoch takes {epoch / 60:.1f} minutes on this machine and the test {closing / 60:.1f}; give a budget "
            f"of at least {(seconds - left + epoch) / 60:.1f} minutes."
        )
    return round(epochs, 3)


def _step_seconds(learner: Learner, plan: BatchPlan, pictures: Pictures, least: float) -> float:
    """Mean seconds of a step, over at least `least` seconds."""
    engine = make_engine(learner, plan, pictures.images, pictures.labels, first_step=0, last_step=10**9)
    try:
        engine.run(0, STEPS)  # compiles
        done, began = STEPS, time.monotonic()
        while done < 2 * STEPS or time.monotonic() - began < least:
            engine.run(done, done + STEPS)
            done += STEPS
        return (time.monotonic() - began) / (done - STEPS)
    finally:
        engine.close()


def _picture_seconds(model: keras.Model, dataset: Dataset) -> float:
    """Seconds to test one picture."""
    images = dataset.test_images[: batch_size(dataset.test_images)].astype("float32")
    model.predict_on_batch(images)
    began = time.monotonic()
    for _ in range(3):
        model.predict_on_batch(images)
    return (time.monotonic() - began) / (3 * len(images))
