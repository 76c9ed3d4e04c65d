import math
import subprocess
import sys
from typing import Any

import pytest

from cnnref.arithmetic import layer_table, macs, parameters, trainable_parameters
from cnnref.environment import keras, layers, ops
from cnnref.errors import InputError


def named(model: Any) -> Any:
    return {row.name: row for row in layer_table(model)}


def lenet5() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", name="conv1"),
            layers.AveragePooling2D(2, name="pool1"),
            layers.Conv2D(16, 5, name="conv2"),
            layers.AveragePooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(120),
            layers.Dense(84),
            layers.Dense(10, name="top"),
        ]
    )


def tiny_vgg() -> Any:
    convs = [layers.Conv2D(10, 3, activation="relu") for _ in range(4)]
    pools = [layers.MaxPooling2D(name="pool1"), layers.MaxPooling2D(name="pool2")]
    body = [*convs[:2], pools[0], *convs[2:], pools[1]]
    return keras.Sequential([keras.Input((64, 64, 3)), *body, layers.Flatten(), layers.Dense(10)])


@pytest.fixture(scope="module")
def vgg16() -> Any:
    return keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    return keras.applications.MobileNet(weights=None)


@pytest.fixture(scope="module")
def resnet50() -> Any:
    return keras.applications.ResNet50(weights=None)


def test_lenet5_has_the_published_numbers() -> None:
    model = lenet5()
    assert (parameters(model), trainable_parameters(model), macs(model)) == (61_706, 61_706, 416_520)
    rows = named(model)
    conv = rows["conv1"]
    assert (conv.kind, conv.kernel, conv.strides, conv.padding) == ("Conv2D", (5, 5), (1, 1), (2, 2, 2, 2))
    assert conv.size_formula == "floor((28 + 2 + 2 - 1*(5-1) - 1)/1) + 1 = 28"
    assert (conv.output_shape, conv.macs, conv.activation_bytes) == ((28, 28, 6), 117_600, 4 * 28 * 28 * 6)
    assert rows["pool2"].inputs == ("conv2",)
    assert rows["pool2"].size_formula == "floor((10 + 0 + 0 - 1*(2-1) - 1)/2) + 1 = 5"
    assert (rows["pool2"].receptive_field, rows["pool2"].jump, rows["pool2"].start) == (
        (16, 16),
        (4, 4),
        (5.5, 5.5),
    )


def test_behind_flattening_a_unit_sees_the_image_and_has_no_place() -> None:
    rows = named(lenet5())
    for name in ("flatten", "top"):
        row = rows[name]
        assert (row.receptive_field, row.jump, row.start) == ((28, 28), None, None)
        assert (row.kernel, row.strides, row.padding, row.size_formula) == (None,) * 4


def test_a_tiny_vgg_has_the_numbers_counted_by_hand() -> None:
    model = tiny_vgg()
    assert (parameters(model), macs(model)) == (19_920, 5_608_780)
    assert (named(model)["pool2"].receptive_field, named(model)["pool2"].jump) == ((16, 16), (4, 4))


def test_vgg16_sees_212_pixels(vgg16: Any) -> None:
    row = layer_table(vgg16)[-1]
    assert (row.name, row.receptive_field, row.jump) == ("block5_pool", (212, 212), (32, 32))
    assert macs(vgg16) == 15_346_630_656


def test_mobilenet_sees_315_pixels(mobilenet: Any) -> None:
    rows = named(mobilenet)
    assert (rows["conv_pw_13_relu"].receptive_field, rows["conv_pw_13_relu"].jump) == ((315, 315), (32, 32))
    assert rows["conv_dw_1"].macs == 112 * 112 * 32 * 9
    pooling = next(row for row in rows.values() if row.kind == "GlobalAveragePooling2D")
    assert pooling.receptive_field == (224, 224)
    assert macs(mobilenet) == 568_740_352  # the paper's 569 million


def test_resnet50_sees_483_pixels(resnet50: Any) -> None:
    rows = named(resnet50)
    assert (rows["conv5_block3_out"].receptive_field, rows["conv5_block3_out"].jump) == ((483, 483), (32, 32))
    assert rows["conv1_pad"].size_formula == "floor((224 + 3 + 3 - 1*(1-1) - 1)/1) + 1 = 230"
    assert rows["conv5_block3_add"].inputs == ("conv5_block2_out", "conv5_block3_3_bn")


def test_the_rows_sum_to_the_totals(mobilenet: Any, resnet50: Any) -> None:
    for model in (mobilenet, resnet50, lenet5()):
        table = layer_table(model)
        assert sum(row.parameters for row in table) == parameters(model) == model.count_params()
        assert sum(row.macs for row in table) == macs(model)
        assert sum(row.trainable_parameters for row in table) == trainable_parameters(model)


