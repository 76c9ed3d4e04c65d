"""Checkpoints: the whole state comes back, or the file is refused by name."""

import numpy as np
import pytest

from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.training import checkpoint

IMAGES = np.random.default_rng(0).uniform(0, 1, (8, 12, 12, 1)).astype(np.float32)
LABELS = np.arange(8) % 3


def compiled(classes=3):
    model = models.build("lenet5", (12, 12, 1), classes)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def trained():
    model = compiled()
    for _ in range(3):
        model.train_on_batch(IMAGES, LABELS)
    return model


def state(model):
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]


def test_weights_and_optimizer_come_back_and_training_goes_on_alike(trained, tmp_path):
    path = checkpoint.save(tmp_path, 3, "recipe", trained)
    model = compiled()
    assert checkpoint.restore(path, "recipe", model) == 3
    for found, wanted in zip(state(model), state(trained), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert int(model.optimizer.iterations) == 3
    other = compiled()
    checkpoint.restore(path, "recipe", other)
    for again in (model, other):
        again.train_on_batch(IMAGES, LABELS)
    for found, wanted in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert np.abs(state(model)[0] - state(trained)[0]).max() > 0


def test_the_last_two_are_kept_and_the_newest_is_last(trained, tmp_path):
    for epoch in (1, 2, 9, 10):
        checkpoint.save(tmp_path, epoch, "recipe", trained)
    assert [path.name for path in checkpoint.list_checkpoints(tmp_path)] == ["epoch-0009.npz", "epoch-0010.npz"]
    assert len(list(tmp_path.iterdir())) == 2


def test_no_folder_has_no_checkpoints(tmp_path):
    assert checkpoint.list_checkpoints(tmp_path / "absent") == []


def damaged(content):
    middle = len(content) // 2
    return {
        "empty": b"",
        "cut short": content[:middle],
        "other bytes": b"no archive",
        "a flipped byte": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
    }


@pytest.mark.parametrize("kind", damaged(b"xx"))
def test_a_damaged_checkpoint_is_named(trained, tmp_path, kind):
    path = checkpoint.save(tmp_path, 1, "recipe", trained)
    path.write_bytes(damaged(path.read_bytes())[kind])
    with pytest.raises(InputError, match=r"epoch-0001\.npz is damaged .*; delete it, and --resume goes on"):
        checkpoint.restore(path, "recipe", compiled())


def test_a_checkpoint_of_another_recipe_is_refused(trained, tmp_path):
    path = checkpoint.save(tmp_path, 1, "recipe", trained)
    with pytest.raises(InputError, match=r"epoch-0001\.npz belongs to another recipe"):
        checkpoint.restore(path, "other", compiled())


def test_a_checkpoint_of_another_network_is_refused(trained, tmp_path):
    path = checkpoint.save(tmp_path, 1, "recipe", trained)
    with pytest.raises(InputError, match=r"epoch-0001\.npz has no fitting model/.*logits"):
        checkpoint.restore(path, "recipe", compiled(classes=4))


def test_arrays_of_python_objects_are_not_unpickled(tmp_path):
    path = tmp_path / "epoch-0001.npz"
    np.savez(path, epoch=1, fingerprint=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"epoch-0001\.npz is damaged"):
        checkpoint.restore(path, "recipe", compiled())
