"""Building blocks of all families: functions from tensor to tensor, every decision about padding, and the classifier.

Tensors are [batch, height, width, channels]. The argument `padding` takes these values:

    "same"        (kernel - 1) / 2 pixels on each side for every stride, the convention of the papers and of PyTorch
    "tensorflow"  the "same" of TensorFlow and Keras, which with stride 2 adds less at the start than at the end
    "valid"       no padding
    3             that many pixels on each side
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..environment import keras, layers, ops
from ..errors import InputError
from .normalization import LAYER, checked_normalization, scale_and_offset

#: A symbolic Keras tensor.
Tensor = Any
Padding = str | int
#: The size of a square window, or height and width.
Kernel = int | tuple[int, int]

#: Slope of leaky ReLU below zero (Maas, Hannun, Ng: Rectifier Nonlinearities, 2013).
LEAKY_SLOPE = 0.01

#: Suffix of the name of an activation layer -> what Keras calls the activation.
ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "hard_sigmoid",
    "hard_swish": "hard_silu",
    "swish": "silu",
    "gelu": "gelu",
}

POOLINGS = {"max": "MaxPooling2D", "average": "AveragePooling2D"}

#: Activations of a classifier; None gives logits.
CLASSIFIER_ACTIVATIONS = ("softmax", "sigmoid", "linear", None)

#: He et al., Delving Deep into Rectifiers, 2015: keeps the variance constant through many layers with ReLU.
HE = "he_normal"
GLOROT = "glorot_uniform"

#: Weight of the old moving average at each step; in PyTorch it is a momentum of 0.1.
BATCH_NORM_MOMENTUM = 0.9


class TooSmallError(Exception):
    """Feature maps have become smaller than the window or the stride of a layer."""


def normalize(image: Tensor, normalization: Any) -> Tensor:
    """Raw pixel values 0..255 -> (image / 255 - mean) / std, with the pair that `checked_normalization` takes."""
    mean, std = checked_normalization(normalization, image.shape[-1])
    return layers.Rescaling(*scale_and_offset(mean, std), name=LAYER)(image)


def conv(
    x: Tensor,
    filters: int,
    kernel: Kernel,
    stride: int = 1,
    *,
    padding: Padding = "same",
    groups: int = 1,
    use_bias: bool = True,
    initializer: str = GLOROT,
    activation: str | None = None,
    name: str,
) -> Tensor:
    """A convolution and its activation. [n, h, w, c] -> [n, h', w', filters]."""
    x, mode = padded(x, kernel, stride, padding, name)
    x = layers.Conv2D(
        filters,
        kernel,
        stride,
        padding=mode,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer=initializer,
        name=name,
    )(x)
    return activate(x, activation, name)


def depthwise_conv(
    x: Tensor, kernel: int, stride: int = 1, *, padding: Padding = "same", use_bias: bool = False, name: str
) -> Tensor:
    """A depthwise convolution: one kernel per channel. [n, h, w, c] -> [n, h', w', c]."""
    x, mode = padded(x, kernel, stride, padding, name)
    return layers.DepthwiseConv2D(kernel, stride, padding=mode, use_bias=use_bias, depthwise_initializer=HE, name=name)(
        x
    )


def conv_bn(
    x: Tensor,
    filters: int,
    kernel: Kernel,
    stride: int = 1,
    *,
    padding: Padding = "same",
    groups: int = 1,
    epsilon: float = 1e-5,
    activation: str | None = "relu",
    name: str,
) -> Tensor:
    """A convolution without bias, batch normalization, activation. [n, h, w, c] -> [n, h', w', filters]."""
    x = conv(x, filters, kernel, stride, padding=padding, groups=groups, use_bias=False, initializer=HE, name=name)
    return batch_norm(x, epsilon=epsilon, activation=activation, name=name)


def depthwise_bn(
    x: Tensor,
    kernel: int,
    stride: int = 1,
    *,
    padding: Padding = "same",
    epsilon: float = 1e-5,
    activation: str | None = None,
    name: str,
) -> Tensor:
    """A depthwise convolution without bias, batch normalization, activation. [n, h, w, c] -> [n, h', w', c]."""
    x = depthwise_conv(x, kernel, stride, padding=padding, name=name)
    return batch_norm(x, epsilon=epsilon, activation=activation, name=name)


def batch_norm(x: Tensor, *, epsilon: float = 1e-5, activation: str | None = None, name: str) -> Tensor:
    """Batch normalization (`NAME_bn`) and the activation after it (`NAME_ACTIVATION`)."""
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=epsilon, name=f"{name}_bn")(x)
    return activate(x, activation, name)


def padded(x: Tensor, kernel: Kernel, stride: int, padding: Padding, name: str) -> tuple[Tensor, str]:
    """The tensor to convolve and the `padding` to pass to Keras. Raises TooSmallError, see `check_fits`.

    A window of height and width must have stride 1 and "same".
    """
    if isinstance(kernel, tuple):
        if stride != 1 or padding != "same":
            raise ValueError(f"{name}: a window of {kernel} needs stride 1 and padding 'same'.")
        return x, "same"
    if padding == "tensorflow":
        check_fits(x, 1, stride, 0, name)
        return x, "same"
    margin = padding if isinstance(padding, int) else {"same": (kernel - 1) // 2, "valid": 0}[padding]
    check_fits(x, kernel, stride, margin, name)
    if margin == 0:
        return x, "valid"
    if stride == 1 and kernel == 2 * margin + 1:
        return x, "same"  # the same result with one operation instead of two
    return layers.ZeroPadding2D(margin, name=f"{name}_pad")(x), "valid"


def pool(
    x: Tensor, kind: str, size: int = 2, stride: int | None = None, *, padding: Padding = "valid", name: str
) -> Tensor:
    """Max or average pooling. [n, h, w, c] -> [n, h', w', c].

    `padding` is "valid", "ceil" or, for max pooling, a number of zeros on each side, which is correct only where no
    value is negative, as after a ReLU (otherwise use `max_pool_repeating_edges`). "ceil" keeps the last, partial window
    as Caffe and PyTorch's ceil_mode do; an average is then taken over the pixels inside the map.
    """
    if kind not in POOLINGS:
        raise InputError(f"pooling is {kind!r}; choose 'max' or 'average'.")
    stride = stride or size
    if padding == "ceil":
        return _pool_keeping_partial_windows(x, kind, size, stride, name)
    x, mode = padded(x, size, stride, padding, name)
    return getattr(layers, POOLINGS[kind])(size, stride, padding=mode, name=name)(x)


def max_pool_repeating_edges(x: Tensor, size: int, stride: int, margin: int, *, name: str) -> Tensor:
    """Max pooling of maps with negative values: the padding repeats the edge pixels and so never changes a maximum."""
    check_fits(x, size, stride, margin, name)
    sides = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
    x = set_name(ops.pad(x, sides, mode="symmetric"), f"{name}_pad")
    return layers.MaxPooling2D(size, stride, name=name)(x)


def global_average_pool(x: Tensor, name: str = "pool") -> Tensor:
    """The mean of each feature map. [n, h, w, c] -> [n, c]."""
    return layers.GlobalAveragePooling2D(name=name)(x)


def add(tensors: Sequence[Tensor], name: str) -> Tensor:
    """The sum of tensors of the same shape."""
    return layers.Add(name=name)(tensors)


def concatenate(tensors: Sequence[Tensor], name: str) -> Tensor:
    """The channels of feature maps of one size, concatenated. [n, h, w, c1], [n, h, w, c2] -> [n, h, w, c1 + c2]."""
    return layers.Concatenate(name=name)(tensors)


def dropout(x: Tensor, rate: float, name: str = "dropout") -> Tensor:
    """Dropout: in training, each value is set to zero with probability `rate`."""
    return layers.Dropout(rate, name=name)(x)


def drop_path(x: Tensor, rate: float, name: str) -> Tensor:
    """In training, set an image's branch to zero with probability `rate` (Huang et al.: Stochastic Depth, 2016)."""
    return layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name)(x) if rate else x


