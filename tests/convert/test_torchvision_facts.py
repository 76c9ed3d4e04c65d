"""What a spec says of torchvision's weights is what torchvision says of them."""

import pytest
from torch_peers import torchvision_models

import cnnref

PEERS = {"googlenet_tv": "googlenet"}
NAMES = [name for name in cnnref.list_models() if cnnref.spec(name).source.startswith("torchvision")]


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_and_parameters_are_those_that_torchvision_publishes(name: str) -> None:
    weights = torchvision_models().get_model_weights(PEERS.get(name, name)).IMAGENET1K_V1
    facts = cnnref.spec(name)
    assert facts.trainable_params == weights.meta["num_params"]
    assert facts.published["imagenet"] == pytest.approx(weights.meta["_metrics"]["ImageNet-1K"]["acc@1"], abs=0.005)
