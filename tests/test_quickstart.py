"""`cnnref quickstart`: the whole road on data that is always there."""

import time

from cnnref.quickstart import walk
from cnnref.runtimes import verify


def test_it_ends_with_proven_files_and_at_least_97_percent(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    table = walk()
    assert time.monotonic() - start < 90
    assert [row[0] for row in table.rows] == ["model.onnx", "model.tflite", "saved_model"]
    for _, _, difference, accuracy, milliseconds in table.rows:
        assert float(difference) <= 1e-5
        assert float(accuracy.rstrip(" %")) >= 97
        assert float(milliseconds) > 0
    assert verify(tmp_path / "runs" / "quickstart" / "bundle").ok
    assert "digit-0.png: 0 " in capsys.readouterr().out
