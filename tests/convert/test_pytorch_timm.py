"""Models that timm has too compute the same with timm's weights, whatever epsilon and padding it gives them."""

from typing import Any

import pytest
from torch_peers import BOUND, apart, converted, randomized, timm_models, torch, without_values

timm = timm_models()

TENSORFLOW = {"padding": "tensorflow"}


@pytest.mark.parametrize(
    ("theirs", "ours", "options"),
    [
        ("resnet50", "resnet50", {}),
        ("resnext50_32x4d", "resnext50_32x4d", {}),
        ("densenet121", "densenet121", {}),
        ("resnetv2_50", "resnet50_v2", {}),
        ("mobilenetv1_100", "mobilenet_v1", {"padding": "same"}),
        ("mobilenetv2_100", "mobilenet_v2", {}),
        ("mobilenetv3_large_100", "mobilenet_v3_large", {}),
        ("mobilenetv3_small_100", "mobilenet_v3_small", {}),
        ("tf_mobilenetv3_small_100", "mobilenet_v3_small", TENSORFLOW),
        ("efficientnet_b0", "efficientnet_b0", {}),
        ("tf_efficientnet_b0", "efficientnet_b0", TENSORFLOW),
        ("efficientnet_lite0", "efficientnet_lite0", {"padding": "same"}),
        *((f"tf_efficientnet_lite{number}", f"efficientnet_lite{number}", {}) for number in range(5)),
        ("convnext_tiny", "convnext_tiny", {}),
    ],
)
def test_timms_weights_give_timms_logits(theirs: Any, ours: Any, options: Any) -> None:
    peer = randomized(without_values(timm.create_model, theirs), 64)
    assert apart(converted(ours, peer, 64, **options), peer, 64) <= BOUND


def test_vgg_whose_dense_layers_are_convolutions_gives_timms_logits() -> None:
    peer = without_values(timm.create_model, "vgg16_bn")
    peer.pre_logits.fc1 = torch.nn.Conv2d(512, 4096, 2)  # the maps of 64x64 images; of 224x224 it would be 7
    peer.pre_logits.input_kernel_size = 2
    randomized(peer, 64)
    assert apart(converted("vgg16_bn", peer, 64), peer, 64) <= BOUND


def test_the_bound_catches_the_epsilon_of_timms_other_networks() -> None:
    peer = randomized(without_values(timm.create_model, "efficientnet_b0"), 64)
    model = converted("efficientnet_b0", peer, 64)
    for module in peer.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3
    assert apart(model, peer, 64) > 10 * BOUND
