"""The network of airbench94, made to reach 94 % on CIFAR-10 in seconds: seven convolutions, two of them of 64 filters.

Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv 2404.00498), and its code, airbench94.py.

    image 32x32x3 -> whiten (2x2, no padding) 31x31x24 -> stage1 15x15x64 -> stage2 7x7x256 -> stage3 3x3x256
          -> pool 1x1x256 -> 256 / 9 -> classes

A stage is a 3x3 convolution, 2x2 max pooling, batch normalization, GELU, a 3x3 convolution, batch normalization, GELU.
Convolutions begin as a partial identity and, but for `whiten`, have no bias, nor has the classifier; batch
normalization has an offset and no scale, and forgets quickly (0.6). The filters of `whiten` come from the training
images: `cnnref.training.whitening` computes them. Deviations: the ninth is taken of the features and not of the logits,
which is the same; the moving variance is that of the batch, where PyTorch keeps the unbiased one.
"""

from __future__ import annotations

from typing import Any

from ..environment import layers, ops
from .blocks import Head, Tensor, activate, check_fits, flatten, named, pool, stage_end
from .initializers import pytorch_uniform, with_identity
from .registry import Variant, register

WIDTHS = (64, 256, 256)
PATCH = 2
MOMENTUM, EPSILON = 0.6, 1e-12
LOGIT_SCALE = 1 / 9


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv 2404.00498)",
    year=2024,
    variants={
        "speednet": Variant(
            trainable_params=1_971_640,
            params=1_973_944,
            macs=118_147_360,
            published={"cifar10": 94.01},
            source="airbench94.py: mean of 1,000 runs, six views",
        )
    },
)
def speednet(image: Tensor, top: Head) -> Tensor:
    filters = 2 * PATCH**2 * image.shape[-1]  # a filter for each direction of a patch, and its negative
    x = partial_identity_conv(image, filters, PATCH, padding="valid", use_bias=True, name="whiten")
    x = activate(x, "gelu", "whiten")
    for stage, width in enumerate(WIDTHS, start=1):
        x = partial_identity_conv(x, width, 3, name=f"stage{stage}_conv1")
        x = pool(x, "max", name=f"stage{stage}_pool")
        x = offset_norm(x, name=f"stage{stage}_conv1")
        x = partial_identity_conv(x, width, 3, name=f"stage{stage}_conv2")
        x = stage_end(offset_norm(x, name=f"stage{stage}_conv2"), stage)
    x = pool(x, "max", 3, name="pool")
    return top(x, scaled_vector, pytorch_uniform(), use_bias=False)


def offset_norm(x: Tensor, name: str) -> Tensor:
    """Batch normalization without a scale, GELU. Same shape."""
    x = layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, scale=False, name=f"{name}_bn")(x)
    return activate(x, "gelu", name)


def scaled_vector(x: Tensor) -> Tensor:
    """Features as a vector, divided by nine. [n, h, w, c] -> [n, h * w * c]."""
    return named(ops.multiply(flatten(x), LOGIT_SCALE), "scale")


def partial_identity_conv(
    x: Tensor, filters: int, kernel: int, *, padding: str = "same", use_bias: bool = False, name: str
) -> Tensor:
    """A convolution of stride 1 that begins by passing its channels on. [n, h, w, c] -> [n, h', w', filters].

    The first filters copy a channel each, which is a shortcut without an addition; the others begin as PyTorch's do.

    `padding` is "same" or "valid". The layer carries `begins_as_identity`, for those who draw its weights anew.
    """
    check_fits(x, kernel if padding == "valid" else 1, 1, 0, name)
    layer = layers.Conv2D(
        filters, kernel, padding=padding, use_bias=use_bias, kernel_initializer=_partial_identity, name=name
    )
    result = layer(x)
    # Keras' own initializer for the files: with another, nobody could open them without this package.
    layer.kernel_initializer = pytorch_uniform()
    layer.begins_as_identity = True
    return result


def _partial_identity(shape: tuple[int, ...], dtype: Any = None) -> Any:
    drawn = ops.convert_to_numpy(pytorch_uniform()(shape, dtype))
    return ops.convert_to_tensor(with_identity(drawn), dtype)