def test_frozen_layers_and_moving_averages_are_not_trainable() -> None:
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, trainable=False, name="conv")(image)
    model = keras.Model(image, layers.BatchNormalization(name="norm")(x))
    rows = named(model)
    assert (rows["conv"].parameters, rows["conv"].trainable_parameters) == (112, 0)
    assert (rows["norm"].parameters, rows["norm"].trainable_parameters) == (16, 8)
    assert trainable_parameters(model) == 8


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: layers.Conv2D(8, 3, strides=2), 4 * 3 * 9 * 4 * 8),
        (lambda: layers.Conv2D(8, 3, groups=2, padding="same"), 10 * 8 * 9 * 2 * 8),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), 8 * 6 * 9 * 4 * 2),
        (lambda: layers.SeparableConv2D(8, 3, depth_multiplier=2), 8 * 6 * (9 * 4 * 2 + 4 * 2 * 8)),
        (lambda: layers.Conv2DTranspose(8, 3, strides=2), 10 * 8 * 9 * 4 * 8),
        (lambda: layers.Dense(5), 10 * 8 * 4 * 5),
        (lambda: layers.PReLU(), 0),
        (lambda: layers.MaxPooling2D(), 0),
    ],
)
def test_macs_are_positions_times_kernel(layer: Any, expected: Any) -> None:
    model = keras.Sequential([keras.Input((10, 8, 4)), layer()])
    assert macs(model) == layer_table(model)[-1].macs == expected


def test_height_and_width_have_their_own_arithmetic() -> None:
    model = keras.Sequential([keras.Input((9, 6, 1)), layers.Conv2D(2, (3, 2), strides=(2, 1), padding="same")])
    row = layer_table(model)[-1]
    assert row.padding == (1, 1, 0, 1)
    assert row.size_formula == (
        "height: floor((9 + 1 + 1 - 1*(3-1) - 1)/2) + 1 = 5; width: floor((6 + 0 + 1 - 1*(2-1) - 1)/1) + 1 = 6"
    )
    assert (row.receptive_field, row.jump, row.start) == ((3, 2), (2, 1), (0, 0.5))


def test_the_size_arithmetic_ends_in_the_size() -> None:
    image = keras.Input((31, 31, 2))
    x = layers.ZeroPadding2D(((1, 2), (0, 3)))(image)
    x = layers.Cropping2D(((2, 0), (1, 1)))(x)
    x = layers.Conv2D(3, 3, dilation_rate=2)(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = ops.pad(x[:, 1:-1:2, ::3], [(0, 0), (1, 0), (2, 2), (0, 1)])
    x = layers.Conv2DTranspose(3, 2, strides=3)(x)
    x = layers.Conv2DTranspose(3, (5, 4), strides=2, padding="same", output_padding=(1, 0))(x)
    for row in layer_table(keras.Model(image, x))[1:]:
        height, _, width = row.size_formula.partition("; ")
        for text, size in zip((height, width or height), row.output_shape, strict=False):
            left, right = text.rpartition(": ")[2].split(" = ")
            assert eval(left, {"floor": math.floor}) == int(right) == size


def test_a_strided_slice_and_a_channel_pad_shortcut_keep_step_with_the_convolution() -> None:
    image = keras.Input((8, 8, 4))
    shortcut = ops.pad(image[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (2, 2)])
    x = layers.Add(name="add")([layers.Conv2D(8, 3, strides=2, padding="same")(image), shortcut])
    row = named(keras.Model(image, x))["add"]
    assert (row.receptive_field, row.jump, row.start) == ((3, 3), (2, 2), (1, 1))


def test_squeeze_and_excitation_lets_every_unit_see_the_image() -> None:
    image = keras.Input((12, 10, 4))
    for squeeze in (
        lambda x: layers.GlobalAveragePooling2D(keepdims=True)(x),
        lambda x: layers.Reshape((1, 1, 4))(layers.GlobalMaxPooling2D()(x)),
        lambda x: ops.mean(x, axis=(1, 2), keepdims=True),
    ):
        x = layers.Multiply(name="scale")([image, layers.Dense(4, activation="sigmoid")(squeeze(image))])
        row = named(keras.Model(image, x))["scale"]
        assert (row.receptive_field, row.jump) == ((12, 10), None)


def test_a_single_unit_handed_to_all_positions_is_seen_by_all() -> None:
    image = keras.Input((6, 6, 2))
    gate = layers.Conv2D(2, 6)(image)  # one unit that sees 6x6 pixels, and not more wherever it is used
    row = named(keras.Model(image, layers.Multiply(name="gated")([image, gate])))["gated"]
    assert (row.receptive_field, row.jump, row.start) == ((6, 6), None, None)


def test_an_operation_along_one_axis_sees_all_of_that_axis() -> None:
    model = keras.Sequential([keras.Input((12, 10, 4)), layers.Softmax(axis=1)])
    assert layer_table(model)[-1].receptive_field == (12, 1)
    model = keras.Sequential([keras.Input((12, 10, 4)), layers.GroupNormalization(2)])
    assert layer_table(model)[-1].receptive_field == (12, 10)


def test_channel_shuffle_keeps_the_field() -> None:
    image = keras.Input((6, 6, 4))
    x = layers.Reshape((6, 6, 2, 2))(layers.Conv2D(4, 3, padding="same")(image))
    x = layers.Reshape((6, 6, 4), name="shuffled")(ops.transpose(x, (0, 1, 2, 4, 3)))
    assert named(keras.Model(image, x))["shuffled"].receptive_field == (3, 3)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: ops.transpose(x, (0, 2, 1, 3)),
        lambda x: layers.Permute((2, 1, 3))(x),
        lambda x: layers.Resizing(4, 4)(x),
        lambda x: layers.Concatenate(axis=1)([x, x]),
        lambda x: ops.max_pool(x, 3, strides=1, padding="same"),
        lambda x: x[:, ::-1],
        lambda x: ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect"),
        lambda x: layers.Add()([x, layers.UpSampling2D(6)(x[:, :1, :1])]),
        lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x),
        lambda x: layers.TimeDistributed(layers.Conv1D(3, 3, padding="same"))(x),
    ],
)
def test_what_is_not_known_is_none_and_stays_none(mix: Any) -> None:
    image = keras.Input((6, 6, 3))
    rows = layer_table(keras.Model(image, layers.Conv2D(2, 3)(mix(image))))
    assert (rows[-1].receptive_field, rows[-1].jump, rows[-1].start) == (None, None, None)


