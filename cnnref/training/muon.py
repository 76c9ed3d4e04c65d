"""Muon: the update of a convolution's kernel is made orthogonal, so that it changes all directions alike.

Jordan et al.: Muon, an optimizer for hidden layers in neural networks, 2024, https://kellerjordan.github.io/posts/muon/.
`keras.optimizers.Muon` is for matrices alone: it leaves the kernels of convolutions, which have four axes, to AdamW.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..convert.matching import CLASSIFIERS
from ..environment import keras, ops

#: Of the quintic polynomial that is applied to the singular values again and again, and how often.
COEFFICIENTS, STEPS = (3.4445, -4.7750, 2.0315), 5


def newton_schulz(matrix: Any) -> Any:
    """The orthogonal matrix nearest to a matrix, roughly: its singular vectors, with singular values from 0.7 to 1.2.

    A singular value below about a thousandth of the Frobenius norm does not grow so far. Computed in float32, so that
    all backends agree.

    Args:
        matrix: float32 [rows, columns].
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    found = ops.transpose(matrix) if tall else matrix  # the smaller of both squares is computed with
    found = found / (ops.sqrt(ops.sum(ops.square(found))) + 1e-7)
    for _ in range(STEPS):
        square = ops.matmul(found, ops.transpose(found))
        found = a * found + ops.matmul(b * square + c * ops.matmul(square, square), found)
    return ops.transpose(found) if tall else found


def orthogonal_update(kernel: Any) -> Any:
    """What Muon makes of the gradient of a convolution's kernel.

    As a matrix [filters, height * width * channels] it is made orthogonal, and scaled by the square root of its rows
    divided by its columns where that is above 1, as the authors' program does.

    Args:
        kernel: float32 [height, width, channels, filters].
    """
    filters = kernel.shape[-1]
    matrix = ops.reshape(kernel, (-1, filters))  # transposed, of which the orthogonal matrix is the transposed one
    scale = max(1.0, filters / matrix.shape[0]) ** 0.5
    return ops.reshape(scale * newton_schulz(matrix), kernel.shape)


def convolution_kernels(network: keras.Model) -> list[keras.Variable]:
    """The kernels that Muon is for: of convolutions, but not of a classifier, and not where each channel is its own."""
    return [
        layer.kernel
        for layer in network._flatten_layers()
        if isinstance(layer, keras.layers.Conv2D) and layer.name not in CLASSIFIERS and layer.trainable
    ]


class Muon(keras.optimizers.SGD):  # type: ignore[misc, unused-ignore]
    """Muon for some kernels, and stochastic gradient descent with the same momentum for everything else.

    Args:
        learning_rate: of these kernels.
        kernels: of convolutions; see `convolution_kernels`.
        sgd_rate: the learning rate of everything else, relative to that of these kernels.
        kernel_momentum: of these kernels.
        unit_filters: scale each of these kernels before its step, so that the mean square of the norms of its filters
            is 1; it then does not decay. Where batch normalization follows, the scale changes nothing but how far a
            step turns the kernel (as airbench94_muon.py does, https://github.com/KellerJordan/cifar10-airbench).
        **settings: `momentum`, `nesterov` and `weight_decay`, as `keras.optimizers.SGD` has them.
    """

    def __init__(
        self,
        learning_rate: Any,
        kernels: Sequence[keras.Variable],
        sgd_rate: float,
        kernel_momentum: float,
        *,
        unit_filters: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(learning_rate, **settings)
        self._kernels, self._sgd_rate = tuple(kernels), sgd_rate
        self._kernel_momentum, self._unit_filters = kernel_momentum, unit_filters
        self._places: frozenset[int] = frozenset()

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the averages of the gradients."""
        super().build(variables)
        if self._kernel_momentum and not self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")
        # By place, since TensorFlow's update is handed its own variables and not those of Keras.
        self._places = frozenset(self._get_variable_index(kernel) for kernel in self._kernels)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable."""
        place = self._get_variable_index(variable)
        if place not in self._places:
            super().update_step(gradient, variable, self._sgd_rate * learning_rate)
            return
        if momentum := self._kernel_momentum:
            average = self.momentums[place]
            self.assign(average, momentum * average + gradient)
            gradient = gradient + momentum * average if self.nesterov else average
        if self._unit_filters:
            kernel = ops.convert_to_tensor(variable)
            self.assign(variable, kernel * (kernel.shape[-1] ** 0.5 / ops.sqrt(ops.sum(ops.square(kernel)))))
        self.assign_sub(variable, learning_rate * orthogonal_update(ops.convert_to_tensor(gradient)))
