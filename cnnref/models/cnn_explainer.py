"""TinyVGG: two blocks of two 3x3 convolutions and a max pooling, then one dense layer.

Wang, Turko, Shaikh, Park, Das, Hohman, Kahng, Chau: CNN Explainer: Learning Convolutional Neural Networks with
Interactive Visualization, IEEE TVCG 2021 (arXiv 2004.15004), section 4.

    image 64x64x3 -> block1 62x62x10, 60x60x10, pooled 30x30x10 -> block2 28x28x10, 26x26x10, pooled 13x13x10
          -> 1690 -> classes

There is no padding, and every convolution has ten filters; with ten classes it has 19,920 parameters. No deviation.
"""

from __future__ import annotations

from .blocks import Head, Tensor, conv, flatten, pool
from .registry import Variant, register


@register(
    input_shape=(64, 64, 3),
    classes=10,
    paper="Wang et al., CNN Explainer, IEEE TVCG 27(2), 2021 (arXiv 2004.15004, 2020)",
    year=2020,
    variants={"tinyvgg": Variant(trainable_params=19_920, macs=5_608_780)},
)
def tinyvgg(image: Tensor, top: Head, *, filters: int = 10) -> Tensor:
    x = image
    for block in (1, 2):
        for layer in (1, 2):
            x = conv(x, filters, 3, padding="valid", activation="relu", name=f"block{block}_conv{layer}")
        x = pool(x, "max", name=f"block{block}_pool")
    return top(x, flatten)
