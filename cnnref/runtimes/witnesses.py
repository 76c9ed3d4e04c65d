"""The second witnesses of what bundle.json says beside the files themselves: the model card and report.json.

Every fact of bundle.json is in the hash that the card repeats, so that none of them changes alone. What nothing can
compute again without the data, such as an accuracy, is held to what the export wrote into bundle.json. Whoever makes
all of it anew, hashes included, is found out by a signature alone (signing.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..errors import InputError, printable
from ..files import read_regular
from .bundle import CARD, REPORT, Bundle
from .manifest import facts_sha256
from .report import SEAL, Check, Outcome, is_measured, read_report

#: The line of a model card that repeats the hash.
FACTS = "SHA-256 of the facts in `bundle.json`, which is all of it but the list of files: `{digest}`."
_FACTS = re.compile(re.escape(FACTS).replace(re.escape("{digest}"), "([0-9a-f]{64})"))
#: The most bytes of a card.
LARGEST_CARD = 16 << 20
#: How far an accuracy (0..1) may be from that of the export: on another processor a picture on the edge falls to the
#: other side. Reduced files may be off by the points that they may lose, too.
SAME_ACCURACY = 0.001


def check_card(bundle: Bundle, check: Check) -> None:
    """Hold the facts of bundle.json to the hash in the card; the cards of older bundles have none."""
    try:
        text = read_regular(bundle.folder / CARD, LARGEST_CARD, "model card").decode("utf-8", "replace")
    except (OSError, InputError) as error:
        check.problems.append(f"it cannot be read: {printable(str(error))}")
        return
    found = _FACTS.search(text)
    if found is None and bundle.has_witnesses:
        check.problems.append("it does not repeat the hash of the facts in bundle.json")
    elif found is not None and found[1] != facts_sha256(bundle.document):
        check.problems.append("it was written for other facts than those of bundle.json, where one has changed since")


def report_of_earlier(bundle: Bundle, now: Mapping[str, Outcome | None] = {}) -> Check | None:
    """What is wrong with the report.json that is there, and what only data could show; None where nothing is.

    Args:
        now: what was measured now, by file; an accuracy on the same data set is held to it, and known then.
    """
    if not (bundle.folder / REPORT).exists():
        return None
    check = Check(REPORT)
    try:
        report = read_report(bundle.folder)
    except InputError:
        report = {}
    if not report or (bundle.has_witnesses and SEAL not in report):
        check.problems.append("it cannot be read, or is not as a verification wrote it")
        return check
    rows = [row for row in report["checks"] if isinstance(row, dict)]
    unknown: list[str] = []
    anew: list[str] = []
    of_keras: dict[tuple[Any, int], set[float]] = {}
    for row in rows:
        file, test = str(row.get("file")), row.get("test")
        if file not in bundle.artifacts or not test:
            continue
        recorded, measured, when = bundle.artifacts[file].test, now.get(file), "at the export"
        if measured is not None and isinstance(test, dict) and measured.dataset == test.get("dataset"):
            recorded, when = asdict(measured), "in this verification"
        if not is_measured(test):
            check.problems.append(f"its accuracy of {printable(file)} makes no sense")
            continue
        on = (test.get("dataset"), test["images"])
        of_keras.setdefault(on, set()).add(round(100 * test["accuracy"] + test["points_lost"], 5))
        if recorded is None:
            unknown.append(file)
        elif problem := other_accuracy(bundle, file, test["accuracy"], test["images"], recorded, when):
            check.problems.append(f"{printable(file)}: {problem}")
        elif test != recorded and measured is None:
            anew.append(file)
    for points in of_keras.values():
        if len(points) > 1:
            check.problems.append(
                "its accuracies do not fit together: by what each file has right and has lost, Keras would be right in "
                + " and in ".join(f"{found:.2f} %" for found in sorted(points))
            )
    notes = [
        f"{why} of {', '.join(map(printable, files))}"
        for why, files in (
            ("the export measured no accuracy", unknown),
            ("the export measured another accuracy", anew),
        )
        if files
    ]
    if notes:
        check.checked = False
        check.note = (
            f"{' and '.join(notes)}; whether the report's is true, only the data shows: `cnnref verify "
            f"{printable(str(bundle.folder))} --data-dir DATA` measures it"
            + " (an accuracy of bundle.json comes before one of the report, wherever one is shown)"
            * bool(anew)
        )
    return check if check.problems or check.note else None


def check_accuracy(bundle: Bundle, check: Check) -> None:
    """Hold the accuracy that was measured now to that of the export, on the same test set."""
    recorded = bundle.artifacts[check.file].test
    if check.test is None or recorded is None or recorded["dataset"] != check.test.dataset:
        return
    if problem := other_accuracy(bundle, check.file, check.test.accuracy, check.test.images, recorded):
        check.problems.append(problem)


def other_accuracy(
    bundle: Bundle, file: str, accuracy: float, images: int, recorded: dict[str, Any], when: str = "at the export"
) -> str:
    """How an accuracy differs from the recorded one by more than other processors explain; empty if it does not."""
    artifact = bundle.artifacts[file]
    most = SAME_ACCURACY + (artifact.points or 0) / 100
    if images == recorded["images"] and abs(accuracy - recorded["accuracy"]) <= most + 1e-9:
        return ""
    return (
        f"{100 * accuracy:.2f} % of {images:,} test images are right, and {when} it was "
        f"{100 * recorded['accuracy']:.2f} % of {recorded['images']:,}"
    )
