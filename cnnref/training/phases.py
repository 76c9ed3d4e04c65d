"""The images of a run, and its phases, in which different layers learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..stored_pictures import ImageSource
from .recipe import Recipe


@dataclass(frozen=True)
class Pictures:
    """The training images of a run: uint8 [n, height, width, channels] and their labels, int64 [n].

    Attributes:
        images, labels: the network learns from these.
        held_images, held_labels: kept aside for validation; empty if the recipe asks for none.
    """

    images: ImageSource
    labels: NDArray[np.int64]
    held_images: ImageSource
    held_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Phase:
    """Consecutive steps of a run in which the same layers learn with one schedule of the learning rate.

    Attributes:
        place: 0 for the first phase of the run.
        first, last: the phase consists of the steps from `first` to before `last`.
        rate: peak of the learning rate.
        head_only: whether only the classifier learns.
        small_until: the steps before this one learn from pictures in the recipe's low resolution.
    """

    place: int
    first: int
    last: int
    rate: float
    head_only: bool = False
    small_until: int = 0


def phases_of(recipe: Recipe, steps_per_epoch: int, *, pretrained: bool) -> list[Phase]:
    """The phases of a run: the classifier alone where the recipe says so, then the whole network.

    Args:
        recipe: epochs, fine-tuning and low resolution.
        steps_per_epoch: how many batches the training images make.
        pretrained: whether the run starts from trained weights; otherwise there is no phase of the classifier alone.
    """
    tuning, total = recipe.fine_tuning, round(recipe.epochs * steps_per_epoch)
    head = min(tuning.frozen_epochs * steps_per_epoch, total) if pretrained else 0
    phases = [Phase(0, 0, head, tuning.head_rate, head_only=True)] if head else []
    if head < total or not head:
        last, low = max(total, 1), recipe.low_resolution
        small_until = head + round(low.share * (last - head)) if low.size else head
        phases.append(Phase(len(phases), head, last, recipe.optimizer.learning_rate, small_until=small_until))
    return phases
