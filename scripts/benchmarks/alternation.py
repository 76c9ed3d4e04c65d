"""What one thing takes of the time of another, measured in turns, so that it holds on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

#: Seconds that one side of a round takes at least, so that the clock counts little; other programs still come between
#: the sides of some rounds, which is why the median over many short ones is taken.
TURN = 0.01


def share_of_time(before: Callable[[], object], after: Callable[[], object], rounds: int) -> float:
    """The median over the rounds of the time that `after` takes, as a share of that of `before`."""

    def seconds(run: Callable[[], object], times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            run()
        return (time.perf_counter() - begun) / times

    once = min(seconds(before, 3), seconds(after, 3))
    times = max(1, round(TURN / once))
    shares = []
    for number in range(rounds):
        order = (before, after) if number % 2 else (after, before)
        took = {run: seconds(run, times) for run in order}
        shares.append(took[after] / took[before])
    return float(np.median(shares))
