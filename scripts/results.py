"""Print the table of results of the shipped bundles, or write it into a README.

python scripts/results.py
python scripts/results.py --write README.md
"""

import argparse
import sys
from pathlib import Path

from cnnref.errors import EXPECTED
from cnnref.exporters.card.results_table import put_into, results_table
from cnnref.runtimes import find_bundle, list_bundles

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The table of results of the shipped bundles, from their logs.")
    parser.add_argument("--write", type=Path, metavar="README", help="put it between its markers in this file")
    into = parser.parse_args().write
    try:
        table = results_table(find_bundle(name) for name in list_bundles())
        put_into(into, table) if into else print(table)
    except EXPECTED as error:
        sys.exit(f"cnnref: {error}")
