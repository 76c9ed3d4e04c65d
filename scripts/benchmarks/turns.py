"""Contestants that take turns: each is a process of its own, so that a noisy machine is noisy for all.

Not a benchmark by itself: `training_speed.py` and `anchors.py` run themselves once for each contestant by this.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping


def answer(run: Callable[[int], float]) -> None:
    """Answer every number of steps on standard input with the seconds that `run` gives for them."""
    for line in sys.stdin:
        print(json.dumps(run(int(line))), flush=True)


def take_turns(
    program: str,
    steps: Mapping[str, int],
    rounds: int,
    threads: int,
    environments: Mapping[str, Mapping[str, str]] | None = None,
    arguments: tuple[str, ...] = (),
) -> dict[str, list[float]]:
    """The seconds of every contestant in every round; a round before the first compiles and is not counted.

    Args:
        program: the file that, with `--contestant NAME`, calls `answer`.
        steps: in a turn, of each contestant.
        rounds: how many turns each takes.
        threads: that each computes with.
        environments: variables that are set for some of the contestants.
        arguments: more of them for the program.
    """
    shared = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(threads)),
    }
    command = [sys.executable, program, *arguments, "--contestant"]
    processes = {
        name: subprocess.Popen(
            [*command, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=shared | dict((environments or {}).get(name, {})),
        )
        for name in steps
    }
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(-1, rounds):
        for name, process in processes.items():
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{steps[name]}\n")
            process.stdin.flush()
            seconds = json.loads(process.stdout.readline())
            if number >= 0:
                found[name].append(seconds)
    for process in processes.values():
        process.communicate()
    return found
