"""Classifiers from the first chapters: MNIST and CIFAR, sequential or functional, and the blocks of known papers."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import DIVIDED, user_network


@user_network(options=DIVIDED)
def mnist_sequential() -> Any:
    """The first convolutional network of keras.io's examples."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(16, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


@user_network(options=DIVIDED)
def mnist_dense_only() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )


@user_network(options=DIVIDED)
def mnist_without_channels() -> Any:
    """Pictures with an axis added by the network's first layer, as in a textbook; the export wants the axis itself."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Reshape((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(4, 5, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


@user_network()
def cifar_sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            layers.Dense(10, activation="softmax"),
        ]
    )


@user_network()
def cifar_logits() -> Any:
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(8, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.AveragePooling2D(3, strides=2, padding="same"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )


@user_network()
def cats_or_dogs() -> Any:
    """A single sigmoid that tells two classes apart."""
    return keras.Sequential(
        [
            keras.Input((40, 40, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@user_network()
def several_tags() -> Any:
    """Several labels a picture, each with a sigmoid."""
    image = keras.Input((24, 30, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.SeparableConv2D(8, 3, activation="relu", padding="same", depth_multiplier=2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(6, activation="sigmoid", name="tags")(x))


@user_network()
def mini_xception() -> Any:
    """The network of keras.io's 'Image classification from scratch', narrow."""
    image = keras.Input((48, 48, 3))
    x = layers.Rescaling(1.0 / 255)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    previous = x
    for size in (8, 12):
        x = layers.Activation("relu")(x)
        x = layers.BatchNormalization()(layers.SeparableConv2D(size, 3, padding="same")(x))
        x = layers.Activation("relu")(x)
        x = layers.BatchNormalization()(layers.SeparableConv2D(size, 3, padding="same")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, layers.Conv2D(size, 1, strides=2, padding="same")(previous)])
        previous = x
    x = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(1, activation=None)(x))


@user_network()
def residual_with_functions() -> Any:
    def block(x: Any, filters: int, strides: int) -> Any:
        shortcut = layers.Conv2D(filters, 1, strides=strides)(x) if strides > 1 else x
        y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        y = layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
        return layers.ReLU()(layers.Add()([shortcut, y]))

    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 7, strides=2, padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = block(block(x, 8, 1), 12, 2)
    return keras.Model(image, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@user_network()
def inception_block() -> Any:
    image = keras.Input((28, 28, 3))
    x = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    towers = [
        layers.Conv2D(4, 1, padding="same", activation="relu")(x),
        layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Conv2D(2, 1, activation="relu")(x)),
        layers.Conv2D(4, (1, 5), padding="same", activation="relu")(layers.Conv2D(2, (5, 1), padding="same")(x)),
        layers.Conv2D(4, 1, activation="relu")(layers.MaxPooling2D(3, strides=1, padding="same")(x)),
        layers.AveragePooling2D(3, strides=1, padding="same")(x),
    ]
    x = layers.concatenate(towers, axis=-1)
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


@user_network()
def dense_block() -> Any:
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(6, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    for _ in range(3):
        y = layers.Activation("relu")(layers.BatchNormalization()(x))
        y = layers.SpatialDropout2D(0.1)(layers.Conv2D(4, 3, padding="same", use_bias=False)(y))
        x = layers.Concatenate()([x, y])
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@user_network()
def dilated_and_grouped() -> Any:
    image = keras.Input((33, 29, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(8, 3, groups=4, activation="relu")(x)
    x = layers.Conv2D(8, (5, 3), strides=(3, 3), padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2, padding="same")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


@user_network()
def odd_strides() -> Any:
    """Even kernels, strides larger than the kernel, and windows that do not divide the picture."""
    image = keras.Input((31, 37, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(6, 4, strides=3, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(2, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2, strides=3, padding="same")(x)
    x = layers.Conv2D(6, 1, strides=2, padding="valid")(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@user_network()
def noise_and_dropouts() -> Any:
    image = keras.Input((20, 20, 3))
    x = layers.GaussianNoise(0.1)(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(6, 3, activation="relu")(x)
    x = layers.GaussianDropout(0.1)(layers.SpatialDropout2D(0.2)(x))
    x = layers.Conv2D(6, 3, activation="selu")(layers.AlphaDropout(0.1)(x))
    x = layers.ActivityRegularization(l2=1e-3)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))


@user_network()
def all_convolutional() -> Any:
    """Classes as maps that are averaged, with a softmax of its own at the end."""
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 3, strides=2, activation="relu", padding="same")(x)
    x = layers.Conv2D(10, 1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Softmax()(x))


@user_network()
def pooled_with_keepdims() -> Any:
    image = keras.Input((18, 22, 3))
    x = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    mean, top = layers.GlobalAveragePooling2D(keepdims=True)(x), layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Conv2D(5, 1)(layers.Concatenate()([mean, top]))
    return keras.Model(image, layers.Softmax()(layers.Flatten()(x)))


@user_network()
def age_of_a_face() -> Any:
    """Regression: one number without an activation."""
    image = keras.Input((36, 28, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="elu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(1, name="age")(x))


@user_network()
def keypoints() -> Any:
    """Regression: four points, each with x and y, as an output of two axes."""
    image = keras.Input((32, 32, 1))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(8)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Reshape((4, 2), name="points")(x))


@user_network()
def mobile_blocks() -> Any:
    """Inverted bottlenecks with ReLU6 and hard-swish."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.ReLU(max_value=6.0)(layers.BatchNormalization()(x))
    for activation in ("relu6", "hard_swish"):
        y = layers.Conv2D(16, 1, use_bias=False)(x)
        y = layers.Activation(activation)(layers.BatchNormalization()(y))
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
        y = layers.Activation(activation)(layers.BatchNormalization()(y))
        x = layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(y))])
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
