"""The architectures: one file for each family, and one builder for every name that `list_models` returns."""

from __future__ import annotations

from collections.abc import Callable

from ..environment import keras
from . import (  # noqa: F401  (importing a family registers its models)
    airbench,
    alexnets,
    allcnn,
    cifar_resnet,
    cnn_explainer,
    convnext,
    convnextv2,
    densenet,
    efficientnet,
    efficientnet_lite,
    efficientnetv2,
    ghostnet,
    inception,
    inception_resnetv2,
    inceptionv3,
    keras_resnetv2,
    lenet,
    mnasnet,
    mnist_networks,
    mobilenetv1,
    mobilenetv2,
    mobilenetv3,
    mobilenetv4,
    mobileone,
    nasnet,
    nin,
    preact_resnet,
    regnet,
    repvgg,
    resnet,
    resnext,
    senet,
    shufflenetv2,
    squeezenet,
    vgg,
    wide_resnet,
    xceptions,
    zeiler_fergus,
)
from .blocks import Head
from .registry import Spec, Variant, build, builder, list_models, outline, register, spec
from .reparameterized import fold_branches

__all__ = [
    "Head",
    "Spec",
    "Variant",
    "build",
    "builder",
    "fold_branches",
    "list_models",
    "outline",
    "register",
    "spec",
]


def __getattr__(name: str) -> Callable[..., keras.Model]:
    """`cnnref.models.NAME` is the builder of that model, so no file of this folder may have the name of a model."""
    if name not in list_models():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return builder(name)


def __dir__() -> list[str]:
    return [*__all__, *list_models()]
