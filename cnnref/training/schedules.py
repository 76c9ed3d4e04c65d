"""The learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import Any

from ..environment import keras, ops
from .recipe import Schedule


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linearly from zero to `peak`, then to zero by the last step (or constant)."""

    def __init__(self, peak: float, total_steps: int, schedule: Schedule) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.schedule = schedule

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        # The rate at the middle of the step: neither the first nor the last step is wasted on zero.
        done = (ops.cast(step, "float32") + 0.5) / self.total_steps
        warmup = self.schedule.warmup
        left = ops.clip((1 - done) / (1 - warmup), 0.0, 1.0)
        if self.schedule.decay == "cosine":
            left = 0.5 - 0.5 * ops.cos(math.pi * left)
        elif self.schedule.decay == "constant":
            left = ops.ones_like(left)
        rise = ops.minimum(done / warmup, 1.0) if warmup else 1.0
        return self.peak * rise * left

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras wants them for saving."""
        return {"peak": self.peak, "total_steps": self.total_steps, "schedule": self.schedule}
