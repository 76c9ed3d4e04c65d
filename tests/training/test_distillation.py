"""Distillation: the loss is that of its definition, runs repeat, and teachers that do not fit are named."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from first_losses import noise
from stopping import StopAfter

import cnnref
from cnnref import models
from cnnref.data.augmentation import Augmentation
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.initializers import draw_weights
from cnnref.models.saving import load_model, save_model, weights_sha256
from cnnref.training import Recipe, Run
from cnnref.training.distillation import Distillation, read_teachers
from cnnref.training.engines import make_engine
from cnnref.training.recipe import Teacher
from cnnref.training.train_state import TrainState
from cnnref.training.trainer import Settings, Trainer

RECIPE = Recipe(
    name="taught",
    model="lenet5",
    dataset="digits",
    epochs=1,
    batch_size=64,
    augmentation=Augmentation(translate=1),
)


def network(seed: int, shape: tuple[int, int, int] = (12, 12, 1), name: str = "lenet5") -> Any:
    """From raw pixels to ten logits, with weights of a seed."""
    model = models.build(name, shape, 10)
    draw_weights(model, seed)
    return keras.Model(model.input, model.get_layer("logits").output)


def pictures(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def softmax(logits: Any) -> Any:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks that may be teachers, of digits and of pictures of noise, and some that fit neither."""
    folder = tmp_path_factory.mktemp("teachers")
    for name, shape, classes in (
        ("digits", (28, 28, 1), 10),
        ("noise", (16, 16, 3), 10),
        ("eleven", (28, 28, 1), 11),
        ("oblong", (28, 56, 1), 10),
    ):
        model = models.build("lenet5", shape, classes)
        draw_weights(model, 5)
        (folder / name).mkdir()
        save_model(model, folder / name / "model.keras")
    (folder / "odd").mkdir()
    save_model(keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()]), folder / "odd" / "model.keras")
    (folder / "digits" / "labels.txt").write_text("\n".join("0123456789"))
    (folder / "shuffled").mkdir()
    (folder / "shuffled" / "labels.txt").write_text("\n".join("0123456798"))
    (folder / "shuffled" / "model.keras").write_bytes((folder / "digits" / "model.keras").read_bytes())
    return folder


def test_the_loss_is_that_of_its_definition() -> None:
    teachers, images = [network(1), network(2)], pictures(6, 12, 12, 1)
    logits = np.random.default_rng(1).normal(0, 3, (6, 10)).astype(np.float32)
    found = Distillation(teachers, 3.0, 0.5).loss(images, logits)
    wanted = np.mean([softmax(np.asarray(teacher(images)) / 3) for teacher in teachers], axis=0)
    expected = 9 * np.mean(np.sum(wanted * (np.log(wanted) - np.log(softmax(logits / 3))), axis=-1))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_labels_and_teachers_share_the_loss_by_weight() -> None:
    student, images, labels = models.build("lenet5", (12, 12, 1), 10), pictures(6, 12, 12, 1), np.arange(6)
    draw_weights(student, 3)
    losses = []
    for weight in (0.0, 0.25, 1.0):
        state = TrainState(RECIPE, student, 10, teachers=Distillation([network(1)], 2.0, weight))
        losses.append(float(state.forward(images, labels)[0]))
    assert losses[0] == pytest.approx(float(TrainState(RECIPE, student, 10).forward(images, labels)[0]), rel=1e-6)
    assert losses[1] == pytest.approx(0.75 * losses[0] + 0.25 * losses[2], rel=1e-5)


def test_from_itself_a_network_learns_nothing() -> None:
    student, images = network(3), pictures(6, 12, 12, 1)
    teachers = Distillation([network(3)], 4.0, 1.0)
    with tf.GradientTape() as tape:
        loss = teachers.loss(images, student(images, training=True))
    gradients = tape.gradient(loss, [variable.value for variable in student.trainable_variables])
    assert float(loss) == pytest.approx(0, abs=1e-5)
    assert max(float(np.abs(gradient).max()) for gradient in gradients) < 1e-5


def test_a_teacher_of_smaller_pictures_sees_the_means_of_blocks() -> None:
    teacher, images = network(1), pictures(4, 24, 24, 1)
    logits = np.zeros((4, 10), np.float32)
    means = images.reshape(4, 12, 2, 12, 2, 1).mean(axis=(2, 4))
    whole, small = (float(Distillation([teacher], 1.0, 1.0).loss(given, logits)) for given in (images, means))
    assert whole == pytest.approx(small, rel=1e-4)
    other = float(Distillation([teacher], 1.0, 1.0).loss(pictures(4, 18, 18, 1), logits))  # resized, not cut
    assert np.isfinite(other)


