"""What a run shows while it trains: a live bar on a terminal, else one line a second."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ..environment import keras


class ProgressDisplay(keras.callbacks.Callback):
    """Shows epoch, step, loss, accuracy, learning rate, images a second and time left, on standard error."""

    def __init__(self, batch_size: int, steps: int, epochs: int, first_epoch: int) -> None:
        super().__init__()
        self.batch_size, self.steps, self.epochs = batch_size, steps, epochs
        self.first_epoch = self.epoch = first_epoch
        self.started = self.last_line = time.monotonic()
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self.console, transient=True
        )
        self.task = self.bar.add_task("", total=epochs * steps, completed=first_epoch * steps)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.started = self.last_line = time.monotonic()
        if self.console.is_terminal:
            self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        now = time.monotonic()
        if self.console.is_terminal:
            line = self._line(batch + 1, now, logs or {})
            self.bar.update(self.task, completed=self.epoch * self.steps + batch + 1, description=line)
        elif self._may_print(now):
            print(self._line(batch + 1, now, logs or {}), file=sys.stderr, flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        line = f"epoch {epoch + 1}/{self.epochs}  loss {logs['loss']:.4f}  accuracy {100 * logs['accuracy']:.2f} %"
        if "val_accuracy" in logs:
            line += f"  validation {100 * logs['val_accuracy']:.2f} %"
        if self._may_print(time.monotonic()) or self.console.is_terminal or epoch + 1 == self.epochs:
            self.console.print(line)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the screen, also after an interruption."""
        if self.console.is_terminal:
            self.bar.stop()

    def _may_print(self, now: float) -> bool:
        """Whether a second has passed since the last line."""
        if now - self.last_line < 1:
            return False
        self.last_line = now
        return True

    def _line(self, step: int, now: float, logs: dict[str, Any]) -> str:
        done = (self.epoch - self.first_epoch) * self.steps + step
        pace = done / max(now - self.started, 1e-9)
        left = int(((self.epochs - self.epoch) * self.steps - step) / pace)
        return (
            f"epoch {self.epoch + 1}/{self.epochs}  step {step}/{self.steps}  loss {logs.get('loss', 0):.4f}  "
            f"accuracy {100 * logs.get('accuracy', 0):.1f} %  "
            f"learning rate {float(self.model.optimizer.learning_rate):.2g}  "
            f"{pace * self.batch_size:,.0f} images/s  {left // 60}:{left % 60:02d} left"
        )
