"""The architectures: one family a file, and one builder for every name that `list_models` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import (  # noqa: F401  (importing a family registers its models)
    alexnet,
    allcnn,
    basic,
    cifar_resnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    lenet,
    mnist_cnn,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    nin,
    preact_resnet,
    resnet,
    resnet8,
    resnext,
    shufflenet_v2,
    speednet,
    squeezenet,
    tinyvgg,
    vgg,
    wide_resnet,
    zfnet,
)
from .registry import Spec, build, builder, list_models, outline, spec

__all__ = ["Spec", "build", "builder", "list_models", "outline", "spec"]


# Over the files of the same name, such as tinyvgg: `models.NAME` is a builder.
globals().update({name: builder(name) for name in list_models()})

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


def __dir__() -> list[str]:
    return [*__all__, *list_models()]
