"""Measure how quickly the commands that need no TensorFlow start, beside Python itself and NumPy in the same run.

Prints the best of seven starts of each program, taken in turns, in seconds and above `python -c "import numpy"`. The
bound is 0.2 s above the slower of the two base lines; the exit status is 1 where a command exceeds it.
"""

from __future__ import annotations

import subprocess
import sys
import time

TURNS = 7
BOUND = 0.2
BASE = {"python": ["-c", "pass"], "numpy": ["-c", "import numpy"]}
COMMANDS = {
    "import cnnref": ["-c", "import cnnref"],
    "cnnref --help": ["-m", "cnnref.cli", "--help"],
    "cnnref models": ["-m", "cnnref.cli", "models"],
}


def seconds(arguments: list[str]) -> float:
    """How long a new Python takes with these arguments."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Measure and print; 1 if a command is over the bound."""
    best: dict[str, float] = {}
    for _ in range(TURNS):
        for name, arguments in {**BASE, **COMMANDS}.items():
            best[name] = min(best.get(name, float("inf")), seconds(arguments))
    base = max(best[name] for name in BASE)
    for name, took in best.items():
        print(f"{name:15} {took:6.3f} s   {took - base:+6.3f} s   {took / base:5.2f} of the base line")
    return int(any(best[name] > base + BOUND for name in COMMANDS))


if __name__ == "__main__":
    sys.exit(main())
