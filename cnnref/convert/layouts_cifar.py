"""The names of the repositories that the CIFAR networks are mostly trained with.

akamaster/pytorch_resnet_cifar10 has the ResNets of the paper's CIFAR section (option A, no weight on a shortcut),
kuangliu/pytorch-cifar those of its ImageNet section with a small stem, and VGG with one dense layer.
"""

from __future__ import annotations

from .layouts_torchvision import RESNET, STRIDE_ON_3X3, vgg_features
from .rules import Layout, both, table

PYTORCH_CIFAR_RESNET = {
    **RESNET,
    "stage{s}_block{b}_shortcut": "layer{s}.{b-1}.shortcut.0",
    "stage{s}_block{b}_shortcut_bn": "layer{s}.{b-1}.shortcut.1",
    "logits": "linear",
}

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "cifar_resnet": (Layout("akamaster/pytorch_resnet_cifar10", table(PYTORCH_CIFAR_RESNET), ("linear.",)),),
    "resnet": (
        Layout("kuangliu/pytorch-cifar", table(PYTORCH_CIFAR_RESNET), ("linear.",), excluded=STRIDE_ON_3X3),
    ),
    "vgg": (
        Layout("kuangliu/pytorch-cifar", both(vgg_features, table({"logits": "classifier"})), ("classifier.",)),
    ),
}  # fmt: skip
