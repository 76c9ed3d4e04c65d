"""What a run shows while it trains, and TensorBoard logs that say what metrics.csv says."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.training import read_recipe
from cnnref.training.callbacks import BAR, ProgressDisplay, TensorBoardLog


def test_without_a_terminal_progress_is_at_most_a_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimpleNamespace(now=100.0)
    display = ProgressDisplay(batch_size=50, steps=100, total=500, done=100, clock=lambda: clock.now)
    for step in range(101, 501):
        clock.now += 0.02
        display.after_steps(step, 1.5, 0.25, 0.1)
        if step % 100 == 0:
            display.after_epoch({"epoch": step // 100, "loss": 1.5, "accuracy": 0.25})
    display.close()
    lines = capsys.readouterr().err.splitlines()
    assert 6 <= len(lines) <= 9  # eight seconds, and the last epoch has its line in any case
    assert lines[0].startswith("epoch 2/5  step 5")
    assert "loss 1.5000  accuracy 25.0 %  learning rate 0.1  2,500 images/s" in lines[0]
    assert lines[0].endswith("0:07 left") or lines[0].endswith("0:06 left")
    assert lines[-1].startswith("epoch 5/5  loss 1.5000  accuracy 25.00 %")


def test_a_run_that_goes_on_counts_its_pace_from_where_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimpleNamespace(now=0.0)
    display = ProgressDisplay(batch_size=10, steps=100, total=1000, done=900, clock=lambda: clock.now)
    clock.now = 2.0
    display.after_steps(920, 0.5, 0.9, 0.01)
    assert capsys.readouterr().err.rstrip().endswith("100 images/s  0:08 left")


def test_the_pace_is_that_of_the_last_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SimpleNamespace(now=0.0)
    display = ProgressDisplay(batch_size=10, steps=1000, total=1000, done=0, clock=lambda: clock.now)
    for step in range(1, 601):  # ten steps a second for half a minute, then five
        clock.now += 0.1 if step <= 300 else 0.2
        display.after_steps(step, 0.5, 0.9, 0.01)
    lines = capsys.readouterr().err.splitlines()
    assert "100 images/s" in lines[20]
    assert lines[-1].endswith("50 images/s  1:20 left")


def test_on_a_narrow_terminal_the_time_left_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for columns in (50, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        clock = SimpleNamespace(now=0.0)
        display = ProgressDisplay(batch_size=512, steps=1875, total=187_500, done=0, clock=lambda now=clock: now.now)
        clock.now = 3.0
        display.after_steps(1200, 2.3026, 0.10, 0.00025)
        display.close()
        (task,) = display.bar.tasks
        assert len(task.description) + BAR + 1 <= columns
        assert task.description.startswith("epoch 1/100")
        assert task.description.endswith("7:45 left")
        assert ("learning rate" in task.description) == (columns == 200)


def test_every_epoch_has_its_scalars(tmp_path: Path) -> None:
    import tensorflow as tf

    recipe = replace(read_recipe("lenet5-digits"), epochs=2, validation=100)
    run = cnnref.train(recipe, out=tmp_path / "run", quiet=True, tensorboard=True)
    found = {}
    for file in sorted((run.folder / "tensorboard").iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(np.squeeze(tf.make_ndarray(value.tensor)))
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    expected = {(name, row["epoch"]): row[name] for row in run.metrics() for name in names}
    assert found == pytest.approx(expected, rel=1e-6)


def test_without_tensorboard_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # Python then says that there is no such package
    with pytest.raises(InputError, match="need the package tensorboard; install it with `pip install tensorboard`"):
        TensorBoardLog(tmp_path)
