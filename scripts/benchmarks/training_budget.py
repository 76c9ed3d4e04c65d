"""How close the time of a training run comes to its budget in minutes.

python scripts/benchmarks/training_budget.py --recipe lenet5-digits --minutes 2

It trains in a fresh folder and prints the minutes that were spent, imports aside, as a ratio to the budget. On a quiet
machine the ratio is within a few percent of 1.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cnnref
from cnnref.training import read_recipe

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Minutes that a run took, as a ratio to its budget.")
    parser.add_argument("--recipe", default="lenet5-digits")
    parser.add_argument("--minutes", type=float, default=2.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cnnref.build(read_recipe(given.recipe).model)  # the import of Keras is no part of the run
        began = time.monotonic()
        run = cnnref.train(given.recipe, out=Path(folder) / "run", quiet=True, budget_minutes=given.minutes)
        spent = (time.monotonic() - began) / 60
        epochs = run.results["epochs"]
        print(f"{spent:.2f} of {given.minutes:g} minutes, ratio {spent / given.minutes:.3f}, {epochs} epochs")
