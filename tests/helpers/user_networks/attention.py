"""Attention: of channels, of places, and of patches."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network

ops = keras.ops


def stem(filters: int = 8, shape: tuple[int, int, int] = (24, 20, 3)) -> tuple[Any, Any]:
    image = keras.Input(shape)
    return image, layers.Conv2D(filters, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))


def classified(image: Any, x: Any) -> Any:
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


@user_network()
def squeeze_and_excitation() -> Any:
    image, x = stem()
    scale = layers.Dense(2, activation="relu")(layers.GlobalAveragePooling2D()(x))
    scale = layers.Reshape((1, 1, 8))(layers.Dense(8, activation="sigmoid")(scale))
    return classified(image, layers.Multiply()([x, scale]))


@user_network()
def squeeze_with_convolutions() -> Any:
    image, x = stem()
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    scale = layers.Conv2D(8, 1, activation="hard_sigmoid")(layers.Conv2D(2, 1, activation="swish")(scale))
    return classified(image, x * scale)


@user_network()
def convolutional_block_attention() -> Any:
    """CBAM (Woo et al., 2018): shared dense layers, then mean and maximum over the channels."""
    image, x = stem()
    first, second = layers.Dense(2, activation="relu"), layers.Dense(8)
    mean = second(first(layers.GlobalAveragePooling2D()(x)))
    top = second(first(layers.GlobalMaxPooling2D()(x)))
    scale = layers.Reshape((1, 1, 8))(layers.Activation("sigmoid")(layers.Add()([mean, top])))
    x = layers.Multiply()([x, scale])
    both = layers.Concatenate()([ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)])
    place = layers.Conv2D(1, 7, padding="same", activation="sigmoid", use_bias=False)(both)
    return classified(image, layers.Multiply()([x, place]))


@user_network()
def efficient_channel_attention() -> Any:
    """ECA (Wang et al., 2020): a one-dimensional convolution over the channels."""
    image, x = stem()
    scale = layers.Reshape((8, 1))(layers.GlobalAveragePooling2D()(x))
    scale = layers.Conv1D(1, 3, padding="same", use_bias=False)(scale)
    scale = layers.Reshape((1, 1, 8))(layers.Activation("sigmoid")(scale))
    return classified(image, layers.Multiply()([x, scale]))


@user_network()
def attention_gate() -> Any:
    """The gate of an Attention U-Net (Oktay et al., 2018)."""
    image, x = stem(8, (32, 32, 3))
    deep = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    gate = layers.Add()([layers.Conv2D(4, 2, strides=2, padding="same")(x), layers.Conv2D(4, 1)(deep)])
    gate = layers.Conv2D(1, 1, activation="sigmoid")(layers.Activation("relu")(gate))
    gate = layers.Cropping2D(((0, 1), (0, 1)))(layers.UpSampling2D(2)(gate))
    return classified(image, layers.Multiply()([x, gate]))


@user_network()
def self_attention_over_places() -> Any:
    """Scaled dot products written with keras.ops, as in a non-local block."""
    image, x = stem(8, (20, 20, 3))
    places = layers.Reshape((81, 8))(x)
    query, key, value = (layers.Dense(4)(places) for _ in range(3))
    weights = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))) / 2.0, axis=-1)
    y = layers.Dense(8)(ops.matmul(weights, value))
    return classified(image, layers.Add()([x, layers.Reshape((9, 9, 8))(y)]))


@user_network()
def attention_layers() -> Any:
    """keras.layers.Attention and AdditiveAttention over the rows of places."""
    image, x = stem(6, (12, 12, 3))
    places = layers.Reshape((25, 6))(x)
    x = layers.Attention(use_scale=True)([places, places])
    y = layers.AdditiveAttention()([places, x])
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(y)))


@user_network()
def vision_transformer() -> Any:
    """Patches from a convolution, two encoder blocks, and a mean over the patches."""
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 8, strides=8, name="patches")(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.Reshape((16, 16))(x)
    for _ in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([layers.MultiHeadAttention(num_heads=2, key_dim=8, dropout=0.1)(y, y), x])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add()([layers.Dense(16)(layers.Dropout(0.1)(y)), x])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(image, layers.Dense(5)(x))


@user_network()
def transformer_on_features() -> Any:
    """A convolutional stem, one block of grouped-query attention, and a flattened head."""
    image, x = stem(8, (20, 20, 3))
    x = layers.Reshape((-1, 8))(x)
    x = layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x)
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


@user_network()
def mlp_mixer() -> Any:
    """keras.io's MLP-Mixer: Permute between two dense blocks."""
    image = keras.Input((16, 16, 3))
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(layers.Rescaling(1 / 255)(image)))
    y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
    y = layers.Permute((2, 1))(layers.Dense(16)(layers.Dense(8, activation="gelu")(y)))
    x = layers.Add()([x, y])
    x = layers.Add()([x, layers.Dense(8)(layers.Dense(16, activation="gelu")(layers.LayerNormalization()(x)))])
    return keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


@user_network()
def conv_mixer() -> Any:
    """keras.io's ConvMixer: GELU, batch normalization, depthwise and pointwise convolutions."""
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 2, strides=2)(layers.Rescaling(1 / 255)(image))
    x = layers.BatchNormalization()(layers.Activation("gelu")(x))
    for _ in range(2):
        y = layers.BatchNormalization()(layers.Activation("gelu")(layers.DepthwiseConv2D(5, padding="same")(x)))
        y = layers.Conv2D(8, 1)(layers.Add()([y, x]))
        x = layers.BatchNormalization()(layers.Activation("gelu")(y))
    return classified(image, x)


@user_network()
def rows_through_a_recurrent_layer() -> Any:
    """Text recognition: columns of features through a bidirectional recurrent layer, a softmax a column."""
    image = keras.Input((16, 24, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.Permute((2, 1, 3))(layers.MaxPooling2D(2)(x))
    x = layers.Reshape((12, 32))(x)
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(x)
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))
