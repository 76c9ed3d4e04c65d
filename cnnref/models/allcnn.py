"""The all convolutional net: no pooling, no dense layer; convolutions of stride 2 reduce the feature maps.

Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity, ICLR 2015 workshop (arXiv 1412.6806), tables 1, 2.

    image 32x32x3 -> 32x32x96, 96 -> 16x16x96 -> 16x16x192, 192 -> 8x8x192
          -> 8x8x192, 192 (1x1), classes (1x1) -> classes

All 3x3 convolutions are padded, also the last one. (Without its padding the last maps would be 6x6 and the network
would take 272 million multiply-accumulates instead of 281; the number of parameters is the same.) Dropout has a rate of
20 % on the image and of 50 % after each convolution of stride 2. Deviation: initial weights are those of He et al.,
2015.
"""

from __future__ import annotations

from .blocks import HE, Head, Tensor, conv, dropout
from .registry import Variant, register


@register(
    input_shape=(32, 32, 3),
    classes=10,
    paper="Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR 2015 (arXiv 1412.6806)",
    year=2014,
    variants={
        "allcnn_c": Variant(
            trainable_params=1_369_738,
            macs=281_174_016,
            published={"cifar10": 92.75},  # table 5: 7.25 % error with shifts and flips
        )
    },
)
def allcnn(image: Tensor, top: Head) -> Tensor:
    x = dropout(image, 0.2, name="dropout0")
    for stage, filters in ((1, 96), (2, 192)):
        for layer, stride in ((1, 1), (2, 1), (3, 2)):
            x = conv(x, filters, 3, stride, initializer=HE, activation="relu", name=f"stage{stage}_conv{layer}")
        x = dropout(x, 0.5, name=f"dropout{stage}")
    x = conv(x, 192, 3, initializer=HE, activation="relu", name="stage3_conv1")
    x = conv(x, 192, 1, initializer=HE, activation="relu", name="stage3_conv2")
    return top.from_class_maps(x)
