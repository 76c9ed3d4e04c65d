"""Seconds of the steps of scripts/quickstart.sh after the installation, beside `import tensorflow` in the same run.

    python scripts/benchmarks/quickstart_budget.py [--rounds 2]

Both are new processes and take turns. Prints the best of each in seconds, and the quickstart as a multiple of the
import, which tells how fast the machine is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(arguments: list[str]) -> float:
    """How long a new Python takes with these arguments."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="how often both are timed")
    given = parser.parse_args()
    imports, steps = [], []
    for _ in range(given.rounds):
        imports.append(seconds(["-c", "import tensorflow"]))
        with tempfile.TemporaryDirectory() as folder:
            steps.append(seconds(["-m", "cnnref.cli", "quickstart", "--out", str(Path(folder) / "quickstart")]))
    print(f"import tensorflow   {min(imports):6.1f} s")
    print(f"cnnref quickstart   {min(steps):6.1f} s   {min(steps) / min(imports):.1f} times the import")


if __name__ == "__main__":
    main()
