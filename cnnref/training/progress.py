"""What a run shows while it trains: a live bar on a terminal, else one line a second."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from .callbacks import Listener

#: Seconds that images a second and time left are measured over: a run gets slower where its pictures grow.
WINDOW = 30.0


class ProgressDisplay(Listener):
    """Shows epoch, step, loss, accuracy, learning rate, images a second and time left, on standard error.

    Args:
        batch_size: images a step.
        steps: steps an epoch.
        total: steps of the run.
        done: steps that an earlier start has done.
    """

    def __init__(self, batch_size: int, steps: int, total: int, done: int) -> None:
        self.batch_size, self.steps, self.total = batch_size, steps, total
        self.epochs = -(-total // steps)
        self.last_line = time.monotonic()
        self.seen = deque([(self.last_line, done)])  # times and steps, for the pace of the last seconds
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self.console, transient=True
        )
        self.task = self.bar.add_task("", total=total, completed=done)
        if self.console.is_terminal:
            self.bar.start()

    def after_steps(self, step: int, loss: float, accuracy: float, rate: float) -> None:
        """`step` steps of the run are done; loss and accuracy (0..1) are those of the epoch so far."""
        now = time.monotonic()
        if self.console.is_terminal:
            self.bar.update(self.task, completed=step, description=self._line(step, now, loss, accuracy, rate))
        elif self._may_print(now):
            print(self._line(step, now, loss, accuracy, rate), file=sys.stderr, flush=True)

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; its row of metrics.csv."""
        line = f"epoch {row['epoch']:g}/{self.epochs}  loss {row['loss']:.4f}  accuracy {100 * row['accuracy']:.2f} %"
        if "val_accuracy" in row:
            line += f"  validation {100 * row['val_accuracy']:.2f} %"
        if self._may_print(time.monotonic()) or self.console.is_terminal or row["epoch"] >= self.epochs:
            self.console.print(line)

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

    def _line(self, step: int, now: float, loss: float, accuracy: float, rate: float) -> str:
        self.seen.append((now, step))
        while len(self.seen) > 2 and now - self.seen[1][0] >= WINDOW:
            self.seen.popleft()
        (since, done), *_ = self.seen
        pace = (step - done) / max(now - since, 1e-9)
        left = int((self.total - step) / pace)
        epoch, place = divmod(step - 1, self.steps)
        return (
            f"epoch {epoch + 1}/{self.epochs}  step {place + 1}/{self.steps}  loss {loss:.4f}  "
            f"accuracy {100 * accuracy:.1f} %  learning rate {rate:.2g}  "
            f"{pace * self.batch_size:,.0f} images/s  {left // 60}:{left % 60:02d} left"
        )
