"""`cnnref quickstart`: every step, on data that comes with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnref.exporters.precisions import KINDS
from cnnref.quickstart import run_quickstart
from cnnref.runtimes import verify


def test_it_ends_with_proven_files_and_at_least_97_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    table = run_quickstart()
    assert [row[0] for row in table.rows] == [kind.file for kind in KINDS]
    for kind, (_, _, difference, accuracy, milliseconds) in zip(KINDS, table.rows, strict=True):
        assert float(difference) <= kind.tolerance
        assert float(accuracy.rstrip(" %")) >= 97
        assert float(milliseconds) > 0
    assert verify(tmp_path / "runs" / "quickstart" / "bundle").ok
    assert "digit-0.png: 0 " in capsys.readouterr().out
