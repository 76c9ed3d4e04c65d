"""LeNet-5: two convolutions, each followed by pooling, then three dense layers.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 1998, section II.B.

    image 28x28x1 -> conv1 28x28x6 -> pool1 14x14x6 -> conv2 10x10x16 -> pool2 5x5x16 -> 400 -> 120 -> 84 -> classes

Deviations from the paper, as in nearly all of today's LeNets: the 32x32 input is 28x28 with two pixels of padding
in conv1; pooling has no weights and no activation of its own; conv2 sees all six maps, not the paper's table of
connections; the output is dense with softmax instead of radial basis functions. `lenet5` keeps the paper's tanh
(unscaled) and average pooling, `lenet5_relu` has ReLU and max pooling. Both have 61,706 parameters.
"""

from __future__ import annotations

from .blocks import Head, Tensor, conv, dense, flatten, pool
from .registry import Variant, register


@register(
    input_shape=(28, 28, 1),
    classes=10,
    paper="LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 86(11), 1998",
    year=1998,
    variants={
        "lenet5": Variant(
            activation="tanh",
            pooling="average",
            trainable_params=61_706,
            macs=416_520,
            published={"mnist": 99.05},  # section III.C: 0.95 % test error without distortions
        ),
        "lenet5_relu": Variant(activation="relu", pooling="max", trainable_params=61_706, macs=416_520),
    },
)
def lenet(image: Tensor, top: Head, *, activation: str, pooling: str) -> Tensor:
    x = conv(image, 6, 5, activation=activation, name="conv1")
    x = pool(x, pooling, name="pool1")
    x = conv(x, 16, 5, padding="valid", activation=activation, name="conv2")
    x = pool(x, pooling, name="pool2")

    def hidden(x: Tensor) -> Tensor:
        x = dense(flatten(x), 120, activation=activation, name="dense1")
        return dense(x, 84, activation=activation, name="dense2")

    return top(x, hidden)
