"""The loop over the steps: epochs, validation, log, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..data.batches import BatchPlan
from ..environment import keras
from ..errors import DivergedError
from . import checkpoint
from .callbacks import Listener
from .checkpoint import Cadence, Progress
from .engines import make_engine
from .engines.progressive_resizing import Relay
from .evaluation import batch_size
from .run import Run
from .train_state import Learner


@dataclass(frozen=True)
class Pictures:
    """What a run learns from: uint8 [n, height, width, channels] and int64 [n]; the held ones are for validation."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_images: NDArray[np.uint8]
    held_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Phase:
    """Steps of a run that are trained alike.

    Attributes:
        place: 0 for the first.
        first, last: the steps from `first` to before `last`.
        rate: peak of the learning rate.
        head_only: whether all but the classifier stays as it is.
        small_until: the steps before it are of pictures in the recipe's low resolution.
    """

    place: int
    first: int
    last: int
    rate: float
    head_only: bool = False
    small_until: int = 0


def fit(
    learner: Learner,
    plan: BatchPlan,
    pictures: Pictures,
    phase: Phase,
    progress: Progress,
    run: Run,
    *,
    fingerprint: str,
    cadence: Cadence,
    listeners: Sequence[Listener] = (),
    devices: str = "one",
    writing: bool = True,
) -> None:
    """Do the steps of a phase that are left, from `progress.step` on.

    Args:
        progress: is kept up to date.
        fingerprint: of what decides the weights, for the checkpoints.
        writing: whether this process writes the log and the checkpoints; of several processes one does.

    Raises:
        DivergedError: the loss is no finite number.
        InputError: the disk is full; what was stored before is kept.
    """
    if progress.step == phase.last:
        return
    make = partial(make_engine, learner, plan, pictures.images, pictures.labels, devices=devices)
    parts = (learner.recipe.low_resolution.size, phase.small_until), (0, phase.last)
    engine = Relay(learner, parts, progress.step, make)
    started, before = time.monotonic(), progress.seconds
    epoch_began = sum(timing["seconds"] for timing in progress.timings)
    try:
        while progress.step < phase.last:
            epoch = progress.step // plan.steps_per_epoch
            epoch_end = min((epoch + 1) * plan.steps_per_epoch, phase.last)
            stop = min(progress.step + engine.stride, epoch_end)
            losses, right = engine.run(progress.step, stop)
            _check(losses, progress.step, plan.steps_per_epoch)
            for loss, count in zip(losses.tolist(), right.tolist(), strict=True):
                progress.loss_sum += loss
                progress.right += count
            progress.seen += len(losses)
            progress.step = stop
            rate = float(learner.optimizer.learning_rate)
            loss, accuracy = progress.loss_sum / progress.seen, progress.right / (progress.seen * plan.batch_size)
            for listener in listeners:
                listener.after_steps(stop, loss, accuracy, rate)
            progress.seconds = before + time.monotonic() - started
            if stop == epoch_end:
                row = {"epoch": len(progress.rows) + 1, "loss": loss, "accuracy": accuracy}
                row |= validate(learner.network, pictures.held_images, pictures.held_labels)
                row["learning_rate"] = rate
                progress.seconds = before + time.monotonic() - started
                spent = progress.seconds - epoch_began
                timing = {
                    "epoch": row["epoch"],
                    "seconds": spent,
                    "images_a_second": progress.seen * plan.batch_size / spent,
                }
                progress.rows.append(row)
                progress.timings.append(timing)
                progress.loss_sum = progress.right = progress.seen = 0
                epoch_began = progress.seconds
                if writing:
                    run.write_log(progress)
                for listener in listeners:
                    listener.after_epoch(row)
            if writing and (cadence.due() or stop == phase.last):
                clock = time.monotonic()
                checkpoint.save(run.checkpoints, fingerprint, progress, learner.variables)
                cadence.wrote(time.monotonic() - clock)
    finally:
        engine.close()


def _check(losses: NDArray[np.float32], first: int, steps: int) -> None:
    """Stop at the first loss that is no finite number, and name its step."""
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong):
        epoch, place = divmod(first + int(wrong[0]), steps)
        raise DivergedError(
            f"The loss is no longer a finite number at step {place + 1} of epoch {epoch + 1}; the last good checkpoint "
            "is kept. Try a lower optimizer.learning_rate."
        )


def validate(network: keras.Model, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> dict[str, float]:
    """Mean cross-entropy in nats and accuracy (0..1) of a network that gives logits; nothing for no images."""
    if not len(labels):
        return {}
    size = batch_size(images)
    batches = [images[at : at + size].astype(np.float32) for at in range(0, len(images), size)]
    logits = np.concatenate([network.predict_on_batch(batch) for batch in batches]).astype(np.float64)
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return {
        "val_loss": float(-logs[np.arange(len(labels)), labels].mean()),
        "val_accuracy": float((logits.argmax(axis=1) == labels).mean()),
    }
