"""The network of airbench94, made to reach 94 % on CIFAR-10 in seconds, with seven convolutions.

Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024 (arXiv 2404.00498), and its code, airbench94.py.

    image 32x32x3 -> whiten (2x2, no padding) 31x31x24 -> stage1 15x15x64 -> stage2 7x7x256 -> stage3 3x3x256
          -> pool 1x1x256 -> 256 / 9 -> classes

A stage is a 3x3 convolution, 2x2 max pooling, batch normalization, GELU, a 3x3 convolution, batch normalization, GELU.
Convolutions are initialized as a partial identity. Neither they (except `whiten`) nor the classifier have a bias. Batch
normalization has an offset and no scale, and a momentum of 0.6. The filters of `whiten` are computed from the training
images by `cnnref.training.whitening`. Deviations: the features and not the logits are divided by nine, which gives the
same result; the moving variance is the biased variance of the batch, where PyTorch keeps the unbiased one.
"""

from __future__ import annotations

from typing import Any

from ..environment import layers, ops
from .blocks import Head, Tensor, activate, check_fits, flatten, name_stage, pool, set_name
from .initializers import fresh_generator, pytorch_uniform, values, with_identity
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
    filters = 2 * PATCH**2 * image.shape[-1]  # one filter for each eigenvector of the patches, and one for its negative
    x = partial_identity_conv(image, filters, PATCH, padding="valid", use_bias=True, name="whiten")
    x = activate(x, "gelu", "whiten")
    for stage, width in enumerate(WIDTHS, start=1):
        x = partial_identity_conv(x, width, 3, name=f"stage{stage}_conv1")
        x = pool(x, "max", name=f"stage{stage}_pool")
        x = offset_norm(x, name=f"stage{stage}_conv1")
        x = partial_identity_conv(x, width, 3, name=f"stage{stage}_conv2")
        x = name_stage(offset_norm(x, name=f"stage{stage}_conv2"), stage)
    x = pool(x, "max", 3, name="pool")
    return top(x, scaled_vector, pytorch_uniform(), use_bias=False)


def offset_norm(x: Tensor, name: str) -> Tensor:
    """Batch normalization without a scale, GELU. Same shape."""
    x = layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, scale=False, name=f"{name}_bn")(x)
    return activate(x, "gelu", name)


def scaled_vector(x: Tensor) -> Tensor:
    """The features as one vector, divided by nine. [n, h, w, c] -> [n, h * w * c]."""
    return set_name(ops.multiply(flatten(x), LOGIT_SCALE), "scale")


def partial_identity_conv(
    x: Tensor, filters: int, kernel: int, *, padding: str = "same", use_bias: bool = False, name: str
) -> Tensor:
    """A convolution of stride 1 that is initialized as a partial identity. [n, h, w, c] -> [n, h', w', filters].

    Each of the first filters copies one channel, which acts as a shortcut without an addition; the other filters are
    initialized as in PyTorch. `padding` is "same" or "valid". The attribute `starts_as_identity` of the layer tells
    `initializers.draw_weights` to do the same.
    """
    check_fits(x, kernel if padding == "valid" else 1, 1, 0, name)
    layer = layers.Conv2D(
        filters, kernel, padding=padding, use_bias=use_bias, kernel_initializer=_partial_identity, name=name
    )
    result = layer(x)
    # Saved files must name an initializer of Keras itself, or nobody could open them without this package.
    layer.kernel_initializer = pytorch_uniform()
    layer.starts_as_identity = True
    return result


def _partial_identity(shape: tuple[int, ...], dtype: Any = None) -> Any:
    drawn = values(pytorch_uniform(), shape, fresh_generator())
    assert drawn is not None
    return ops.convert_to_tensor(with_identity(drawn), dtype)
