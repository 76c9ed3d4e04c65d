"""TensorBoard logs of a run, on request."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from .callbacks import Listener


class TensorBoardLog(Listener):
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
