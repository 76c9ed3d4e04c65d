"""A callback that interrupts a run, as Ctrl-C would."""

from cnnref.training.callbacks import Callback


class StopAfter(Callback):
    """Interrupts a run after a step, before its state is stored."""

    def __init__(self, step: int) -> None:
        self.last = step

    def after_steps(self, step: int, *_: float) -> None:
        if step > self.last:
            raise KeyboardInterrupt