def test_layers_of_ones_own_keep_the_field_only_if_they_hold_no_kernel() -> None:
    class Double(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    class Blur(layers.Layer):
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(3, 3, shape[-1], 1), name="kernel")

        def call(self, x: Any) -> Any:
            return ops.depthwise_conv(x, self.kernel, padding="same")

    image = keras.Input((6, 6, 3))
    rows = layer_table(keras.Model(image, Blur(name="blur")(Double(name="double")(image))))
    assert [(row.kind, row.receptive_field, row.macs) for row in rows[1:]] == [
        ("Double", (1, 1), 0),
        ("Blur", None, None),
    ]
    with pytest.raises(InputError, match=r"blur \(Blur\) cannot be counted"):
        macs(keras.Model(image, Blur(name="blur")(image)))


def test_a_shared_layer_counts_its_macs_at_each_call_and_its_parameters_once() -> None:
    image = keras.Input((6, 6, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="shared")
    model = keras.Model(image, conv(conv(image)))
    first, second = layer_table(model)[1:]
    assert (first.name, first.parameters, first.receptive_field) == ("shared", 84, (3, 3))
    assert (second.name, second.parameters, second.receptive_field) == ("shared", 0, (5, 5))
    assert macs(model) == 2 * 36 * 81
    assert parameters(model) == 84


def test_nested_models_are_opened_at_the_size_they_are_used_with() -> None:
    inner_image = keras.Input((None, None, 3))
    inner = keras.Model(
        inner_image, layers.Conv2D(3, 3, strides=2, padding="same", name="conv")(inner_image), name="in"
    )
    middle = keras.Sequential([keras.Input((None, None, 3)), inner, layers.ReLU(name="relu")], name="middle")
    image = keras.Input((16, 12, 3))
    model = keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(middle(middle(image))))
    rows = layer_table(model)
    assert [row.name for row in rows[1:]] == ["middle/in/conv", "middle/relu"] * 2 + ["pool"]
    assert [row.output_shape for row in rows[1:]] == [(8, 6, 3)] * 2 + [(4, 3, 3)] * 2 + [(3,)]
    assert [row.receptive_field for row in rows[1:]] == [(3, 3)] * 2 + [(7, 7)] * 2 + [(16, 12)]
    assert rows[3].inputs == ("middle/relu",)
    assert macs(model) == (48 + 12) * 81
    assert sum(row.parameters for row in rows) == parameters(model) == 84


def test_several_inputs_and_outputs_are_followed() -> None:
    left, right = keras.Input((8, 8, 2), name="left"), keras.Input((8, 8, 4), name="right")
    halves = ops.split(right, 2, axis=-1)
    split = halves[0]._keras_history.operation.name  # Keras counts the operations of a process
    x = layers.Add(name="add")([layers.Conv2D(2, 3, padding="same")(left), halves[1]])
    rows = named(keras.Model([left, right], [x, layers.Flatten(name="flat")(halves[0])]))
    assert rows[split].activation_bytes == 4 * 8 * 8 * 4
    assert (rows["add"].receptive_field, rows["flat"].receptive_field) == ((3, 3), (8, 8))
    assert rows["add"].inputs[1] == split


def subclassed() -> Any:
    class Own(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    return Own()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (subclassed, "no graph"),
        (lambda: keras.Sequential([layers.Dense(2)]), "built with its input shape"),
        (lambda: keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3)]), "no fixed size"),
        (
            lambda: keras.Sequential([keras.Input((3, 8, 8)), layers.ZeroPadding2D(data_format="channels_first")]),
            "first",
        ),
    ],
)
def test_a_model_that_cannot_be_read_is_refused(model: Any, words: Any) -> None:
    with pytest.raises(InputError, match=words):
        layer_table(model())


def test_importing_the_room_imports_no_framework() -> None:
    code = "import sys, cnnref.arithmetic; print({'keras', 'tensorflow', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
