"""Registered layers of the user's own, written with keras.ops or made of other layers."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network

ops = keras.ops
registered = keras.saving.register_keras_serializable("users")


def stem(shape: tuple[int, int, int] = (14, 12, 3), filters: int = 6) -> tuple[Any, Any]:
    image = keras.Input(shape)
    return image, layers.Conv2D(filters, 3, padding="same")(layers.Rescaling(1 / 255)(image))


def classified(image: Any, x: Any) -> Any:
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@registered
class LayerScale(layers.Layer):
    """One trainable factor a channel."""

    def __init__(self, start: float = 0.5, **more: Any) -> None:
        super().__init__(**more)
        self.start = start

    def build(self, shape: tuple[int | None, ...]) -> None:
        initial = keras.initializers.Constant(self.start)
        self.factors = self.add_weight(shape=(shape[-1],), initializer=initial, name="factors")

    def call(self, x: Any) -> Any:
        return x * self.factors

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


@registered
class SqueezeExcite(layers.Layer):
    """Made of other layers."""

    def __init__(self, ratio: int = 2, **more: Any) -> None:
        super().__init__(**more)
        self.ratio = ratio

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.squeeze = layers.Dense(shape[-1] // self.ratio, activation="relu")
        self.excite = layers.Dense(shape[-1], activation="sigmoid")
        self.squeeze.build((shape[0], shape[-1]))
        self.excite.build((shape[0], shape[-1] // self.ratio))

    def call(self, x: Any) -> Any:
        scale = self.excite(self.squeeze(ops.mean(x, axis=(1, 2))))
        return x * scale[:, None, None, :]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ratio": self.ratio}


@registered
class StochasticDepth(layers.Layer):
    """Drops a whole branch in training, nothing in inference."""

    def __init__(self, rate: float = 0.2, **more: Any) -> None:
        super().__init__(**more)
        self.rate = rate
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training:
            return x
        keep = keras.random.bernoulli((ops.shape(x)[0], 1, 1, 1), 1 - self.rate, seed=self.seed)
        return x * keep / (1 - self.rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@registered
class Patches(layers.Layer):
    """Patches by a reshape and a transpose, as in keras.io's vision transformer."""

    def __init__(self, size: int = 4, **more: Any) -> None:
        super().__init__(**more)
        self.size = size

    def call(self, x: Any) -> Any:
        batch = ops.shape(x)[0]
        _, height, width, channels = x.shape
        rows, columns = height // self.size, width // self.size
        patches = ops.image.extract_patches(x, size=self.size)
        return ops.reshape(patches, (batch, rows * columns, self.size * self.size * channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@registered
class PatchEncoder(layers.Layer):
    """A projection and learned places."""

    def __init__(self, patches: int = 9, width: int = 8, **more: Any) -> None:
        super().__init__(**more)
        self.patches, self.width = patches, width
        self.projection = layers.Dense(width)
        self.places = layers.Embedding(patches, width)

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.projection.build(shape)
        self.places.build(())

    def call(self, x: Any) -> Any:
        positions = ops.expand_dims(ops.arange(0, self.patches, 1), axis=0)
        return self.projection(x) + self.places(positions)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "patches": self.patches, "width": self.width}


@registered
class ClassToken(layers.Layer):
    """A learned row in front of a sequence, for any batch."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")

    def call(self, x: Any) -> Any:
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1)


@registered
class ResidualBlock(layers.Layer):
    """A block as one layer, with normalization inside."""

    def __init__(self, filters: int = 6, **more: Any) -> None:
        super().__init__(**more)
        self.filters = filters
        self.convolutions = [layers.Conv2D(filters, 3, padding="same", use_bias=False) for _ in range(2)]
        self.norms = [layers.BatchNormalization() for _ in range(2)]

    def build(self, shape: tuple[int | None, ...]) -> None:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = (*shape[:-1], self.filters)
            norm.build(shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        y = ops.relu(self.norms[0](self.convolutions[0](x), training=training))
        return ops.relu(x + self.norms[1](self.convolutions[1](y), training=training))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


@registered
class GeneralizedMean(layers.Layer):
    """GeM pooling (Radenović et al., 2018) with a trainable power."""

    def build(self, _: tuple[int | None, ...]) -> None:
        self.power = self.add_weight(shape=(), initializer=keras.initializers.Constant(3.0), name="power")

    def call(self, x: Any) -> Any:
        raised = ops.power(ops.maximum(x, 1e-6), self.power)
        return ops.power(ops.mean(raised, axis=(1, 2)), 1.0 / self.power)


@registered
class CoordinateChannels(layers.Layer):
    """CoordConv (Liu et al., 2018): two channels that say where a pixel is."""

    def call(self, x: Any) -> Any:
        shape = (ops.shape(x)[0], *x.shape[1:3], 1)
        rows = ops.reshape(ops.linspace(-1.0, 1.0, shape[1]), (1, -1, 1, 1))
        columns = ops.reshape(ops.linspace(-1.0, 1.0, shape[2]), (1, 1, -1, 1))
        return ops.concatenate([x, ops.broadcast_to(rows, shape), ops.broadcast_to(columns, shape)], axis=-1)


@registered
class ReflectionPadding(layers.Layer):
    """As in style transfer and CycleGAN."""

    def call(self, x: Any) -> Any:
        return ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="reflect")


@registered
def soft_clip(x: Any) -> Any:
    """An activation function of the user's own."""
    return 2 * ops.tanh(x / 2)


@registered
class TwoWays(keras.Model):  # type: ignore[misc, unused-ignore]
    """A model with a `call` of its own, which has no graph to be read."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.maps, self.dense = layers.Conv2D(4, 3, activation="relu"), layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(ops.mean(self.maps(x), axis=(1, 2)))


@user_network()
def layer_scale() -> Any:
    image, x = stem()
    return classified(image, LayerScale()(x))


@user_network()
def squeeze_excite_layer() -> Any:
    image, x = stem()
    return classified(image, SqueezeExcite()(x))


@user_network()
def stochastic_depth() -> Any:
    image, x = stem()
    return classified(image, layers.Add()([x, StochasticDepth()(layers.Conv2D(6, 3, padding="same")(x))]))


@user_network()
def keras_io_vision_transformer() -> Any:
    image = keras.Input((12, 12, 3))
    x = PatchEncoder()(Patches()(layers.Rescaling(1 / 255)(image)))
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(num_heads=2, key_dim=4)(y, y)])
    x = layers.Dropout(0.5)(layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x)))
    return keras.Model(image, layers.Dense(3)(layers.Dense(8, activation=keras.activations.gelu)(x)))


@user_network()
def class_token() -> Any:
    image, x = stem((9, 8, 3))
    x = ClassToken()(layers.Reshape((72, 6))(x))
    x = layers.MultiHeadAttention(num_heads=2, key_dim=3)(x, x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x[:, 0]))


@user_network()
def residual_block_layer() -> Any:
    image, x = stem()
    return classified(image, ResidualBlock()(ResidualBlock()(x)))


@user_network()
def generalized_mean_pooling() -> Any:
    image, x = stem()
    return classified(image, GeneralizedMean()(x))


@user_network()
def coordinate_channels() -> Any:
    image, x = stem()
    return classified(image, layers.Conv2D(4, 3)(CoordinateChannels()(x)))


@user_network()
def reflection_padding() -> Any:
    image, x = stem()
    x = layers.Conv2D(4, 3, activation=soft_clip)(ReflectionPadding()(x))
    return classified(image, layers.Activation(soft_clip)(x))


@user_network(refused="graph")
def call_of_its_own() -> Any:
    model = TwoWays()
    model(keras.ops.zeros((1, 12, 12, 3)))
    return model


@user_network(refused="Lambda")
def lambda_inside() -> Any:
    """Code in the file: it is not run unless the user says so."""
    image, x = stem()
    return classified(image, layers.Lambda(lambda given: given * 2)(x))
