"""More than a thousand hostile inputs: each is refused in a sentence or read rightly, in bounded time and memory."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile_faults import KINDS

TESTS = Path(__file__).parents[1]

#: Seconds and bytes for one input; the kinds that load TensorFlow or a picture of the largest size start higher.
SECONDS, MEMORY = 30, 1_500_000_000


def tried(kind: str, count: int) -> list[tuple[int, str, str]]:
    """Number, outcome and words of every input of a kind; a process that ends is started again behind its input."""
    found: list[tuple[int, str, str]] = []
    while len(found) < count:
        command = [
            sys.executable,
            str(Path(__file__).with_name("trials.py")),
            kind,
            str(len(found)),
            str(count - len(found)),
        ]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS / "helpers")))},
        )
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stdout is not None
        threading.Thread(target=_hand_on, args=(process.stdout, lines), daemon=True).start()
        try:
            before = len(found)
            while len(found) < count:
                outcome = _next(process, lines)
                if outcome is None:
                    break
                found.append((len(found), *outcome))
                if outcome[0] in ("hang", "memory", "crash"):
                    break
            assert len(found) > before, f"{kind}: no input was tried"
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return found


def _hand_on(stream: object, lines: queue.SimpleQueue[str]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        lines.put(line)
    lines.put("")


def _next(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> tuple[str, str] | None:
    """What becomes of the next input."""
    end = time.monotonic() + SECONDS + 60  # the first one waits for imports
    while True:
        try:
            line = lines.get(timeout=0.05)
        except queue.Empty:
            with contextlib.suppress(OSError, IndexError):
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                if pages * os.sysconf("SC_PAGE_SIZE") > MEMORY:
                    return "memory", f"{pages * os.sysconf('SC_PAGE_SIZE'):,} bytes"
            if time.monotonic() > end:
                return "hang", ""
            continue
        if not line:
            return ("crash", f"status {process.wait()}")
        if line.startswith("["):
            outcome, words = json.loads(line)
            return outcome, words
        end = time.monotonic() + SECONDS


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_are_refused_or_read_rightly(kind: str) -> None:
    found = tried(kind, KINDS[kind][1])
    counts = collections.Counter(outcome for _, outcome, _ in found)
    print(f"\n{kind}: {len(found)} tried, {dict(counts)}")
    wrong = [each for each in found if each[1] not in ("refused", "accepted rightly")]
    assert not wrong, "\n".join(f"{kind} {number}: {outcome}: {words}" for number, outcome, words in wrong[:10])
