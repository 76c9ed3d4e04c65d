"""Layers that join several values, and layers that turn shapes."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network


def branches(count: int = 3) -> tuple[Any, list[Any]]:
    image = keras.Input((12, 10, 3))
    x = layers.Rescaling(1 / 255)(image)
    return image, [layers.Conv2D(4, 3, padding="same")(x) for _ in range(count)]


def classified(image: Any, x: Any) -> Any:
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@user_network()
def average_maximum_minimum() -> Any:
    image, parts = branches()
    x = layers.Maximum()([layers.Average()(parts), parts[0]])
    return classified(image, layers.Minimum()([x, parts[1]]))


@user_network()
def subtract_and_multiply() -> Any:
    image, (a, b, c) = branches()
    return classified(image, layers.Multiply()([layers.Subtract()([a, b]), c]))


@user_network()
def lower_case_merges() -> Any:
    image, (a, b, c) = branches()
    x = layers.average([layers.maximum([a, b]), layers.subtract([b, c])])
    return classified(image, layers.concatenate([x, layers.multiply([a, c])], axis=1))


@user_network()
def concatenate_over_axes() -> Any:
    image, (a, b, c) = branches()
    x = layers.Concatenate(axis=1)([a, b])
    x = layers.Concatenate(axis=2)([x, layers.Concatenate(axis=1)([c, a])])
    return classified(image, layers.Concatenate(axis=-1)([x, x]))


@user_network()
def dot_of_features() -> Any:
    """Two vectors compared, with and without lengths."""
    image, (a, b, _) = branches()
    a, b = layers.Dense(6)(layers.GlobalAveragePooling2D()(a)), layers.Dense(6)(layers.GlobalMaxPooling2D()(b))
    x = layers.Concatenate()([layers.Dot(axes=1)([a, b]), layers.Dot(axes=1, normalize=True)([a, b])])
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


@user_network()
def bilinear_pooling() -> Any:
    """Products of all pairs of channels, summed over the places."""
    image, (a, b, _) = branches()
    x = layers.Dot(axes=1)([layers.Reshape((120, 4))(a), layers.Reshape((120, 4))(b)])
    return classified(image, layers.Rescaling(1 / 120)(x))


@user_network()
def broadcast_add() -> Any:
    """Maps and a vector of one place, added and multiplied."""
    image, (a, b, c) = branches()
    x = layers.Add()([a, layers.GlobalAveragePooling2D(keepdims=True)(b)])
    return classified(image, layers.Multiply()([x, layers.Conv2D(1, 1, activation="sigmoid")(c)]))


@user_network()
def permuted_and_repeated() -> Any:
    image, (a, *_) = branches(1)
    x = layers.Permute((3, 1, 2))(a)
    x = layers.Reshape((4, 120))(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.RepeatVector(5)(layers.Dense(6, activation="relu")(x))
    return classified(image, x)


@user_network()
def one_dimension_inside() -> Any:
    """Rows as a sequence: convolution and pooling of one dimension."""
    image, (a, *_) = branches(1)
    x = layers.Reshape((12, 40))(a)
    x = layers.MaxPooling1D(2)(layers.Conv1D(8, 3, activation="relu", padding="same")(x))
    x = layers.ZeroPadding1D(1)(layers.UpSampling1D(2)(x))
    return keras.Model(image, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


@user_network()
def layer_used_twice() -> Any:
    image, (a, b, _) = branches()
    shared, norm = layers.Conv2D(4, 3, padding="same", activation="relu"), layers.BatchNormalization()
    x = layers.Add()([norm(shared(a)), norm(shared(b)), shared(shared(a))])
    return classified(image, x)


@user_network()
def model_used_twice() -> Any:
    """A Siamese network on the two halves of a picture."""
    given = keras.Input((12, 6, 3))
    x = layers.Conv2D(4, 3, activation="relu")(given)
    tower = keras.Model(given, layers.Dense(5)(layers.Flatten()(x)), name="tower")
    image = keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 255)(image)
    left, right = layers.Cropping2D(((0, 0), (0, 6)))(x), layers.Cropping2D(((0, 0), (6, 0)))(x)
    distance = keras.ops.abs(layers.Subtract()([tower(left), tower(right)]))
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(distance))


@user_network()
def time_distributed_patches() -> Any:
    """The same dense and convolutional layers on each of four strips."""
    image = keras.Input((16, 12, 3))
    x = layers.Reshape((4, 4, 12, 3))(layers.Rescaling(1 / 255)(image))
    x = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.TimeDistributed(layers.Dense(5))(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
