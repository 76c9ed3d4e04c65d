"""The learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import Any

from ..environment import keras, ops
from .recipe import Schedule


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, unused-ignore]
    """Linearly from start * `peak` to `peak`, then down to end * `peak` after the last step."""

    def __init__(self, peak: float, total_steps: int, schedule: Schedule) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.schedule = schedule

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        # The rate at the middle of the step: neither the first nor the last step is wasted on zero.
        done = (ops.cast(step, "float32") + 0.5) / self.total_steps
        warmup, start, end = self.schedule.warmup, self.schedule.start, self.schedule.end
        left = ops.clip((1 - done) / (1 - warmup), 0.0, 1.0)
        if self.schedule.decay == "cosine":
            left = 0.5 - 0.5 * ops.cos(math.pi * left)
        elif self.schedule.decay == "constant":
            left = ops.ones_like(left)
        elif self.schedule.decay == "steps":
            left = ops.ones_like(left)
            for milestone in self.schedule.milestones:
                left = left * ops.where(done > milestone, 0.1, 1.0)
        rise = start + (1 - start) * ops.minimum(done / warmup, 1.0) if warmup else 1.0
        return self.peak * rise * (end + (1 - end) * left)

    def get_config(self) -> dict[str, Any]:
        """The arguments, which Keras needs for saving."""
        return {"peak": self.peak, "total_steps": self.total_steps, "schedule": self.schedule}
