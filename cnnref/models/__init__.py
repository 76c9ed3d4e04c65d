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
    densenet,
    efficientnet,
    efficientnet_lite,
    inception,
    lenet,
    mnist_networks,
    mobilenetv1,
    mobilenetv2,
    mobilenetv3,
    nin,
    preact_resnet,
    resnet,
    resnext,
    shufflenetv2,
    squeezenet,
    vgg,
    wide_resnet,
    zeiler_fergus,
)
from .registry import Spec, build, builder, list_models, outline, spec

__all__ = ["Spec", "build", "builder", "list_models", "outline", "spec"]


def __getattr__(name: str) -> Callable[..., keras.Model]:
    """`cnnref.models.NAME` is the builder of that model, so no file of this folder may have the name of a model."""
    if name not in list_models():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return builder(name)


def __dir__() -> list[str]:
    return [*__all__, *list_models()]
