"""What learns: the network, its optimizer and the average of its weights, and the arithmetic of one step.

Written with Keras' operations alone; how gradients are found and steps are compiled is up to the engine of the backend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..environment import keras, ops
from ..errors import InputError
from ..models.blocks import set_name
from .distillation import Distillation
from .muon import Muon, convolution_kernels
from .recipe import Recipe
from .schedules import WarmupDecay

#: The optimizers that let kernels decay beside their update.
DECOUPLED = ("adamw", "muon")


class TrainState:
    """Network, optimizer and average of the weights, and the arithmetic of one step.

    Args:
        recipe: loss, optimizer, schedule and average.
        model: from raw pixels to probabilities, with a layer "logits".
        steps: of the whole schedule.
        rate: peak of the learning rate, instead of the recipe's.
        teachers: that the network learns from beside the labels.
        class_weights: how much the pictures of each class count in the loss of the labels, [classes]; None for as much.

    Attributes:
        network: from raw pixels to logits.
        trained: the variables that gradients change.
        buffers: all other variables of the network: statistics, and the weights of layers that do not learn.
        fixed: the variables of the teachers, which are no part of the state.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: keras.Model,
        steps: int,
        *,
        rate: float | None = None,
        teachers: Distillation | None = None,
        class_weights: NDArray[np.float32] | None = None,
    ) -> None:
        self.recipe, self.steps, self.teachers = recipe, steps, teachers
        self.class_weights = class_weights
        self.fixed = teachers.variables if teachers else []
        # Without the softmax: cross-entropy of logits is exact where softmax saturates.
        self.network = self._resized = keras.Model(model.input, model.get_layer("logits").output)
        self.trained = self.network.trainable_variables
        self.buffers = [v for v in self.network.variables if not any(v is t for t in self.trained)]
        norms = (
            layer for layer in self.network._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
        )
        self._of_norms = {id(variable) for layer in norms for variable in layer.trainable_variables}
        self.optimizer = self._optimizer(rate or recipe.optimizer.learning_rate)
        self.optimizer.build(self.trained)
        self.average: list[keras.Variable] = []
        if recipe.average.kind != "none":
            self.average = [keras.Variable(v, trainable=False, name=f"average_{i}") for i, v in enumerate(self.trained)]

    def _optimizer(self, peak: float) -> keras.optimizers.Optimizer:
        settings = self.recipe.optimizer
        rate = WarmupDecay(peak, self.steps, self.recipe.schedule)
        if settings.name == "sgd":
            return keras.optimizers.SGD(rate, momentum=settings.momentum, nesterov=settings.nesterov)
        if settings.name in DECOUPLED:
            decay, momentum = settings.weight_decay, settings.momentum
            kernels = convolution_kernels(self.network) if settings.name == "muon" else []
            if settings.name == "muon":
                # Where only the classifier learns, the rate is meant for it.
                others = settings.sgd_rate if kernels else 1.0
                optimizer = Muon(
                    rate,
                    kernels,
                    others,
                    settings.kernel_momentum,
                    unit_filters=settings.unit_filters,
                    momentum=momentum,
                    nesterov=settings.nesterov,
                    weight_decay=decay,
                )
            else:
                optimizer = keras.optimizers.AdamW(rate, weight_decay=decay, beta_1=momentum)
            scaled = {id(kernel) for kernel in kernels} if settings.unit_filters else set()
            whole = [v for v in self.trained if len(v.shape) < 2 or id(v) in scaled]
            optimizer.exclude_from_weight_decay(var_list=whole)
            return optimizer
        if settings.name == "rmsprop":
            return keras.optimizers.RMSprop(rate, momentum=settings.momentum)
        return keras.optimizers.Adam(rate, beta_1=settings.momentum)

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """The whole state, under names that are the same each time: kind, place, and the path for people."""
        kinds = {"model": self.network.variables, "optimizer": self.optimizer.variables, "average": self.average}
        # Keras numbers the optimizers of a process (sgd, sgd_1), so that name is left out.
        own = f"{self.optimizer.name}/"
        return {
            f"{kind}/{place:04d}/{variable.path.removeprefix(own)}": variable
            for kind, variables in kinds.items()
            for place, variable in enumerate(variables)
        }

    def set_image_size(self, size: int) -> None:
        """Learn from pictures `size` pixels high from now on; 0: as high as they are. See `smaller`."""
        self._resized = smaller(self.network, size) if size else self.network

    def forward(self, images: Any, labels: Any, shares: Any = None, views: Any = None) -> tuple[Any, Any]:
        """The loss in nats, and how many of a batch are right. Both scalar float32.

        The loss is the cross-entropy with the labels, in which each class has its weight where there are weights; where
        there are teachers, its weighted mean with theirs. Where pictures are mixed, `shares` [n] is how much each label
        counts; the rest is the label at the same place from the end, and right is who finds the one that counts more.
        Without shares the pictures are as they were. Where the teachers were asked beforehand, `views` [n] says in
        which row of what they said each picture is.
        """
        images = seen = ops.cast(images, "float32")
        if self._resized is not self.network:
            seen = ops.image.resize(images, self._resized.input_shape[1:3], antialias=True)
        logits = ops.cast(self._resized(seen, training=True), "float32")
        classes, smoothing = logits.shape[-1], self.recipe.label_smoothing
        labels = ops.cast(labels, "int32")
        wanted = ops.one_hot(labels, classes, dtype="float32") * (1 - smoothing) + smoothing / classes
        counts = None if self.class_weights is None else ops.take(ops.convert_to_tensor(self.class_weights), labels)
        if self.recipe.augmentation.mixes and shares is not None:
            share = ops.expand_dims(shares, -1)
            wanted = share * wanted + (1 - share) * ops.flip(wanted, axis=0)
            if counts is not None:
                counts = shares * counts + (1 - shares) * ops.flip(counts, axis=0)
            labels = ops.where(ops.less(shares, 0.5), ops.flip(labels, axis=0), labels)
        right = ops.sum(ops.cast(ops.equal(ops.argmax(logits, axis=-1), labels), "float32"))
        losses = ops.categorical_crossentropy(wanted, logits, from_logits=True)
        loss = ops.mean(losses if counts is None else counts * losses)
        if self.teachers is not None:
            share = self.teachers.weight
            loss = (1 - share) * loss + share * self.teachers.loss(images, logits, views)
        return loss, right

    def update(self, gradients: Sequence[Any]) -> None:
        """Apply the gradients of `trained`: penalty, optimizer, average."""
        settings = self.recipe.optimizer
        changed = []
        for gradient, variable in zip(gradients, self.trained, strict=True):
            if len(variable.shape) > 1:
                if settings.weight_decay and settings.name not in DECOUPLED:
                    gradient = gradient + settings.weight_decay * variable.value
            elif settings.norm_rate != 1 and id(variable) in self._of_norms:
                gradient = gradient * settings.norm_rate
            changed.append(gradient)
        self.optimizer.apply(changed, self.trained)
        if self.average:
            self._update_average()

    def _update_average(self) -> None:
        settings = self.recipe.average
        done = ops.cast(self.optimizer.iterations.value, "float32")
        decay = settings.decay**settings.every
        if settings.kind == "lookahead":
            keep = decay * (done / self.steps) ** 3
        else:
            keep = ops.minimum(decay, (1 + done) / (10 + done))
        now = ops.equal(ops.cast(done, "int32") % settings.every, 0)
        for average, variable in zip(self.average, self.trained, strict=True):
            new = ops.where(now, average.value + (1 - keep) * (variable.value - average.value), average.value)
            average.assign(new)
            if settings.kind == "lookahead":
                variable.assign(ops.where(now, new, variable.value))

    def use_average(self) -> None:
        """Make the average the weights, at the end of training; without an average nothing changes."""
        for average, variable in zip(self.average, self.trained, strict=bool(self.average)):
            variable.assign(average.value)


