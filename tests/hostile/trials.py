"""Tries hostile inputs in this process, one after the other, and says on a line of JSON what became of each.

    python tests/hostile/trials.py KIND FIRST COUNT

The line before a trial has its number alone, so that whoever reads along knows which one ended the process.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import traceback
from pathlib import Path

from hostile_faults import KINDS

from cnnref.errors import EXPECTED


def outcome(kind: str, number: int) -> tuple[str, str]:
    """What became of one input, and what was said."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        read, right = KINDS[kind][0](folder, random.Random(f"{kind} {number}"))
        try:
            found = read()
            result = ("accepted rightly", "") if right(found) else ("accepted wrongly", repr(found)[:300])
        except EXPECTED as error:
            told = str(error)
            result = ("refused", told) if told.replace("\n", "").isprintable() else ("raw text", repr(told))
        except OSError as error:  # the command line makes it a sentence, if it has a path
            result = ("refused", str(error)) if error.filename else ("traceback", traceback.format_exc()[-600:])
        except Exception:
            result = ("traceback", traceback.format_exc()[-600:])
        return ("executed", "") if (folder / "executed").exists() else result


def main() -> None:
    """Try the inputs of a kind from a number on."""
    kind, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for number in range(first, first + count):
        print(number, file=answers, flush=True)
        print(json.dumps(outcome(kind, number)), file=answers, flush=True)


if __name__ == "__main__":
    main()