def dense(x: Tensor, units: int, *, activation: str | None = None, initializer: str = GLOROT, name: str) -> Tensor:
    """A fully connected layer and its activation. [n, c] -> [n, units]."""
    return activate(layers.Dense(units, kernel_initializer=initializer, name=name)(x), activation, name)


def activate(x: Tensor, activation: str | None, name: str) -> Tensor:
    """The activation as a layer of its own, `NAME_ACTIVATION`, so that the values before it can be inspected."""
    if activation is None:
        return x
    if activation == "leaky_relu":
        return layers.LeakyReLU(LEAKY_SLOPE, name=f"{name}_leaky_relu")(x)
    if activation not in ACTIVATIONS:
        raise InputError(f"activation is {activation!r}; choose {', '.join(map(repr, ACTIVATIONS))} or 'leaky_relu'.")
    return layers.Activation(ACTIVATIONS[activation], name=f"{name}_{activation}")(x)


def flatten(x: Tensor) -> Tensor:
    """[n, h, w, c] -> [n, h * w * c], row by row, with the channels of a pixel side by side."""
    return layers.Flatten(name="flatten")(x)


def squeeze_excite(x: Tensor, squeezed: int, *, activation: str = "relu", gate: str = "sigmoid", name: str) -> Tensor:
    """Squeeze-and-excitation: a weight for each channel from the means of all (Hu et al., 2018). Same shape."""
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weights = conv(weights, squeezed, 1, activation=activation, name=f"{name}_reduce")
    weights = conv(weights, x.shape[-1], 1, activation=gate, name=f"{name}_expand")
    return layers.Multiply(name=f"{name}_scale")([x, weights])