def smaller(model: keras.Model, size: int) -> keras.Model:
    """The same layers, with the same weights, over pictures `size` pixels high and wide in proportion.

    Raises:
        InputError: the model's own pictures are no higher, or it takes one size only.
    """
    height, width, channels = model.input_shape[1:]
    if size >= height:
        raise InputError(f"low_resolution.size is {size}, and the pictures are {height} pixels high; give less.")
    image = keras.Input((size, max(1, round(size * width / height)), channels))
    try:
        return keras.models.clone_model(model, image, clone_function=lambda layer: layer, call_function=_called)
    except ValueError:
        raise InputError(
            f"low_resolution.size is {size}, and {model.name} does not take pictures of that height: they are too "
            "small for it, or it does not pool over the whole picture before it classifies; choose another size, or 0."
        ) from None


def _called(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation of a network, on maps of another size.

    Only a channel shuffle depends on the size: it reshapes [batch, height, width, channels] to more axes and back, and
    such a reshape keeps the height and width of the network that it was made for.
    """
    if type(operation).__name__ == "Reshape" and not isinstance(operation, keras.layers.Layer):
        before, target = operation._inbound_nodes[0].input_tensors[0].shape, tuple(operation.newshape)
        if len(before) > 3 and target[1:3] == before[1:3]:
            maps = args[0]
            return set_name(ops.reshape(maps, (target[0], *maps.shape[1:3], *target[3:])), operation.name)
    return operation(*args, **kwargs)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made inside compute in "float32" or "bfloat16"; their weights are float32 either way."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_ends_exact(model: keras.Model) -> None:
    """Normalize pixels and score classes in float32, whatever the layers between compute in."""
    for layer in model.layers:
        if layer.name in ("normalization", "logits"):
            layer.dtype_policy = keras.DTypePolicy("float32")
