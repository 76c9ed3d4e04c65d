"""Networks whose outputs are maps, or several: segmentation, autoencoders, heads beside each other."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network


@user_network()
def unet_of_the_pets() -> Any:
    """keras.io's 'Image segmentation with a U-Net-like architecture', narrow."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    previous = x
    for filters in (8, 12):
        x = layers.SeparableConv2D(filters, 3, padding="same")(layers.Activation("relu")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.BatchNormalization()(x))
        previous = layers.Conv2D(filters, 1, strides=2, padding="same")(previous)
        x = previous = layers.add([x, previous])
    for filters in (12, 8, 6):
        x = layers.Conv2DTranspose(filters, 3, padding="same")(layers.Activation("relu")(x))
        x = layers.UpSampling2D(2)(layers.BatchNormalization()(x))
        previous = layers.Conv2D(filters, 1, padding="same")(layers.UpSampling2D(2)(previous))
        x = previous = layers.add([x, previous])
    return keras.Model(image, layers.Conv2D(3, 3, activation="softmax", padding="same")(x))


@user_network()
def unet_with_skips() -> Any:
    """Transposed convolutions of stride 2 and concatenated skips; a mask of one sigmoid."""

    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, activation="relu", padding="same", kernel_initializer="he_normal")(x)
        return x

    image = keras.Input((32, 48, 3))
    first = twice(layers.Rescaling(1 / 255)(image), 4)
    second = twice(layers.MaxPooling2D()(first), 8)
    x = twice(layers.Dropout(0.1)(layers.MaxPooling2D()(second)), 12)
    x = twice(layers.concatenate([layers.Conv2DTranspose(8, 2, strides=2, padding="same")(x), second]), 8)
    x = twice(layers.concatenate([layers.Conv2DTranspose(4, 2, strides=2, padding="same")(x), first]), 4)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x))


@user_network()
def autoencoder() -> Any:
    """keras.io's 'Convolutional autoencoder for image denoising'."""
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.MaxPooling2D(2, padding="same")(layers.Conv2D(8, 3, activation="relu", padding="same")(x))
    x = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(x)
    x = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(x)
    return keras.Model(image, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))


@user_network()
def dense_autoencoder() -> Any:
    """A vector in the middle, as in the encoder and decoder of a variational autoencoder, in two models."""
    given = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, activation="relu", strides=2, padding="same")(given)
    x = layers.Dense(4, name="code")(layers.Dense(8, activation="relu")(layers.Flatten()(x)))
    encoder = keras.Model(given, x, name="encoder")
    code = keras.Input((4,))
    x = layers.Reshape((14, 14, 2))(layers.Dense(14 * 14 * 2, activation="relu")(code))
    x = layers.Conv2DTranspose(1, 3, activation="sigmoid", strides=2, padding="same")(x)
    decoder = keras.Model(code, x, name="decoder")
    image = keras.Input((28, 28, 1))
    return keras.Model(image, decoder(encoder(layers.Rescaling(1 / 255)(image))))


@user_network()
def odd_transposes() -> Any:
    """Transposed convolutions in every shape: valid, output padding, dilation, kernels smaller than the stride."""
    image = keras.Input((9, 11, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="valid")(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1, activation="relu")(x)
    x = layers.Conv2DTranspose(4, 4, strides=3, padding="same", use_bias=False)(x)
    x = layers.Conv2DTranspose(4, (2, 3), strides=(3, 1), padding="valid")(x)
    return keras.Model(image, layers.Conv2D(2, 1)(x))


@user_network()
def super_resolution() -> Any:
    """keras.io's sub-pixel network without its Lambda: a depth-to-space from reshapes and a transpose."""
    image = keras.Input((16, 20, 1))
    x = layers.Conv2D(8, 5, activation="relu", padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.Reshape((16, 20, 2, 2))(x)
    x = layers.Permute((1, 3, 2, 4))(x)
    return keras.Model(image, layers.Reshape((32, 40, 1))(x))


@user_network()
def bilinear_decoder() -> Any:
    """DeepLab's end: dilated convolutions beside a pooled picture, enlarged bilinearly."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    pooled = layers.AveragePooling2D((16, 16))(x)
    pooled = layers.UpSampling2D((16, 16), interpolation="bilinear")(layers.Conv2D(4, 1)(pooled))
    branches = [layers.Conv2D(4, 3, dilation_rate=rate, padding="same", use_bias=False)(x) for rate in (1, 2, 4)]
    x = layers.ReLU()(layers.BatchNormalization()(layers.Concatenate()([pooled, *branches])))
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(5, 1)(x))
    return keras.Model(image, x)


@user_network()
def nearest_and_bilinear() -> Any:
    image = keras.Input((12, 10, 3))
    x = layers.Rescaling(1 / 255)(image)
    near = layers.UpSampling2D((2, 3))(x)
    smooth = layers.UpSampling2D((2, 3), interpolation="bilinear")(x)
    return keras.Model(image, layers.Conv2D(2, 3)(layers.Subtract()([near, smooth])))


@user_network()
def feature_pyramid() -> Any:
    """Three maps of different sizes as a list of outputs."""
    image = keras.Input((32, 32, 3))
    c1 = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    c2 = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(c1)
    c3 = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(c2)
    p3 = layers.Conv2D(4, 1, name="p3")(c3)
    p2 = layers.Add(name="p2")([layers.UpSampling2D()(p3), layers.Conv2D(4, 1)(c2)])
    p1 = layers.Add(name="p1")([layers.UpSampling2D()(p2), layers.Conv2D(4, 1)(c1)])
    return keras.Model(image, [p1, p2, p3])


@user_network()
def class_and_box() -> Any:
    """Object localization: a class and a box, as a dictionary."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.GlobalAveragePooling2D()(x)
    box = layers.Dense(4, activation="sigmoid", name="corners")(layers.Dense(8, activation="relu")(x))
    return keras.Model(image, {"class": layers.Dense(3, activation="softmax")(x), "box": box})


@user_network()
def age_and_gender() -> Any:
    """Two heads as a list, one without an activation."""
    image = keras.Input((28, 28, 3))
    x = layers.Conv2D(8, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Flatten()(layers.MaxPooling2D(3)(x))
    age = layers.Dense(1, name="age")(x)
    return keras.Model(image, [age, layers.Dense(2, activation="softmax", name="gender")(x)])


@user_network()
def detector_grid() -> Any:
    """YOLO's first form: a grid of boxes and classes, sigmoid on some channels and softmax on others."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=4, padding="same", activation="leaky_relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Conv2D(9, 3, strides=2, padding="same")(x)
    boxes, classes = keras.ops.sigmoid(x[..., :5]), keras.ops.softmax(x[..., 5:], axis=-1)
    return keras.Model(image, layers.Concatenate(axis=-1)([boxes, classes]))


@user_network()
def heat_maps() -> Any:
    """A softmax over the places of each map, as for keypoints."""
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 255)(image))
    x = layers.Softmax(axis=1)(layers.Reshape((256, 4))(x))
    return keras.Model(image, layers.Reshape((16, 16, 4), name="heat")(x))


@user_network()
def features_of_two_layers() -> Any:
    """A feature extractor: what two layers inside give, without a head."""
    whole = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu", name="early"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu", name="late"),
        ]
    )
    return keras.Model(whole.inputs, [whole.get_layer("early").output, whole.get_layer("late").output])


@user_network()
def embedding() -> Any:
    """A vector of length 1, as for a face or a triplet loss."""
    image = keras.Input((28, 28, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(16)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.UnitNormalization(axis=1, name="embedding")(x))
