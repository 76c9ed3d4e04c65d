"""Models that timm has too compute the same with timm's weights, whatever epsilon and padding it gives them."""

from typing import Any

import pytest
from chosen_names import chosen
from torch_peers import BOUND, apart, converted, randomized, timm_models, torch, without_values

timm = timm_models()

TENSORFLOW = {"padding": "tensorflow"}


#: timm's name, ours, and the options of ours.
PEERS: list[tuple[str, str, dict[str, str]]] = [
    ("resnet50", "resnet50", {}),
    ("resnext50_32x4d", "resnext50_32x4d", {}),
    ("resnext101_32x8d", "resnext101_32x8d", {}),
    ("resnext101_64x4d", "resnext101_64x4d", {}),
    ("wide_resnet50_2", "wide_resnet50_2", {}),
    ("wide_resnet101_2", "wide_resnet101_2", {}),
    ("seresnet50", "se_resnet50", {}),
    ("densenet121", "densenet121", {}),
    ("densenet161", "densenet161", {}),
    ("densenet169", "densenet169", {}),
    ("densenet201", "densenet201", {}),
    ("resnetv2_50", "resnet50_v2", {}),
    ("mobilenetv1_100", "mobilenet_v1", {"padding": "same"}),
    ("mobilenetv2_100", "mobilenet_v2", {}),
    ("mobilenetv3_large_100", "mobilenet_v3_large", {}),
    ("mobilenetv3_small_100", "mobilenet_v3_small", {}),
    ("tf_mobilenetv3_small_100", "mobilenet_v3_small", TENSORFLOW),
    ("mnasnet_050", "mnasnet0_5", {}),
    ("mnasnet_075", "mnasnet0_75", {}),
    ("mnasnet_100", "mnasnet1_0", {}),
    ("regnety_004", "regnet_y_400mf", {}),
    *((f"efficientnet_b{number}", f"efficientnet_b{number}", {}) for number in range(8)),
    *((f"tf_efficientnet_b{number}", f"efficientnet_b{number}", TENSORFLOW) for number in range(8)),
    ("efficientnet_lite0", "efficientnet_lite0", {"padding": "same"}),
    *((f"tf_efficientnet_lite{number}", f"efficientnet_lite{number}", {}) for number in range(5)),
    *((f"tf_efficientnetv2_{size}", f"efficientnet_v2_{size}", TENSORFLOW) for size in ("s", "m", "l")),
    *((f"tf_efficientnetv2_b{number}", f"efficientnet_v2_b{number}", TENSORFLOW) for number in range(4)),
    ("mobilenetv4_conv_small", "mobilenet_v4_conv_small", {}),
    ("mobilenetv4_conv_medium", "mobilenet_v4_conv_medium", {}),
    ("ghostnet_100", "ghostnet_1_0", {}),
    ("repvgg_a0", "repvgg_a0", {}),
    ("mobileone_s0", "mobileone_s0", {}),
    ("inception_v3", "inception_v3", {}),
    ("inception_resnet_v2", "inception_resnet_v2", {}),
    ("legacy_xception", "xception", {"padding": "same"}),
    *((f"convnextv2_{size}", f"convnext_v2_{size}", {}) for size in ("atto", "femto", "pico", "nano", "tiny")),
    *((f"convnextv2_{size}", f"convnext_v2_{size}", {}) for size in ("base", "large", "huge")),
    *((f"convnext_{size}", f"convnext_{size}", {}) for size in ("tiny", "small", "base", "large", "xlarge")),
]
#: The size of the images where 64x64 vanish on the way.
SIZES = {"inception_v3": 96, "inception_resnet_v2": 96, "legacy_xception": 96}
WANTED = chosen({ours for _, ours, _ in PEERS})


@pytest.mark.parametrize(("theirs", "ours", "options"), [peer for peer in PEERS if peer[1] in WANTED])
def test_timms_weights_give_timms_logits(theirs: Any, ours: Any, options: Any) -> None:
    size = SIZES.get(theirs, 64)
    peer = randomized(without_values(timm.create_model, theirs), size)
    assert apart(converted(ours, peer, size, **options), peer, size) <= BOUND


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
