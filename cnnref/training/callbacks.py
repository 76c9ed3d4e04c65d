"""What is called during a run: the log, the display, TensorBoard and the checkpoints.

`Trainer.run` calls each of them after every few steps, after every epoch, and at the end.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from ..environment import keras
from ..errors import InputError
from . import checkpoint
from .checkpoint import Cadence, Progress
from .run import Run

#: Seconds that images a second and time left are measured over: a run gets slower where its pictures grow.
WINDOW = 30.0


#: Columns of the bar, and what its line leaves out on a narrow terminal, the first of them first.
BAR, DISPENSABLE = 12, ("rate", "pace", "step", "accuracy")


class Callback:
    """The base of all callbacks: it does nothing when it is called. Override what you need.

    Where a phase begins, the trainer calls `before_steps` of all callbacks; after every call of the engine
    `after_steps` of all, then at the end of an epoch `after_epoch` of all, and then `at_save_point` of all.
    """

    def before_steps(self, variables: Mapping[str, keras.Variable]) -> None:
        """A phase begins, or is gone on with; `variables` are the whole state by name, see `TrainState.variables`."""

    def after_steps(self, step: int, loss: float, accuracy: float, rate: float) -> None:
        """`step` steps of the run are done; loss and accuracy (0..1) are those of the epoch so far."""

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; its row of metrics.csv."""

    def at_save_point(self, variables: Mapping[str, keras.Variable], *, last: bool) -> None:
        """Weights and progress agree with each other here, so this is the moment to store them.

        Args:
            variables: the whole state by name, see `TrainState.variables`.
            last: whether this was the last step of a phase.
        """

    def close(self) -> None:
        """The run is over, or was interrupted."""


class MetricsLog(Callback):
    """Writes metrics.csv and timings.csv after every epoch."""

    def __init__(self, run: Run, progress: Progress) -> None:
        self._run, self._progress = run, progress

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """Write both files anew; the row is in the progress already."""
        self._run.write_log(self._progress)


class CheckpointWriter(Callback):
    """Stores the state of the run when it is time, and at the end of every phase.

    Args:
        folder: of the checkpoints.
        fingerprint: of what decides the weights.
        progress: of the run.
        cadence: says when it is time.
    """

    def __init__(self, folder: Path, fingerprint: str, progress: Progress, cadence: Cadence) -> None:
        self._folder, self._fingerprint, self._progress, self._cadence = folder, fingerprint, progress, cadence

    def at_save_point(self, variables: Mapping[str, keras.Variable], *, last: bool) -> None:
        """Write a checkpoint if it is due.

        Raises:
            InputError: the disk is full; what was stored before is kept.
            DivergedError: a weight is no finite number; likewise.
        """
        if last or self._cadence.due():
            began = time.monotonic()
            checkpoint.save(self._folder, self._fingerprint, self._progress, variables)
            self._cadence.wrote(time.monotonic() - began)


class BestWeights(Callback):
    """Stores the weights whenever the validation accuracy is better than in all epochs before.

    After a kill it may be ahead of the last checkpoint; the epochs that are done again then store the same.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder, self._progress, self._due = folder, progress, False

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """Remember whether this epoch is the best; its row is in the progress already."""
        self._due = self._progress.best_epoch == row["epoch"]

    def at_save_point(self, variables: Mapping[str, keras.Variable], *, last: bool) -> None:
        """Store the weights of the best epoch, right after it."""
        if self._due:
            checkpoint.save_weights(self._folder / checkpoint.BEST, variables)
            self._due = False


class ProgressDisplay(Callback):
    """Shows epoch, step, loss, accuracy, learning rate, images a second and time left, on standard error.

    Args:
        batch_size: images a step.
        steps: steps an epoch.
        total: steps of the run.
        done: steps that an earlier start has done.
        clock: gives the time in seconds.
    """

    def __init__(
        self, batch_size: int, steps: int, total: int, done: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.batch_size, self.steps, self.total = batch_size, steps, total
        self.epochs = -(-total // steps)
        self.clock = clock
        self.last_line = self.clock()
        self.seen = deque([(self.last_line, done)])  # times and steps, for the pace of the last seconds
        self.console = Console(stderr=True, highlight=False)
        self.bar = Bar(BarColumn(bar_width=BAR), TextColumn("{task.description}"), console=self.console, transient=True)
        self.task = self.bar.add_task("", total=total, completed=done)
        if self.console.is_terminal:
            self.bar.start()

    def after_steps(self, step: int, loss: float, accuracy: float, rate: float) -> None:
        """`step` steps of the run are done; loss and accuracy (0..1) are those of the epoch so far."""
        now = self.clock()
        if self.console.is_terminal:
            self.bar.update(self.task, completed=step, description=self._line(step, now, loss, accuracy, rate))
        elif self._may_print(now):
            print(self._line(step, now, loss, accuracy, rate), file=sys.stderr, flush=True)

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; its row of metrics.csv."""
        line = f"epoch {row['epoch']:g}/{self.epochs}  loss {row['loss']:.4f}  accuracy {100 * row['accuracy']:.2f} %"
        if "val_accuracy" in row:
            line += f"  validation {100 * row['val_accuracy']:.2f} %"
        if self._may_print(self.clock()) or self.console.is_terminal or row["epoch"] >= self.epochs:
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
        parts = {
            "epoch": f"epoch {epoch + 1}/{self.epochs}",
            "step": f"step {place + 1}/{self.steps}",
            "loss": f"loss {loss:.4f}",
            "accuracy": f"accuracy {100 * accuracy:.1f} %",
            "rate": f"learning rate {rate:.2g}",
            "pace": f"{pace * self.batch_size:,.0f} images/s",
            "left": f"{left // 60}:{left % 60:02d} left",
        }
        if self.console.is_terminal:  # one line, in which the time left is to be seen
            for name in DISPENSABLE:
                if len("  ".join(parts.values())) > self.console.width - BAR - 2:
                    del parts[name]
        return "  ".join(parts.values())


class TensorBoardLog(Callback):
    """Writes every epoch's row as scalars: `tensorboard --logdir RUN/tensorboard` shows them.

    Args:
        folder: where the event files go.

    Raises:
        InputError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                "TensorBoard logs need the package tensorboard; install it with `pip install tensorboard`."
            )
        import tensorflow as tf

        self._summary = tf.summary
        self._writer = tf.summary.create_file_writer(str(folder))

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; its row of metrics.csv and its images a second."""
        with self._writer.as_default():
            for name, value in row.items():
                if name != "epoch":
                    self._summary.scalar(name, value, step=int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
