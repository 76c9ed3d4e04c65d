"""Export the user networks of the tests with cnnref and with Keras' own exporters, and print what came of each.

    python scripts/benchmarks/user_networks.py [NAME ...] [--no-keras] [--json FILE]

Every network is saved as a .keras file, loaded again, exported to float32 ONNX, TFLite and SavedModel, run in ONNX
Runtime, LiteRT and TensorFlow, and compared with what Keras computes. The table counts the networks that Keras can run
and that are meant to be exported; below it stands a line for every file that is not right. With --json, a line of JSON
for each file is appended to FILE as it comes, and files that stand there already are not made again, so that a run can
be continued. The whole table takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from user_networks import NETWORKS
from user_networks.exporting import (
    CRASHED,
    FILES,
    REFUSED,
    RIGHT,
    UNRUNNABLE,
    WRONG,
    Outcome,
    exported_by_cnnref,
    exported_by_keras,
    subject_of,
)

from cnnref.environment import keras

VERDICTS = (RIGHT, REFUSED, WRONG, CRASHED, UNRUNNABLE)
EXPORTERS = {"cnnref": exported_by_cnnref, "keras": exported_by_keras}


def measured(names: list[str], exporters: list[str], record: Path | None) -> dict[str, list[Outcome]]:
    """The outcomes of each exporter; read from `record` where they stand there, and appended to it where not."""
    found: dict[str, list[Outcome]] = {exporter: [] for exporter in exporters}
    if record is not None and record.is_file():
        for line in record.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            if (exporter := fields.pop("exporter")) in found and fields["network"] in names:
                found[exporter].append(Outcome(**fields))
    for name in names:
        for exporter in exporters:
            network = NETWORKS[name]
            if any(one.network == name for one in found[exporter]) or (exporter == "keras" and network.refused):
                continue
            with tempfile.TemporaryDirectory() as folder:
                outcomes = list(EXPORTERS[exporter](subject_of(network, Path(folder)), Path(folder)))
            found[exporter] += outcomes
            if record is not None:
                with record.open("a", encoding="utf-8") as lines:
                    lines.writelines(json.dumps({"exporter": exporter, **asdict(one)}) + "\n" for one in outcomes)
            keras.backend.clear_session()
            gc.collect()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS], metavar="NAME", help="only these networks")
    parser.add_argument("--no-keras", action="store_true", help="leave Keras' own exporters out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="read and append the outcomes, one on each line")
    given = parser.parse_args()
    exporters = ["cnnref"] if given.no_keras else list(EXPORTERS)
    found = measured(given.names or list(NETWORKS), exporters, given.json)
    print(f"| exporter | {' | '.join(FILES)} |\n|---|{'---|' * len(FILES)}")
    for exporter, outcomes in found.items():
        cells = []
        for form in FILES:
            counts = Counter(
                one.verdict for one in outcomes if one.format == form and not NETWORKS[one.network].refused
            )
            cells.append(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]))
        print(f"| {exporter} | {' | '.join(cells)} |")
    for exporter, outcomes in found.items():
        for one in outcomes:
            if one.verdict != RIGHT:
                print(f"{exporter} {one.network} {one.format}: {one.verdict}: {one.reason}")


if __name__ == "__main__":
    main()
