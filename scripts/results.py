"""Print the table of results of the shipped bundles, write it into a README, hold a README to it, or draw it.

python scripts/results.py
python scripts/results.py --write README.md
python scripts/results.py --check README.md
python scripts/results.py --figure saved_models/results.png --anchors scripts/benchmarks/anchors.json
"""

import argparse
import sys
from pathlib import Path

from cnnref.errors import EXPECTED
from cnnref.exporters.card.results_figure import points_of, results_figure
from cnnref.exporters.card.results_table import around_table, put_into, results_table
from cnnref.files import write_whole
from cnnref.runtimes import find_bundle, list_bundles

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The results of the shipped bundles, from their logs.")
    parser.add_argument("--write", type=Path, metavar="README", help="put the table between its markers in this file")
    parser.add_argument("--check", type=Path, metavar="README", help="exit with 1 if this file has another table")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw accuracy against CPU minutes")
    parser.add_argument("--anchors", type=Path, metavar="JSON", help="what anchors.py --json printed, for the figure")
    given = parser.parse_args()
    if given.figure and not given.anchors:
        parser.error("--figure needs the minutes of --anchors.")
    try:
        bundles = [find_bundle(name) for name in list_bundles()]
        table = results_table(bundles)
        if given.write:
            put_into(given.write, table)
        if given.figure:
            write_whole(given.figure, results_figure(points_of(given.anchors, bundles)))
        if given.check and around_table(given.check)[1] != table:
            sys.exit(f"{given.check} has another table than the logs; run scripts/results.py --write {given.check}.")
        if not (given.write or given.check or given.figure):
            print(table)
    except EXPECTED as error:
        sys.exit(f"cnnref: {error}")
