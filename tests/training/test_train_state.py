"""One step: the optimizer is that of PyTorch, averages are what their formula says, weights begin as they should."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnref import models
from cnnref.data.augmentation import Augmentation
from cnnref.environment import keras
from cnnref.models.initializers import draw_weights, values
from cnnref.training import Recipe
from cnnref.training.recipe import Average, Optimizer, Schedule
from cnnref.training.train_state import TrainState

RECIPE = Recipe(name="r", model="lenet5", dataset="digits", epochs=1, batch_size=8, schedule=Schedule(0.0, "constant"))


def state_of(recipe: Any, steps: Any = 100, name: Any = "lenet5") -> Any:
    model = models.build(name, (12, 12, 1), 3)
    draw_weights(model, 3)
    return TrainState(recipe, model, steps)


def gradients_of(trained: Any, seed: Any) -> Any:
    random = np.random.default_rng(seed)
    return [random.normal(size=tuple(variable.shape)).astype(np.float32) for variable in trained]


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_a_penalty_on_kernels_is_that_of_pytorch(nesterov: bool) -> None:
    torch = pytest.importorskip("torch")
    settings = Optimizer("sgd", 0.1, 0.9, nesterov, weight_decay=0.05, norm_rate=3)
    ours = state_of(replace(RECIPE, optimizer=settings), name="resnet8")
    copies = [torch.nn.Parameter(torch.tensor(np.asarray(variable.value))) for variable in ours.trained]
    groups = {"kernel": [], "bias": [], "norm": []}
    for variable, copy in zip(ours.trained, copies, strict=True):
        groups["norm" if variable.name in ("gamma", "beta") else variable.name].append(copy)
    assert all(groups.values())
    theirs = torch.optim.SGD(
        [
            {"params": groups["kernel"], "weight_decay": 0.05},
            {"params": groups["bias"]},
            {"params": groups["norm"], "lr": 0.3},
        ],
        0.1,
        0.9,
        nesterov=nesterov,
    )
    for seed in range(4):
        gradients = gradients_of(ours.trained, seed)
        ours.update([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
        for copy, gradient in zip(copies, gradients, strict=True):
            copy.grad = torch.tensor(gradient)
        theirs.step()
    for variable, copy in zip(ours.trained, copies, strict=True):
        np.testing.assert_allclose(np.asarray(variable.value), copy.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_adamw_lets_only_kernels_decay() -> None:
    ours = state_of(replace(RECIPE, optimizer=Optimizer("adamw", 0.1, 0.9, weight_decay=0.5)))
    for variable in ours.trained:
        variable.assign(np.ones(tuple(variable.shape), np.float32))
    ours.update([keras.ops.zeros_like(variable) for variable in ours.trained])
    for variable in ours.trained:
        expected = 0.95 if len(variable.shape) > 1 else 1.0
        np.testing.assert_allclose(np.asarray(variable.value), expected, rtol=1e-6)


def test_rmsprop_is_that_of_its_definition() -> None:
    ours = state_of(replace(RECIPE, optimizer=Optimizer("rmsprop", 0.01, 0.9)))
    weight, rates = ours.trained[0], []
    value, square, velocity = np.asarray(weight.value).astype(np.float64), 0.0, 0.0
    for seed in range(3):
        gradients = gradients_of(ours.trained, seed)
        rates.append(float(ours.optimizer.learning_rate))
        square = 0.9 * square + 0.1 * gradients[0].astype(np.float64) ** 2
        velocity = 0.9 * velocity + rates[-1] * gradients[0] / np.sqrt(square + 1e-7)
        value = value - velocity
        ours.update([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
    np.testing.assert_allclose(np.asarray(weight.value), value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["ema", "lookahead"])
def test_averages_follow_their_formula(kind: str) -> None:
    steps, average = 20, Average(kind, decay=0.9, every=3)
    ours = state_of(replace(RECIPE, average=average), steps)
    weight = ours.trained[0]
    slow = fast = np.asarray(weight.value).astype(np.float64)
    for step in range(1, steps + 1):
        gradients = gradients_of(ours.trained, step)
        ours.update([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
        now = np.asarray(weight.value).astype(np.float64)
        if kind == "ema":
            fast = now
        if step % 3 == 0:
            keep = min(0.9**3, (1 + step) / (10 + step)) if kind == "ema" else 0.9**3 * (step / steps) ** 3
            if kind == "lookahead":
                # The weights have looked back already: undo it to find what the step itself gave.
                fast = (now - keep * slow) / (1 - keep)
            slow = keep * slow + (1 - keep) * fast
        np.testing.assert_allclose(np.asarray(ours.average[0].value), slow, rtol=1e-4, atol=1e-5)
        if kind == "lookahead" and step % 3 == 0:
            np.testing.assert_array_equal(now, np.asarray(ours.average[0].value).astype(np.float64))
    ours.use_average()
    np.testing.assert_array_equal(np.asarray(weight.value), np.asarray(ours.average[0].value))


def test_without_an_average_the_weights_stay() -> None:
    ours = state_of(RECIPE)
    before = [np.asarray(variable.value) for variable in ours.trained]
    ours.use_average()
    for variable, expected in zip(ours.trained, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), expected)


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal",
                          "random_normal", "random_uniform", "truncated_normal"]),
    shape=st.sampled_from([(3, 3, 16, 32), (5, 5, 8, 24), (120, 84), (3, 3, 64, 2)]),
)  # fmt: skip
def test_first_weights_are_spread_as_keras_spreads_them(kind: Any, shape: Any) -> None:
    initializer = keras.initializers.get(kind)
    ours = values(initializer, shape, np.random.default_rng(0))
    theirs = np.asarray(keras.initializers.get(kind)(shape))
    assert ours.dtype == np.float32
    assert abs(ours.mean()) < 0.1 * ours.std()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.08)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.5)


def test_what_is_not_random_stays() -> None:
    for initializer in (keras.initializers.Zeros(), keras.initializers.Ones(), keras.initializers.Constant(2), None):
        assert values(initializer, (3, 3), np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["resnet8", "mobilenet_v1_cifar"])  # the latter has depthwise convolutions
def test_first_weights_depend_on_the_seed_alone(name: str) -> None:
    first, again, other = (models.build(name, (32, 32, 3), 4) for _ in range(3))
    for model, seed in ((first, 1), (again, 1), (other, 2)):
        draw_weights(model, seed)
    kernels = [v.path for v in first.trainable_variables if len(v.shape) > 1]
    assert kernels
    for a, b, c in zip(first.trainable_variables, again.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a.value), np.asarray(b.value))
        assert (len(a.shape) > 1) == bool((np.asarray(a.value) != np.asarray(c.value)).any())


def test_an_identity_start_is_drawn_again_as_one() -> None:
    model = models.build("speednet")
    draw_weights(model, 5)
    kernel = np.asarray(model.get_layer("stage2_conv1").kernel)
    identity = np.zeros((3, 3, 64, 64), np.float32)
    identity[1, 1] = np.eye(64)
    np.testing.assert_array_equal(kernel[..., :64], identity)
    assert kernel[..., 64:].std() > 0.01


@pytest.mark.parametrize("mixed", [False, True])
def test_the_loss_is_the_mean_of_the_pictures_by_the_weights_of_their_classes(mixed: bool) -> None:
    recipe = replace(RECIPE, augmentation=Augmentation(mixup=0.4 if mixed else 0.0))
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1)).astype(np.float32)
    labels, shares = np.array([0, 1, 2, 1]), np.array([1.0, 0.7, 0.4, 0.6], np.float32)
    plain, weighted = (state_of(recipe) for _ in range(2))
    weighted.class_weights = np.array([0.5, 1.0, 3.0], np.float32)
    logits = np.asarray(keras.ops.convert_to_numpy(plain.network(images)), np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    own, other = -logs[np.arange(4), labels], -logs[np.arange(4), labels[::-1]]
    by, with_ = weighted.class_weights[labels], weighted.class_weights[labels[::-1]]
    if not mixed:
        shares = np.ones(4, np.float32)
    wanted = ((shares * by + (1 - shares) * with_) * (shares * own + (1 - shares) * other)).mean()
    loss, right = weighted.forward(images, labels, shares)
    assert float(loss) == pytest.approx(wanted, rel=1e-4)
    assert float(right) == float(plain.forward(images, labels, shares)[1])
