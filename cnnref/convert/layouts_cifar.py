"""The names of our layers in the repositories with which CIFAR networks are usually trained.

akamaster/pytorch_resnet_cifar10 has the ResNets of the paper's CIFAR section (option A, shortcuts without weights).
kuangliu/pytorch-cifar has those of its ImageNet section with a small stem, and VGG with one dense layer.
"""

from __future__ import annotations

from typing import Any

from ..models.normalization import Normalization
from .layouts_torchvision import RESNET, STRIDE_ON_3X3, vgg_features
from .rules import Layout, Names, merged, table

PYTORCH_CIFAR_RESNET = {
    **RESNET,
    "stage{s}_block{b}_shortcut": "layer{s}.{b-1}.shortcut.0",
    "stage{s}_block{b}_shortcut_bn": "layer{s}.{b-1}.shortcut.1",
    "logits": "linear",
}

#: The normalization of kuangliu/pytorch-cifar; akamaster/pytorch_resnet_cifar10 uses ImageNet's.
CIFAR10: Normalization = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


def _kuangliu(names: Names, classifier: str, **more: Any) -> Layout:
    return Layout("kuangliu/pytorch-cifar", names, (classifier,), normalization=CIFAR10, **more)


LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "cifar_resnet": (Layout("akamaster/pytorch_resnet_cifar10", table(PYTORCH_CIFAR_RESNET), ("linear.",)),),
    "resnet": (_kuangliu(table(PYTORCH_CIFAR_RESNET), "linear.", excluded=STRIDE_ON_3X3),),
    "vgg": (_kuangliu(merged(vgg_features, table({"logits": "classifier"})), "classifier."),),
}  # fmt: skip
