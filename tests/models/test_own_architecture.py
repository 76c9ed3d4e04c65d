"""The example of an architecture that a user registers, from its first line to its last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "scripts" / "own_architecture.py"


@pytest.mark.exhaustive
def test_the_example_trains_exports_and_verifies(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path)], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "trained: two_convolutions on digits" in done.stdout
    assert "all files hold" in done.stdout
