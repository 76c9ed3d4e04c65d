"""Export the networks of keras.applications with cnnref and with Keras' own exporters, and print what came of each.

    python scripts/benchmarks/keras_applications.py [NAME ...] [--exporters cnnref] [--json FILE]

Each network is built with random weights at its usual size, saved as a .keras file, loaded again, and exported to
float32 ONNX, TFLite and SavedModel. Every file is run in its runtime and compared with what Keras computes; cnnref also
verifies its own. Prints a row for each network: what came of the three files, the nodes of the .onnx, and the bytes of
all three, of both exporters, or of those that --exporters names. Reasons for what is not right stand below the table.
With --json, a line for each file is appended to FILE when its network is done, and what stands there already is not
exported again.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

from user_networks.exporting import FILES, RIGHT, Outcome, exported_by_cnnref, exported_by_keras, subject_of
from user_networks.table import UserNetwork

from cnnref.environment import keras
from cnnref.runtimes.inspection import structure

#: All 40, from few weights to many.
NAMES = [
    "MobileNetV3Small",
    "MobileNetV2",
    "MobileNet",
    "EfficientNetB0",
    "NASNetMobile",
    "MobileNetV3Large",
    "EfficientNetV2B0",
    "EfficientNetB1",
    "DenseNet121",
    "EfficientNetV2B1",
    "EfficientNetB2",
    "EfficientNetV2B2",
    "EfficientNetB3",
    "DenseNet169",
    "EfficientNetV2B3",
    "EfficientNetB4",
    "DenseNet201",
    "EfficientNetV2S",
    "Xception",
    "InceptionV3",
    "ResNet50",
    "ResNet50V2",
    "ConvNeXtTiny",
    "EfficientNetB5",
    "EfficientNetB6",
    "ResNet101",
    "ResNet101V2",
    "ConvNeXtSmall",
    "EfficientNetV2M",
    "InceptionResNetV2",
    "ResNet152",
    "ResNet152V2",
    "EfficientNetB7",
    "ConvNeXtBase",
    "NASNetLarge",
    "EfficientNetV2L",
    "VGG16",
    "VGG19",
    "ConvNeXtLarge",
    "ConvNeXtXLarge",
]

EXPORTERS = {"cnnref": exported_by_cnnref, "Keras": exported_by_keras}


@dataclass(frozen=True)
class Row:
    """A file of one network by one exporter; `bytes` and `nodes` are 0 where there is none, or no nodes to count."""

    exporter: str
    network: str
    format: str
    verdict: str
    reason: str
    bytes: int
    nodes: int


def network(name: str) -> UserNetwork:
    """A network with random weights; MobileNetV3 leaves its size open unless it is told."""
    shape = {"input_shape": (224, 224, 3)} if name.startswith("MobileNetV3") else {}
    return UserNetwork(name, "keras.applications", lambda: getattr(keras.applications, name)(weights=None, **shape))


def rows_of(name: str, exporters: Sequence[str]) -> Iterator[Row]:
    """Export one network."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subject = subject_of(network(name), folder)
        for exporter in exporters:
            place = folder / (name if exporter == "cnnref" else f"{name}-keras")
            for outcome in EXPORTERS[exporter](subject, folder):
                yield row(exporter, outcome, place / FILES[outcome.format])


def row(exporter: str, outcome: Outcome, path: Path) -> Row:
    """What came of a file, with its size while it is there."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    found = structure(path, outcome.format) if path.is_file() and outcome.format == "onnx" else None
    nodes = sum(found.operators.values()) if found else 0
    size = sum(one.stat().st_size for one in files)
    return Row(exporter, outcome.network, outcome.format, outcome.verdict, outcome.reason, size, nodes)


def line(name: str, rows: list[Row], exporters: Sequence[str]) -> str:
    """The rows of a network as one row of Markdown."""
    cells = []
    for exporter in exporters:
        own = {one.format: one for one in rows if one.exporter == exporter}
        verdicts = {one.verdict for one in own.values()}
        shown = [f"{own[form].verdict}" for form in FILES]
        cells.append("all right" if verdicts == {RIGHT} else ", ".join(shown))
        cells.append(f"{own['onnx'].nodes:,}" if own["onnx"].nodes else "")
        cells += [f"{own[form].bytes:,}" if own[form].bytes else "" for form in FILES]
    return f"| `{name}` | {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help="only these networks")
    parser.add_argument("--exporters", nargs="+", choices=EXPORTERS, default=list(EXPORTERS), help="by default both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="read and append the outcomes, one on each line")
    given = parser.parse_args()
    known: dict[tuple[str, str], list[Row]] = {}
    if given.json is not None and given.json.is_file():
        for stored in given.json.read_text(encoding="utf-8").splitlines():
            fields: dict[str, Any] = json.loads(stored)
            known.setdefault((fields["network"], fields["exporter"]), []).append(Row(**fields))
    heads = "".join(f" {one} | nodes | bytes of .onnx | .tflite | SavedModel |" for one in given.exporters)
    print(f"| network |{heads}\n|---|" + f"---|{'---:|' * 4}" * len(given.exporters), flush=True)
    wrong: list[Row] = []
    for name in given.names or NAMES:
        rows = [row for exporter in given.exporters for row in known.get((name, exporter), [])]
        missing = [one for one in given.exporters if (name, one) not in known]
        new = list(rows_of(name, missing)) if missing else []
        if given.json is not None and new:
            with given.json.open("a", encoding="utf-8") as lines:
                lines.writelines(json.dumps(asdict(one)) + "\n" for one in new)
        rows += new
        print(line(name, rows, given.exporters), flush=True)
        wrong += [one for one in rows if one.verdict != RIGHT]
        keras.backend.clear_session()
        gc.collect()
    for one in wrong:
        print(f"{one.exporter} {one.network} {one.format}: {one.verdict}: {one.reason}")


if __name__ == "__main__":
    main()
