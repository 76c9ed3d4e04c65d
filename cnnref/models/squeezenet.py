"""SqueezeNet: AlexNet's accuracy with a fiftieth of its parameters, built from fire modules that squeeze and expand.

Iandola et al.: SqueezeNet, arXiv 1602.07360, 2016, table 1; version 1.1 comes from the authors' repository.

    squeezenet1_0  image 224x224x3 -> conv1 109x109x96 -> 54x54 -> fire2-4 x256 -> 27x27 -> fire5-8 x512
                   -> 13x13 -> fire9 x512 -> class_maps 13x13x1000 -> classes
    squeezenet1_1  image 224x224x3 -> conv1 111x111x64 -> 55x55 -> fire2-3 x128 -> 27x27 -> fire4-5 x256
                   -> 13x13 -> fire6-9 x512 -> class_maps 13x13x1000 -> classes
    squeezenet1_1_cifar  image 32x32x3 -> conv1 32x32x64 -> 16x16 -> 8x8 -> 4x4x512 -> classes

Poolings keep their last, partial window. The paper states 55x55 after its first pooling, which needs another input
size or padding; maps and multiply-accumulates here are those of the published networks at 224x224. The last convolution
has a ReLU, so the logits are not negative. `_cifar` has stride 1 and padding in conv1.
Deviation: initial weights are those of He et al., 2015.
"""

from __future__ import annotations

from .blocks import HE, Head, Padding, Tensor, concatenate, conv, dropout, pool
from .registry import Variant, register

#: Filters of the squeezing 1x1 of each fire module; each of its two expansions has four times as many.
SQUEEZED = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}


@register(
    input_shape=(224, 224, 3),
    classes=1000,
    paper="Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv 1602.07360, 2016",
    year=2016,
    phone=True,
    variants={
        "squeezenet1_0": Variant(
            stem=(96, 7, 2, "valid"),
            pooled_before=(2, 5, 9),
            trainable_params=1_248_424,
            macs=818_924_576,
            published={"imagenet": 57.5},
        ),
        "squeezenet1_1": Variant(
            stem=(64, 3, 2, "valid"),
            pooled_before=(2, 4, 6),
            trainable_params=1_235_496,
            macs=349_151_936,
            published={"imagenet": 58.18},
            source="torchvision, weights IMAGENET1K_V1",
        ),
        "squeezenet1_1_cifar": Variant(
            stem=(64, 3, 1, "same"),
            pooled_before=(2, 4, 6),
            input_shape=(32, 32, 3),
            classes=10,
            trainable_params=727_626,
            macs=23_511_040,
        ),
    },
)
def squeezenet(
    image: Tensor, top: Head, *, stem: tuple[int, int, int, Padding], pooled_before: tuple[int, ...]
) -> Tensor:
    filters, kernel, stride, padding = stem
    x = conv(image, filters, kernel, stride, padding=padding, initializer=HE, activation="relu", name="conv1")
    for number, squeezed in SQUEEZED.items():
        if number in pooled_before:
            x = pool(x, "max", 3, 2, padding="ceil", name=f"pool{number - 1}")
        x = fire(x, squeezed, name=f"fire{number}")
    return top.from_class_maps(x, lambda x: dropout(x, 0.5))


def fire(x: Tensor, squeezed: int, name: str) -> Tensor:
    """A squeezing 1x1, then 1x1 and 3x3 in parallel. [n, h, w, c] -> [n, h, w, 8 * squeezed]."""
    x = conv(x, squeezed, 1, initializer=HE, activation="relu", name=f"{name}_squeeze")
    one = conv(x, 4 * squeezed, 1, initializer=HE, activation="relu", name=f"{name}_expand1x1")
    three = conv(x, 4 * squeezed, 3, initializer=HE, activation="relu", name=f"{name}_expand3x3")
    return concatenate([one, three], name=name)
