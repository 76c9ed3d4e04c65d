"""scripts/benchmarks: every contestant runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "benchmarks" / "training_speed.py"


@pytest.mark.exhaustive
def test_all_contestants_are_timed() -> None:
    pytest.importorskip("torch")
    command = [sys.executable, str(SCRIPT), "--rounds", "1", "--steps", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=SCRIPT.parent.parent.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found["images_a_second"]) == 5
    assert all(value > 0 for (value,) in found["images_a_second"].values())
    assert 0 < found["input_share"] < 1
