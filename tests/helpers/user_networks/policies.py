"""Dtype policies other than float32: mixed precision, half precision, and quantized layers."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network

#: bfloat16 rounds to 8 bits, so that probabilities of the same weights differ by about 1 %; float16 has 11 bits.
OF_BFLOAT16, OF_FLOAT16, OF_INT8 = 0.05, 0.01, 0.05


def classifier(policy: str, *, last: str = "float32") -> Any:
    image = keras.Input((24, 20, 3))
    x = layers.Rescaling(1 / 255, dtype=policy)(image)
    for filters in (6, 8):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, dtype=policy)(x)
        x = layers.ReLU(dtype=policy)(layers.BatchNormalization(dtype=policy)(x))
        x = layers.MaxPooling2D(dtype=policy)(x)
    x = layers.Dense(5, dtype=policy)(layers.GlobalAveragePooling2D(dtype=policy)(x))
    return keras.Model(image, layers.Activation("softmax", dtype=last, name="predictions")(x))


@user_network(tolerance=OF_FLOAT16)
def mixed_float16() -> Any:
    """The mixed-precision guide: the last activation in float32."""
    return classifier("mixed_float16")


@user_network(tolerance=OF_BFLOAT16)
def mixed_bfloat16() -> Any:
    return classifier("mixed_bfloat16")


@user_network(tolerance=OF_FLOAT16)
def mixed_float16_to_the_end() -> Any:
    """The last layer forgotten: the output is float16."""
    return classifier("mixed_float16", last="mixed_float16")


@user_network(tolerance=OF_BFLOAT16)
def mixed_bfloat16_to_the_end() -> Any:
    return classifier("mixed_bfloat16", last="mixed_bfloat16")


@user_network(tolerance=OF_FLOAT16)
def whole_float16() -> Any:
    return classifier("float16", last="float16")


@user_network(tolerance=OF_FLOAT16)
def mixed_transformer() -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 4, strides=4, dtype="mixed_float16")(layers.Rescaling(1 / 255)(image))
    x = layers.Reshape((16, 8), dtype="mixed_float16")(x)
    x = layers.LayerNormalization(dtype="mixed_float16")(x)
    x = layers.MultiHeadAttention(num_heads=2, key_dim=4, dtype="mixed_float16")(x, x)
    x = layers.GlobalAveragePooling1D(dtype="mixed_float16")(x)
    return keras.Model(image, layers.Dense(3, dtype="float32")(x))


@user_network(tolerance=OF_INT8)
def quantized_dense() -> Any:
    """A model after `quantize("int8")`: its dense layers compute in integers."""
    image = keras.Input((16, 12, 3))
    x = layers.Conv2D(6, 3, activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(4, activation="softmax")(x))
    model.quantize("int8")
    return model
