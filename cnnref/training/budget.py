"""How many epochs fit into a time budget on this machine, measured with real training steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.batches import BatchPlan
from ..environment import keras
from ..errors import InputError
from .checkpoint import SHARE
from .engines import make_engine
from .evaluation import batch_size, views_of
from .phases import Pictures
from .recipe import Recipe
from .train_state import TrainState

#: Share of the budget that measuring may take, and the steps between two looks at the clock.
MEASURING, STEPS = 0.02, 10

#: Seconds for the plots and files at the end, of which the import of matplotlib and scikit-learn is most.
CLOSING = 12.0

Clock = Callable[[], float]


@dataclass(frozen=True)
class Pace:
    """How fast a machine trains and tests a network.

    Attributes:
        step: mean seconds of a training step; where pictures grow during the run, over all sizes by their shares.
        picture: seconds to test one picture.
    """

    step: float
    picture: float


def measure(
    seconds: float,
    state: TrainState,
    plan: BatchPlan,
    pictures: Pictures,
    model: keras.Model,
    clock: Clock = time.monotonic,
) -> Pace:
    """Measure training steps and tests. The state and its model are changed by it, so train another afterwards.

    Args:
        seconds: the budget, of which measuring takes a share of `MEASURING` or a little more.
        state, plan, pictures: what is trained, and from what.
        model: the network to test.
        clock: gives the time in seconds.
    """
    low, step = state.recipe.low_resolution, 0.0
    parts = ((low.size, low.share), (0, 1 - low.share)) if low.size else ((0, 1.0),)
    for size, share in parts:
        state.set_image_size(size)
        step += share * _step_seconds(state, plan, pictures, max(1.0, share * MEASURING * seconds), clock)
    images = pictures.images[: batch_size(pictures.images)].astype(np.float32)
    model.predict_on_batch(images)  # compiles
    began = clock()
    for _ in range(3):
        model.predict_on_batch(images)
    return Pace(step, (clock() - began) / (3 * len(images)))


def epochs_that_fit(
    seconds: float, pace: Pace, recipe: Recipe, steps_per_epoch: int, validated: int, tested: int
) -> float:
    """The epochs after which a run with its validations, its checkpoints and its test is over in `seconds`.

    Args:
        seconds: what is left of the budget.
        pace: of this machine.
        recipe: its views and its average say how many pictures are looked at in the end.
        steps_per_epoch: training steps of an epoch.
        validated: pictures that are looked at after every epoch.
        tested: pictures of the test set.

    Raises:
        InputError: not even one epoch fits.
    """
    one = np.zeros((1, 3, 3, 1), np.uint8)
    views = 1 + (sum(1 for _ in views_of(one, recipe.views)) if recipe.views else 0)
    statistics = 10_000 if recipe.average.kind != "none" else 0
    closing = CLOSING + pace.picture * (views * tested + statistics)
    epoch = (pace.step * steps_per_epoch + pace.picture * validated) * (1 + SHARE)
    epochs = (seconds - closing) / epoch
    if epochs < 1:
        raise InputError(
            f"One epoch takes {epoch / 60:.1f} minutes on this machine and the test {closing / 60:.1f}; give a budget "
            f"of at least {(closing + epoch) / 60:.1f} minutes."
        )
    return round(epochs, 3)


def _step_seconds(state: TrainState, plan: BatchPlan, pictures: Pictures, least: float, clock: Clock) -> float:
    """Mean seconds of a step, over at least `least` seconds."""
    engine = make_engine(state, plan, pictures, first_step=0, last_step=10**9)
    try:
        engine.run(0, STEPS)  # compiles
        done, began = 0, clock()
        now = began
        while not done or now - began < least:
            engine.run(STEPS + done, 2 * STEPS + done)
            done, now = done + STEPS, clock()
        return (now - began) / done
    finally:
        engine.close()