def local_response_norm(x: Tensor, *, size: int, alpha: float, beta: float, bias: float, name: str) -> Tensor:
    """x / (bias + alpha * sum of the squares of `size` neighbouring channels) ** beta. Same shape.

    Krizhevsky et al., 2012, section 3.3. (Caffe and PyTorch divide their alpha by `size`.)
    """
    channels, half = x.shape[-1], size // 2
    squares = set_name(ops.square(x), f"{name}_square")
    squares = set_name(ops.pad(squares, [(0, 0), (0, 0), (0, 0), (half, size - 1 - half)]), f"{name}_pad")
    total = set_name(squares[..., :channels], f"{name}_channel0")
    for shift in range(1, size):
        neighbour = set_name(squares[..., shift : shift + channels], f"{name}_channel{shift}")
        total = set_name(ops.add(total, neighbour), f"{name}_sum{shift}")
    scaled = set_name(ops.multiply(total, alpha), f"{name}_alpha")
    power = set_name(ops.power(set_name(ops.add(scaled, bias), f"{name}_bias"), beta), f"{name}_power")
    return set_name(ops.divide(x, power), name)


def channel_shuffle(x: Tensor, groups: int, name: str) -> Tensor:
    """Interleave the channels of `groups` groups (Zhang et al.: ShuffleNet, 2018). Same shape."""
    _, height, width, channels = x.shape
    x = set_name(ops.reshape(x, (-1, height, width, groups, channels // groups)), f"{name}_groups")
    x = set_name(ops.transpose(x, (0, 1, 2, 4, 3)), f"{name}_turned")
    return set_name(ops.reshape(x, (-1, height, width, channels)), name)


def set_name(x: Tensor, name: str) -> Tensor:
    """Name the keras.ops operation that made x, which would otherwise be named by a counter of the whole process."""
    x._keras_history.operation.name = name
    return x


def name_stage(x: Tensor, stage: int) -> Tensor:
    """Name the last layer of a stage `stageN`, so that its feature maps can be found by that name."""
    name = f"stage{stage}"
    if getattr(x._keras_history.operation, "weights", None):
        return layers.Identity(name=name)(
            x
        )  # A layer with weights keeps its name, because its weights are named after it.
    return set_name(x, name)


def strides_for_small_images(strides: Sequence[int]) -> list[int]:
    """The strides of a network for 32x32 images: the first two that are 2 become 1."""
    reduced = [index for index, stride in enumerate(strides) if stride == 2][:2]
    return [1 if index in reduced else stride for index, stride in enumerate(strides)]


def multiple_of_eight(channels: float, least: float = 0.9) -> int:
    """The nearest multiple of 8, at least 8 and at least `least` of `channels`; 0.9 is how the MobileNets round."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < least * channels else rounded


def check_fits(x: Tensor, window: int, stride: int, margin: int, name: str) -> None:
    """Raise TooSmallError if the padded feature maps are smaller than the window, or the maps than the stride."""
    height, width = x.shape[1:3]
    if min(height, width) + 2 * margin < window:
        raise TooSmallError(f"{name} has a {window}x{window} window and gets {height}x{width}")
    if min(height, width) < stride:
        raise TooSmallError(f"{name} has a stride of {stride} and gets {height}x{width}")


class Head:
    """The classifier at the end of a network.

    `top(features, to_vector)` ends a network with a dense layer, and `top.from_class_maps(features)` with one feature
    map per class. In both cases the last layers are named "logits" and "probabilities".

    Raises:
        InputError: the number of classes and the activation do not make a classifier.
    """

    def __init__(self, classes: int, activation: str | None = "softmax", include_top: bool = True) -> None:
        if not isinstance(classes, int) or isinstance(classes, bool) or classes < 1:
            raise InputError(f"classes is {classes!r}; give a whole number of at least 1.")
        if activation not in CLASSIFIER_ACTIVATIONS:
            raise InputError(
                f"classifier_activation is {activation!r}; choose 'softmax', 'sigmoid', 'linear' or None (logits)."
            )
        if activation == "softmax" and classes == 1 and include_top:
            raise InputError("softmax over one class is always 1; use classifier_activation='sigmoid' for a yes or no.")
        self.classes = classes
        self.activation = activation
        self.include = include_top

    def __call__(
        self,
        features: Tensor,
        to_vector: Callable[[Tensor], Tensor],
        initializer: str | keras.initializers.Initializer = GLOROT,
        *,
        use_bias: bool = True,
    ) -> Tensor:
        """[n, h, w, c] -> [n, classes]; the features themselves where `include_top` is False."""
        if not self.include:
            return features
        # The layer is made before the layers that precede it, because the order of random draws must stay as it is.
        logits = layers.Dense(self.classes, use_bias=use_bias, kernel_initializer=initializer, name="logits")
        return self._activated(logits(to_vector(features)))

    def from_class_maps(self, features: Tensor, to_maps: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """A 1x1 convolution to one map per class, ReLU, and the mean of each map. [n, h, w, c] -> [n, classes].

        `to_maps` is applied before the convolution. There is no ReLU for "sigmoid" and "linear", which need negative
        logits.
        """
        if not self.include:
            return features
        x = to_maps(features) if to_maps else features
        x = conv(x, self.classes, 1, name="class_maps")
        if self.activation in (None, "softmax"):
            x = activate(x, "relu", "class_maps")
        return self._activated(layers.GlobalAveragePooling2D(name="logits")(x))

    def _activated(self, logits: Tensor) -> Tensor:
        if self.activation in (None, "linear"):
            return logits
        return layers.Activation(self.activation, name="probabilities")(logits)


def _pool_keeping_partial_windows(x: Tensor, kind: str, size: int, stride: int, name: str) -> Tensor:
    """Pooling in which the last window may extend over the end of the map, so that every pixel is read."""
    check_fits(x, 1, stride, 0, name)
    sizes = x.shape[1:3]
    missing = [max(0, -(-(n - size) // stride)) * stride + size - n for n in sizes]
    # Where Keras' "same" adds exactly these pixels it is the better choice: it neither compares nor averages them.
    modes = [
        "same" if gap == 1 and -(-n // stride) == (n + gap - size) // stride + 1 else "valid"
        for n, gap in zip(sizes, missing, strict=True)
    ]
    if kind == "average":
        if modes[0] == modes[1]:
            return layers.AveragePooling2D(size, stride, padding=modes[0], name=name)(x)
        x = layers.AveragePooling2D((size, 1), (stride, 1), padding=modes[0], name=f"{name}_rows")(x)
        return layers.AveragePooling2D((1, size), (1, stride), padding=modes[1], name=name)(x)
    if modes == ["same", "same"] or not any(missing):
        return layers.MaxPooling2D(size, stride, padding=modes[0], name=name)(x)
    x = layers.ZeroPadding2D(((0, missing[0]), (0, missing[1])), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(size, stride, name=name)(x)
