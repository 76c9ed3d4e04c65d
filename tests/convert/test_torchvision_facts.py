"""What a spec says of torchvision's networks and weights is what torchvision says of them."""

import pytest
from torch_peers import torchvision_models

import cnnref

PEERS = {"googlenet_tv": "googlenet"}
tv = torchvision_models()
#: `googlenet` here is the paper's, without batch normalization.
NAMES = [
    name for name in cnnref.list_models() if PEERS.get(name, name) in tv.list_models(module=tv) and name != "googlenet"
]

#: Parameters of an auxiliary classifier that torchvision counts, and that is used in training only.
AUXILIARY = {"inception_v3": 3_326_696}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_multiply_accumulates_are_those_that_torchvision_publishes(name: str) -> None:
    weights = next(iter(tv.get_model_weights(PEERS.get(name, name))))
    facts = cnnref.spec(name)
    assert facts.trainable_params == weights.meta["num_params"] - AUXILIARY.get(name, 0)
    macs = weights.meta["_ops"]
    if "SWAG_E2E" not in weights.name:  # those are evaluated with larger images
        assert facts.macs / 1e9 == pytest.approx(macs, abs=1e-3)


@pytest.mark.parametrize("name", [name for name in NAMES if cnnref.spec(name).source.startswith("torchvision")])
def test_an_accuracy_of_torchvision_is_the_one_that_it_publishes(name: str) -> None:
    facts = cnnref.spec(name)
    weights = tv.get_model_weights(PEERS.get(name, name))[facts.source.removeprefix("torchvision, weights ")]
    assert facts.published["imagenet"] == pytest.approx(weights.meta["_metrics"]["ImageNet-1K"]["acc@1"], abs=0.0051)


def test_every_convolutional_classifier_of_torchvision_is_here() -> None:
    others = ("vit_", "swin_", "maxvit_")
    theirs = {name for name in tv.list_models(module=tv) if not name.startswith(others)}
    assert theirs - {"googlenet"} <= set(NAMES)
    assert len(theirs) == 68
