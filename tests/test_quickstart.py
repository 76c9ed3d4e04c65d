"""`cnnref quickstart`: every step, on data that comes with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import verify

from cnnref.errors import VerificationError
from cnnref.exporters.precisions import KINDS
from cnnref.quickstart import run_quickstart, verdict
from cnnref.runtimes import Check, Report


def test_it_ends_with_proven_files_and_at_least_97_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_quickstart()
    table = done.table
    assert done.left_out == {}
    assert [row[0] for row in table.rows] == [kind.file for kind in KINDS]
    for kind, (_, _, difference, accuracy, milliseconds) in zip(KINDS, table.rows, strict=True):
        assert float(difference) <= kind.tolerance
        assert float(accuracy.rstrip(" %")) >= 97
        assert float(milliseconds) > 0
    assert verify(tmp_path / "runs" / "quickstart" / "bundle").ok
    assert "digit-0.png: 0 " in capsys.readouterr().out


def test_what_was_left_out_is_named_and_a_wrong_file_is_an_error() -> None:
    assert verdict(Report("digits", [], {})) == ["all files hold"]
    left_out = Report("digits", [], {"model.tflite": "no form"})
    assert verdict(left_out) == [
        "all files that were written and could be checked hold",
        "no model.tflite: no form",
    ]
    wrong = Check("model.onnx", problems=["it is cut short"])
    with pytest.raises(VerificationError, match=r"model\.onnx: it is cut short"):
        verdict(Report("digits", [wrong], {}))
