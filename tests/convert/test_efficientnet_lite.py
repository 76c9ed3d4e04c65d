"""EfficientNet-Lite with the weights of its PyTorch package: the same logits, on random images and on photographs."""

from pathlib import Path

import numpy as np
import pytest
from torch_peers import BOUND, apart, channels_first, converted, randomized, torch

import cnnref
from cnnref.convert import from_torch
from cnnref.convert.layouts_efficientnet_pytorch import LITE

package = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")


@pytest.mark.parametrize("number", range(5))
def test_the_weights_of_the_package_give_its_logits(number: int) -> None:
    peer = randomized(package.EfficientNet.from_name(f"efficientnet-lite{number}", image_size=64), 64)
    assert apart(converted(f"efficientnet_lite{number}", peer, 64), peer, 64) <= BOUND


def test_the_weights_of_efficientnet_b0_of_the_same_layout_give_its_logits() -> None:
    peer = randomized(package.EfficientNet.from_name("efficientnet-b0", image_size=64), 64)
    assert apart(converted("efficientnet_b0", peer, 64, padding="tensorflow"), peer, 64) <= BOUND


def logits(images: np.ndarray, weights: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of the package, and of our network that was converted from the same file."""
    peer = package.EfficientNet.from_name("efficientnet-lite0")
    peer.load_state_dict(torch.load(weights, weights_only=True))
    peer.eval()
    model = cnnref.build("efficientnet_lite0", classifier_activation=None, normalization=LITE)
    from_torch(model, weights)
    theirs, ours = [], []
    for start in range(0, len(images), 10):
        batch = images[start : start + 10].astype(np.float32)
        with torch.no_grad():
            theirs.append(peer(channels_first((batch - 127) / 128)).numpy())
        ours.append(np.asarray(model(batch, training=False)))
    return np.concatenate(theirs), np.concatenate(ours)


def test_the_published_lite0_gives_the_logits_of_its_package_on_photographs(
    imagenet_samples: tuple[np.ndarray, np.ndarray], lite0_file: Path
) -> None:
    theirs, ours = logits(imagenet_samples[0][::20], lite0_file)
    assert np.abs(ours - theirs).max() <= BOUND * np.abs(theirs).max()


@pytest.mark.exhaustive
def test_the_published_lite0_classifies_500_photographs_as_its_package_does(
    imagenet_samples: tuple[np.ndarray, np.ndarray], lite0_file: Path
) -> None:
    images, labels = imagenet_samples
    theirs, ours = logits(images, lite0_file)
    assert np.abs(ours - theirs).max() <= BOUND * np.abs(theirs).max()
    best = np.argsort(-ours, axis=1)[:, :5]
    assert np.mean(best[:, 0] == labels) == 0.866
    assert np.mean((best == labels[:, None]).any(axis=1)) == 0.964
