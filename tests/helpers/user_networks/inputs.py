"""Inputs of every kind: channels, types, fixed and open sizes, containers, names."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network


def classifier(image: Any, x: Any = None, **more: Any) -> Any:
    x = layers.Conv2D(6, 3, activation="relu")(image if x is None else x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)), **more)


@user_network()
def two_channels() -> Any:
    image = keras.Input((16, 12, 2))
    return classifier(image, layers.Rescaling(1 / 255)(image))


@user_network()
def four_channels() -> Any:
    """RGBA, or RGB and near infrared."""
    image = keras.Input((16, 12, 4))
    return classifier(image, layers.Rescaling([1 / 255, 1 / 128, 1 / 64, 1 / 32])(image))


@user_network()
def six_channels() -> Any:
    """Two pictures behind each other."""
    image = keras.Input((16, 12, 6))
    return classifier(image, layers.BatchNormalization()(image))


@user_network()
def bytes_as_input() -> Any:
    image = keras.Input((16, 12, 3), dtype="uint8")
    return classifier(image, layers.Rescaling(1 / 255)(image))


@user_network()
def bytes_cast_inside() -> Any:
    image = keras.Input((16, 12, 3), dtype="uint8")
    return classifier(image, keras.ops.cast(image, "float32") / 255.0)


@user_network()
def fixed_batch() -> Any:
    image = keras.Input(batch_shape=(4, 16, 12, 3))
    return classifier(image, layers.Rescaling(1 / 255)(image))


@user_network()
def fixed_batch_of_one() -> Any:
    image = keras.Input(batch_shape=(1, 16, 12, 3))
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(4)(x))


@user_network(options={"image_size": (20, 24)})
def open_height_and_width() -> Any:
    image = keras.Input((None, None, 3))
    return classifier(image, layers.Rescaling(1 / 255)(image))


@user_network(options={"image_size": (24, 16)})
def open_segmentation() -> Any:
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.MaxPooling2D(2)(x))
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


@user_network()
def dictionary_of_one() -> Any:
    image = keras.Input((16, 12, 3), name="photo")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image)))
    return keras.Model({"photo": image}, {"label": layers.Dense(3, activation="softmax")(x)})


@user_network()
def list_of_one() -> Any:
    image = keras.Input((16, 12, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image)))
    return keras.Model([image], [layers.Dense(3, activation="softmax")(x)])


@user_network()
def names_with_spaces() -> Any:
    image = keras.Input((16, 12, 3), name="my image")
    x = layers.Rescaling(1 / 255, name="pixels by 255")(image)
    x = layers.Conv2D(4, 3, name="first conv (3x3)")(x)
    x = layers.BatchNormalization(name="norm: 1")(x)
    x = layers.Dense(3, activation="softmax", name="class scores")(layers.Flatten(name="flat;")(x))
    return keras.Model(image, x, name="my first network")


@user_network()
def names_in_other_alphabets() -> Any:
    image = keras.Input((16, 12, 3), name="Bild")
    x = layers.Conv2D(4, 3, name="größe", activation="relu")(layers.Rescaling(1 / 255, name="前処理")(image))
    x = layers.Dense(3, activation="softmax", name="класс")(layers.GlobalAveragePooling2D(name="среднее")(x))
    return keras.Model(image, x, name="Übung")


@user_network()
def names_of_the_contract() -> Any:
    """A user's layers that are named as the contract names its ends, the wrong way round."""
    image = keras.Input((16, 12, 3), name="probabilities")
    x = layers.Conv2D(4, 3, name="image")(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="output")(layers.Flatten()(x)))


@user_network(refused="2 inputs")
def two_pictures() -> Any:
    first, second = keras.Input((12, 12, 3)), keras.Input((12, 12, 3))
    shared = layers.Conv2D(4, 3)
    x = layers.Concatenate()([layers.Flatten()(shared(first)), layers.Flatten()(shared(second))])
    return keras.Model([first, second], layers.Dense(1)(x))


@user_network(refused="not an image")
def series() -> Any:
    given = keras.Input((24, 3))
    x = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 3, activation="relu")(given))
    return keras.Model(given, layers.Dense(2)(x))


@user_network(refused="not an image")
def volume() -> Any:
    given = keras.Input((8, 8, 8, 1))
    x = layers.GlobalAveragePooling3D()(layers.Conv3D(4, 3, activation="relu")(given))
    return keras.Model(given, layers.Dense(2)(x))


@user_network(refused="channels first")
def channels_first() -> Any:
    image = keras.Input((3, 16, 12))
    x = layers.Conv2D(4, 3, data_format="channels_first")(image)
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
