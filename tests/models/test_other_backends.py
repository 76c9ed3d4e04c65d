"""The builders on JAX and on PyTorch: the same weights give the same answers as on TensorFlow.

Keras fixes its backend when it is imported, so each backend has a process of its own; a sample of the models has every
kind of layer and operation that any of them has.
"""

import importlib.util
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from small_models import answers, forget, randomise, small_shape, some_images, spread

from cnnref import models
from cnnref.environment import keras

SAMPLE = (
    "lenet5",
    "alexnet_2012",  # local response normalization, groups
    "nin_cifar",  # poolings with a partial window
    "resnet20",  # slices, padded channels
    "mobilenet_v3_small_cifar",  # squeeze-and-excitation, hard swish
    "shufflenet_v2_x1_0_cifar",
    "convnext_tiny_cifar",  # layer normalization, GELU
    "speednet",  # batch normalization without a scale, poolings that leave pixels out
)

PROGRAM = """
import sys
import numpy as np
from cnnref import models
from cnnref.environment import keras

if keras.backend.backend() == "jax":
    import jax

    def compiled(*_, **__):
        raise AssertionError("JAX compiles this for every shape")

    jax.random.uniform = jax.random.normal = jax.random.truncated_normal = compiled
    drawn = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        drawn.append(models.build("resnet20").get_weights())
    same, other = (max(np.abs(a - b).max() for a, b in zip(drawn[0], one)) for one in drawn[1:])
    assert same == 0 < other
    kernel = max(drawn[0], key=np.size)  # 3x3, 64 channels: He's normal distribution
    assert abs(kernel.std() / np.sqrt(2 / 576) - 1) < 0.02

folder = sys.argv[1]
for name in sys.argv[2:]:
    stored = np.load(f"{folder}/{name}.npz")
    images = stored["images"]
    model = models.build(name, images.shape[1:], classes=7)
    model.set_weights([stored[f"weight{place}"] for place in range(len(model.weights))])
    np.save(f"{folder}/{name}.npy", model.predict_on_batch(images))
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Weights, images and TensorFlow's answers of the sample."""
    folder = tmp_path_factory.mktemp("backends")
    expected = {}
    for name in SAMPLE:
        model = randomise(models.build(name, small_shape(name), classes=7))
        images = some_images(model.input_shape[1:])
        spread(model, images)
        weights = {f"weight{place}": value for place, value in enumerate(model.get_weights())}
        np.savez(folder / f"{name}.npz", images=images, **weights)
        expected[name] = answers(model, images)
        forget()
    return folder, expected


@pytest.mark.exhaustive
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's answers are what is compared with")
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_weights_give_the_same_answers(stored: Any, backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; pip install 'cnnref[peers]' brings it")
    folder, expected = stored
    # Keras on PyTorch counts padding in an average, which the second pooling of nin_cifar must not.
    sample = [name for name in SAMPLE if (backend, name) != ("torch", "nin_cifar")]
    settings = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), *sample], env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in sample:
        np.testing.assert_allclose(np.load(folder / f"{name}.npy"), expected[name], rtol=0, atol=1e-5, err_msg=name)
