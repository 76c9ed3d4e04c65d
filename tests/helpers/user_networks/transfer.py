"""Transfer learning: a body of keras.applications inside, with what the tutorials put before and behind it."""

from __future__ import annotations

from typing import Any

from cnnref.environment import keras, layers

from .table import user_network

applications = keras.applications
SHAPE = (32, 32, 3)


def head(image: Any, x: Any, classes: int = 5) -> Any:
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


@user_network()
def mobilenet_v2_with_augmentation() -> Any:
    """The transfer-learning tutorial of tensorflow.org."""
    body = applications.MobileNetV2(SHAPE, alpha=0.35, include_top=False, weights=None)
    body.trainable = False
    augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.2)])
    image = keras.Input(SHAPE)
    x = applications.mobilenet_v2.preprocess_input(augmentation(image))
    return head(image, body(x, training=False))


@user_network()
def xception_guide() -> Any:
    """The transfer-learning guide of keras.io: a Rescaling to -1..1 and a body in inference."""
    body = applications.MobileNet(SHAPE, alpha=0.25, include_top=False, weights=None)
    image = keras.Input(SHAPE)
    x = layers.RandomRotation(0.1)(layers.RandomFlip("horizontal")(image))
    x = layers.Rescaling(scale=1 / 127.5, offset=-1)(x)
    x = body(x, training=False)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(1)(x))


@user_network()
def mobilenet_v3_inside() -> Any:
    """A body that preprocesses by itself."""
    body = applications.MobileNetV3Small(SHAPE, alpha=0.75, minimalistic=False, include_top=False, weights=None)
    image = keras.Input(SHAPE)
    return head(image, body(image))


@user_network()
def mobilenet_v3_minimal_sequential() -> Any:
    body = applications.MobileNetV3Small(SHAPE, minimalistic=True, include_top=False, weights=None, pooling="avg")
    return keras.Sequential([keras.Input(SHAPE), body, layers.Dense(4, activation="softmax")])


@user_network()
def efficientnet_b0() -> Any:
    """Rescaling and Normalization inside the body, as in keras.io's 'Fine-tuning via EfficientNet'."""
    body = applications.EfficientNetB0(include_top=False, weights=None, input_tensor=keras.Input(SHAPE))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(body.output)
    x = layers.Dropout(0.2, name="top_dropout")(layers.BatchNormalization()(x))
    return keras.Model(body.input, layers.Dense(5, activation="softmax", name="pred")(x), name="EfficientNet")


@user_network()
def vgg_features() -> Any:
    """The first layers of VGG16, cut out, with its preprocessing: colours turned round, means taken off."""
    whole = applications.VGG16(include_top=False, weights=None, input_shape=SHAPE)
    body = keras.Model(whole.input, whole.get_layer("block1_pool").output)
    image = keras.Input(SHAPE)
    x = applications.vgg16.preprocess_input(image)
    x = layers.Rescaling(1 / 100)(body(x))
    return head(image, x)


@user_network()
def resnet_v2_stage() -> Any:
    """The first stages of ResNet50V2 with `preprocess_input` of mode 'tf'."""
    whole = applications.ResNet50V2(include_top=False, weights=None, input_shape=SHAPE)
    body = keras.Model(whole.input, whole.get_layer("conv2_block3_out").output, name="stages")
    image = keras.Input(SHAPE)
    return head(image, body(applications.resnet_v2.preprocess_input(image)))


@user_network()
def resnet_stage() -> Any:
    """The first stage of ResNet50 with `preprocess_input` of mode 'caffe'."""
    whole = applications.ResNet50(include_top=False, weights=None, input_shape=SHAPE)
    body = keras.Model(whole.input, whole.get_layer("conv2_block2_out").output, name="stages")
    image = keras.Input(SHAPE)
    return head(image, body(applications.resnet.preprocess_input(image)))


@user_network()
def densenet_stage() -> Any:
    """The first block of DenseNet121 with `preprocess_input` of mode 'torch'."""
    whole = applications.DenseNet121(include_top=False, weights=None, input_shape=SHAPE)
    body = keras.Model(whole.input, whole.get_layer("pool2_pool").output, name="stages")
    image = keras.Input(SHAPE)
    return head(image, body(applications.densenet.preprocess_input(image)))


@user_network()
def convnext_stage() -> Any:
    """ConvNeXt's first stage: its own normalization, layer scale, stochastic depth."""
    whole = applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=SHAPE)
    third = whole.get_layer("convnext_tiny_stage_0_block_2_depthwise_conv")
    body = keras.Model(whole.input, third.input, name="stages")
    image = keras.Input(SHAPE)
    return head(image, body(image))


@user_network()
def nasnet_stem() -> Any:
    """The first layers of NASNetMobile: separable convolutions, crops and paddings around strides."""
    whole = applications.NASNetMobile(include_top=False, weights=None, input_shape=SHAPE)
    body = keras.Model(whole.input, whole.get_layer("normal_concat_0").output, name="cells")
    image = keras.Input(SHAPE)
    return head(image, body(applications.nasnet.preprocess_input(image)))


@user_network()
def inception_stem() -> Any:
    whole = applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    body = keras.Model(whole.input, whole.get_layer("mixed0").output, name="stem")
    image = keras.Input((75, 75, 3))
    return head(image, body(applications.inception_v3.preprocess_input(image)))


@user_network()
def two_bodies() -> Any:
    """Two bodies on one picture, their features joined."""
    image = keras.Input(SHAPE)
    first = applications.MobileNet(SHAPE, alpha=0.25, include_top=False, weights=None, pooling="avg", name="first")
    second = applications.MobileNetV2(SHAPE, alpha=0.35, include_top=False, weights=None, pooling="max", name="second")
    scaled = layers.Rescaling(1 / 127.5, -1)(image)
    x = layers.Concatenate()([first(scaled), second(scaled)])
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


@user_network(options={"image_size": (32, 32)})
def body_of_open_size() -> Any:
    """A body built without a size: height and width are said at the export."""
    body = applications.MobileNetV2((None, None, 3), alpha=0.35, include_top=False, weights=None)
    image = keras.Input((None, None, 3))
    return head(image, body(layers.Rescaling(1 / 127.5, -1)(image)))


@user_network()
def resized_for_the_body() -> Any:
    """Small pictures enlarged to what the body wants."""
    body = applications.MobileNet((64, 64, 3), alpha=0.25, include_top=False, weights=None)
    image = keras.Input(SHAPE)
    x = layers.Resizing(64, 64)(image)
    return head(image, body(layers.Rescaling(1 / 127.5, -1)(x)))


@user_network()
def gray_for_a_colour_body() -> Any:
    """Gray pictures made three channels wide."""
    body = applications.MobileNet(SHAPE, alpha=0.25, include_top=False, weights=None)
    image = keras.Input((32, 32, 1))
    x = layers.Concatenate()([image, image, image])
    return head(image, body(layers.Rescaling(1 / 127.5, -1)(x)))


@user_network()
def body_within_a_body() -> Any:
    """A sequential model in a functional one in a functional one."""
    inner = keras.Sequential([keras.Input((8, 8, 8)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()])
    given = keras.Input((16, 16, 3))
    middle = keras.Model(given, inner(layers.Conv2D(8, 2, strides=2)(given)), name="middle")
    image = keras.Input((16, 16, 3))
    x = middle(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