def steps_of(recipe: Recipe, count: int = 4) -> Any:
    """Losses of the first steps on noise, and the weights after them."""
    prepared = Trainer.prepare(recipe, noise(), Settings())
    state = prepared.train_state(prepared.phases[-1])
    engine = make_engine(state, prepared.plan, prepared.pictures, last_step=count)
    losses = engine.run(0, count)[0].tolist()
    engine.close()
    return losses, weights_sha256(prepared.model), prepared.fingerprint


def test_without_weight_a_teacher_changes_nothing_to_the_bit_and_with_weight_all(folder: Path) -> None:
    with_teacher = partial(Teacher, (str(folder / "noise"),))
    plain, unweighted, taught = (
        steps_of(replace(RECIPE, teacher=teacher)) for teacher in (Teacher(), with_teacher(weight=0.0), with_teacher())
    )
    assert plain[:2] == unweighted[:2]
    assert plain[1] != taught[1]
    assert len({plain[2], unweighted[2], taught[2]}) == 3


@pytest.mark.parametrize("shown", [Augmentation(), Augmentation(flip=True), Augmentation(flip=True, alternating=True)])
def test_asked_once_beforehand_teachers_say_what_they_say_in_every_step(folder: Path, shown: Augmentation) -> None:
    names = (str(folder / "noise"),)
    recipe = replace(RECIPE, epochs=4, validation=40, augmentation=shown)  # 600 pictures: 9 steps an epoch
    losses = [steps_of(replace(recipe, teacher=Teacher(names, stored=stored)), 20)[0] for stored in (False, True)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_other_weights_of_a_teacher_make_another_run(tmp_path: Path) -> None:
    recipe = replace(RECIPE, teacher=Teacher((str(tmp_path / "model.keras"),)))
    prints = []
    for seed in (1, 2, 1):
        model = models.build("lenet5", (16, 16, 3), 10)
        draw_weights(model, seed)
        save_model(model, tmp_path / "model.keras")
        prints.append(Trainer.prepare(recipe, noise(), Settings()).fingerprint)
    assert prints[0] == prints[2] != prints[1]


def test_a_run_with_a_teacher_ends_alike_however_it_is_cut_and_says_who_taught_it(folder: Path, tmp_path: Path) -> None:
    short, teacher = replace(RECIPE, epochs=0.3), folder / "digits"
    whole = cnnref.train(short, out=tmp_path / "whole", quiet=True, checkpoint_seconds=0, teacher=teacher)
    told = whole.results["teacher"]
    assert not told["stored"]
    assert told["networks"] == [str(teacher)]
    assert told["weights_sha256"] == weights_sha256(load_model(teacher / "model.keras"))
    cut, digits = Run(tmp_path / "cut"), cnnref.data.load("digits")
    recipe, settings = replace(short, teacher=Teacher((str(teacher),))), Settings(quiet=True, checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        Trainer.prepare(recipe, digits, settings).run(cut, resume=False, callbacks=[StopAfter(3)])
    resumed = Trainer.prepare(recipe, digits, settings)
    resumed.run(cut, resume=True)
    assert resumed.progress.step == whole.results["steps"] > 3
    assert weights_sha256(resumed.model) == whole.results["weights_sha256"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "The teacher '.*nobody' is not found: There is no bundle"),
        ("eleven", "knows 11 classes, and digits has 10; name a teacher that was trained on the same classes"),
        ("noise", "takes pictures of 16x16x3, and those of digits are 28x28x1; their size may differ, but not their"),
        ("oblong", "takes pictures of 28x56x1, and those of digits are 28x28x1"),
        ("odd", "is no classifier that cnnref.build made; name a bundle or a run of one"),
        ("shuffled", "calls a class '9' that is '8' in digits; name a teacher .* in the same order"),
    ],
)
def test_an_unfit_teacher_is_named_before_anything_is_written(
    folder: Path, tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        cnnref.train(RECIPE, out=tmp_path / "run", teacher=folder / name, quiet=True)
    assert not (tmp_path / "run").exists()


def test_several_teachers_are_read_in_the_order_of_the_recipe(folder: Path) -> None:
    names = tuple(str(folder / name) for name in ("noise", "noise"))
    one, two = (read_teachers(replace(RECIPE, teacher=Teacher(names[:n])), noise()) for n in (1, 2))
    assert one is not None
    assert two is not None
    assert len(two.networks) == 2
    assert one.sha256 != two.sha256
