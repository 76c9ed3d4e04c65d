"""TensorBoard logs say what metrics.csv says."""

from dataclasses import replace

import numpy as np
import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.training import read_recipe
from cnnref.training.tensorboard import TensorBoardLog


def test_every_epoch_has_its_scalars(tmp_path):
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


def test_without_tensorboard_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match="need the package tensorboard; install it with `pip install tensorboard`"):
        TensorBoardLog(tmp_path)
