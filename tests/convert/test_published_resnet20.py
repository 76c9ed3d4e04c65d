"""Published weights give the published accuracy: ResNet-20 of akamaster/pytorch_resnet_cifar10 on CIFAR-10."""

from pathlib import Path

import numpy as np
import pytest

import cnnref
from cnnref import convert

pytest.importorskip("torch", reason="the published file is PyTorch's")

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "reference" / "resnet20-12fca82f.th"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.datasets
@pytest.mark.parametrize(
    ("images", "right"),
    [(1_000, 919), pytest.param(10_000, 9173, marks=pytest.mark.exhaustive)],  # 8.27 % error
)
def test_the_published_resnet20_scores_as_published(images: int, right: int, datasets_folder: Path) -> None:
    if not WEIGHTS.is_file():
        pytest.skip(f"no published weights: {WEIGHTS} is missing")
    model = cnnref.build("resnet20", normalization=(MEAN, DEVIATION))
    convert.from_torch(model, WEIGHTS)
    cifar = cnnref.data.load("cifar10", datasets_folder)
    assert cifar.test_images.shape == (10_000, 32, 32, 3)
    predicted = model.predict(cifar.test_images[:images].astype(np.float32), batch_size=250, verbose=0).argmax(1)
    assert np.sum(predicted == cifar.test_labels[:images]) == right
