"""Smaller pictures first: the same weights at every size, the same run however it is cut, and clear refusals."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from first_losses import RECIPE as SHORT
from first_losses import noise
from PIL import Image
from stopping import StopAfter

import cnnref
from cnnref import models
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.blocks import channel_shuffle
from cnnref.models.initializers import draw_weights
from cnnref.training import Recipe, Run, budget, checkpoint
from cnnref.training.recipe import Average, LowResolution, Optimizer
from cnnref.training.train_state import TrainState, smaller
from cnnref.training.trainer import Settings, Trainer

RECIPE = Recipe(
    name="grows",
    model="resnet8",
    dataset="digits",
    epochs=2,
    batch_size=64,
    low_resolution=LowResolution(12, 0.7),
    optimizer=Optimizer(learning_rate=0.05),
    average=Average("ema", decay=0.9, every=3),
)
STEPS, SMALL_STEPS = 44, 31


def train(folder: Any, recipe: Any = RECIPE, **options: Any) -> Any:
    return cnnref.train(recipe, out=folder, quiet=True, checkpoint_seconds=0, **options)


@pytest.mark.parametrize("name", ["resnet8", "resnet20", "speednet", "mobilenet_v2", "mnist_cnn"])
def test_smaller_is_the_network_that_would_be_built_for_that_size_with_the_same_weights(name: str) -> None:
    whole, native = (models.build(name, (size, size, 3), 5) for size in (48, 32))
    for model in (whole, native):
        draw_weights(model, 1)
    small = smaller(whole, 32)
    assert small.input_shape == (None, 32, 32, 3)
    assert all(ours is theirs for ours, theirs in zip(small.variables, whole.variables, strict=True))
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(small(images), native(images), atol=1e-5)
    assert whole.output_shape == (None, 5)
    assert whole(np.zeros((1, 48, 48, 3), np.float32)).shape == (1, 5)


def test_a_channel_shuffle_is_made_for_every_size() -> None:
    def small_shuffle(size: int) -> keras.Model:
        image = keras.Input((size, size, 6))
        return keras.Model(image, channel_shuffle(image, 3, "shuffle"), name="shuffle")

    small, native = smaller(small_shuffle(8), 4), small_shuffle(4)
    assert small.output_shape == (None, 4, 4, 6)
    images = np.arange(2 * 4 * 4 * 6, dtype=np.float32).reshape(2, 4, 4, 6)
    np.testing.assert_array_equal(small(images), native(images))
    assert [one.name for one in small.operations[1:]] == [one.name for one in native.operations[1:]]


def test_the_width_goes_with_the_height() -> None:
    assert smaller(models.build("resnet8", (32, 48, 3), 4), 16).input_shape == (None, 16, 24, 3)


def test_what_is_learned_from_is_the_picture_made_smaller() -> None:
    whole, native = (models.build("resnet8", (size, size, 3), 10, normalization=None) for size in (16, 12))
    for model in (whole, native):
        draw_weights(model, 2)
    state, expected = TrainState(SHORT, whole, 10), TrainState(SHORT, native, 10)
    images, labels = noise().test_images[:32], noise().test_labels[:32]
    state.set_image_size(12)
    found = [float(value) for value in state.forward(images, labels)]
    assert found == pytest.approx([float(v) for v in expected.forward(by_pillow(images, 12), labels)], abs=1e-4)
    state.set_image_size(0)
    assert float(state.forward(images, labels)[0]) != pytest.approx(found[0], abs=1e-3)


def by_pillow(images: Any, size: Any) -> Any:
    """Pictures made smaller by Pillow: triangles as wide as the step, so that no pixel is passed over."""
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(images, -1, 1).reshape(-1, 16, 16)]
    small = [np.asarray(plane.resize((size, size), Image.Resampling.BILINEAR)) for plane in planes]
    return np.moveaxis(np.reshape(small, (len(images), 3, size, size)), 1, -1)


@pytest.mark.parametrize(
    ("model", "size", "words"),
    [
        ("resnet8", 28, "low_resolution.size is 28, and the pictures are 28 pixels high; give less"),
        ("lenet5", 14, "size is 14, and lenet5 does not take pictures of that height: .* pool over the whole picture"),
        ("speednet", 8, "size is 8, and speednet does not take pictures of that height: they are too small"),
    ],
)
def test_what_cannot_be_smaller_is_refused_before_anything_is_written(
    tmp_path: Path, model: str, size: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        train(tmp_path / "run", replace(RECIPE, model=model, low_resolution=LowResolution(size)))
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(tmp_path_factory.mktemp("low") / "whole")


def test_a_run_grows_once_and_every_epoch_has_one_row(whole: Run) -> None:
    prepared = Trainer.prepare(RECIPE, cnnref.data.load("digits"), Settings())
    (phase,) = prepared.phases
    assert (phase.small_until, phase.last) == (SMALL_STEPS, STEPS)
    assert [row["epoch"] for row in whole.metrics()] == [1, 2]
    assert whole.results["test"]["accuracy"] > 0.3  # three times that of chance, after 44 steps


def test_the_first_pictures_decide_the_weights(whole: Run, tmp_path: Path) -> None:
    other = train(tmp_path / "run", replace(RECIPE, low_resolution=LowResolution()))
    assert other.results["weights_sha256"] != whole.results["weights_sha256"]


@pytest.mark.parametrize("step", [SMALL_STEPS - 9, SMALL_STEPS, SMALL_STEPS + 5])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(whole: Run, tmp_path: Path, step: int) -> None:
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.recipe.write_text(RECIPE.toml())
    trainer = Trainer.prepare(RECIPE, cnnref.data.load("digits"), Settings(quiet=True, checkpoint_seconds=0))
    with pytest.raises(KeyboardInterrupt):
        trainer.run(run, resume=False, callbacks=[StopAfter(step)])
    assert not run.finished
    assert checkpoint.list_checkpoints(run.checkpoints)
    resumed = train(run.folder, resume=True)
    assert resumed.results["weights_sha256"] == whole.results["weights_sha256"]
    assert (run.folder / "metrics.csv").read_bytes() == (whole.folder / "metrics.csv").read_bytes()


def test_a_budget_counts_small_steps_as_the_short_ones_that_they_are() -> None:
    trainer = Trainer.prepare(RECIPE, cnnref.data.load("digits"), Settings())
    state, sizes, now = trainer.train_state(trainer.phases[-1]), [], [0.0]
    set_image_size = state.set_image_size

    def noted(size: int) -> None:
        sizes.append(size)
        set_image_size(size)

    def clock() -> float:
        """Each look at the clock comes after ten steps: of a quarter of a second while pictures are small, else one."""
        now[0] += 2.5 if sizes[-1] else 10.0
        return now[0]

    state.set_image_size = noted  # type: ignore[method-assign]
    pace = budget.measure(1000, state, trainer.plan, trainer.pictures, trainer.model, clock)
    assert sizes == [12, 0]
    assert pace.step == pytest.approx(0.7 * 0.25 + 0.3 * 1.0)
