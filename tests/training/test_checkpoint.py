"""Checkpoints: the whole state comes back, or the file is refused by name."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.training import checkpoint
from cnnref.training.checkpoint import Cadence, Progress

ROWS = [{"epoch": 1, "loss": 0.1 + 0.2, "accuracy": 1 / 3}]
PROGRESS = Progress(step=7, phase=0, seconds=1.5, rows=ROWS, timings=[], loss_sum=2 / 3, right=5.0, seen=2)


def variables(shape: Any = (2, 3), value: Any = 0.5) -> Any:
    return {
        "model/0000/kernel": keras.Variable(np.full(shape, value, np.float32)),
        "optimizer/0000/iteration": keras.Variable(3, dtype="int64", trainable=False),
    }


def test_the_state_and_the_log_come_back_to_the_bit(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, "recipe", PROGRESS, variables(value=1 / 7))
    stored = checkpoint.read(path, "recipe")
    assert stored.progress == PROGRESS
    fresh = variables(value=0)
    checkpoint.restore(stored, fresh)
    np.testing.assert_array_equal(np.asarray(fresh["model/0000/kernel"]), np.full((2, 3), 1 / 7, np.float32))
    assert int(fresh["optimizer/0000/iteration"]) == 3


def test_the_last_two_are_kept_and_the_newest_is_last(tmp_path: Path) -> None:
    for step in (1, 20, 300, 4000):
        checkpoint.save(tmp_path, "recipe", Progress(step=step), variables())
    names = ["step-00000300.npz", "step-00004000.npz"]
    assert [path.name for path in checkpoint.list_checkpoints(tmp_path)] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_no_folder_has_no_checkpoints(tmp_path: Path) -> None:
    assert checkpoint.read_last(tmp_path / "absent", "recipe") is None
    assert checkpoint.list_checkpoints(tmp_path / "absent") == []


def damaged(content: Any) -> Any:
    middle = len(content) // 2
    return {
        "empty": b"",
        "cut short": content[:middle],
        "other bytes": b"no archive",
        "a flipped byte": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
    }


@pytest.mark.parametrize("kind", damaged(b"xx"))
def test_a_damaged_checkpoint_is_named(tmp_path: Path, kind: str) -> None:
    path = checkpoint.save(tmp_path, "recipe", PROGRESS, variables(shape=(50, 50)))
    path.write_bytes(damaged(path.read_bytes())[kind])
    with pytest.raises(InputError, match=r"step-00000007\.npz is damaged .*; delete it, and resume=True goes on"):
        checkpoint.read(path, "recipe")


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, "recipe", PROGRESS, variables())
    with pytest.raises(InputError, match=r"step-00000007\.npz belongs to another recipe"):
        checkpoint.read(path, "other")


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, "recipe", PROGRESS, variables())
    stored = checkpoint.read(path, "recipe")
    other = {"optimizer/0000/iteration": keras.Variable(0, dtype="int64")} | variables(shape=(2, 4))
    other["optimizer/0000/iteration"].assign(0)
    with pytest.raises(InputError, match=r"step-00000007\.npz has no fitting model/0000/kernel"):
        checkpoint.restore(stored, other)
    assert int(other["optimizer/0000/iteration"]) == 0


def test_arrays_of_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.npz"
    np.savez(path, progress="{}", fingerprint=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"step-00000001\.npz is damaged"):
        checkpoint.read(path, "recipe")


def test_weights_that_are_no_numbers_do_not_replace_good_ones(tmp_path: Path) -> None:
    good = checkpoint.save(tmp_path, "recipe", PROGRESS, variables())
    with pytest.raises(InputError, match=r"After step 8 model/0000/kernel is no longer finite; the last good"):
        checkpoint.save(tmp_path, "recipe", Progress(step=8), variables(value=np.nan))
    assert checkpoint.list_checkpoints(tmp_path) == [good]


def test_a_full_disk_is_one_sentence_and_the_checkpoint_before_stays(tmp_path: Path) -> None:
    good = checkpoint.save(tmp_path, "recipe", PROGRESS, variables())
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The operating system refuses to let a file grow beyond this, as it does on a full disk.
    signal = pytest.importorskip("signal")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(InputError, match=r"step-00000008\.npz cannot be written: .*; the one before it is kept"):
            checkpoint.save(tmp_path, "recipe", Progress(step=8), variables(shape=(100, 100)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == [good]
    assert checkpoint.read(good, "recipe").progress == PROGRESS


def test_checkpoints_cost_at_most_one_percent_of_the_time() -> None:
    clock = SimpleNamespace(now=0.0)
    cadence, cost, spent = Cadence(2.0, lambda: clock.now), 0.5, 0.0
    assert not cadence.due()
    while clock.now < 10_000:
        clock.now += 0.7
        if cadence.due():
            clock.now += cost
            spent += cost
            cadence.wrote(cost)
    assert 0.008 < spent / clock.now <= 0.01
    cheap = Cadence(2.0, lambda: clock.now)
    cheap.wrote(0.001)
    clock.now += 1.9
    assert not cheap.due()
    clock.now += 0.2
    assert cheap.due()
