"""Who is told how a run goes on."""

from __future__ import annotations

from collections.abc import Mapping


class Listener:
    """Does nothing with what it is told; the display and the TensorBoard log do."""

    def after_steps(self, step: int, loss: float, accuracy: float, rate: float) -> None:
        """`step` steps of the run are done; loss and accuracy (0..1) are those of the epoch so far."""

    def after_epoch(self, row: Mapping[str, float]) -> None:
        """An epoch is over; its row of metrics.csv."""

    def close(self) -> None:
        """The run is over, or was interrupted."""
