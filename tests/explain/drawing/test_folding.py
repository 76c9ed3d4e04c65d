"""Folding: the groups that a picture shows, for names of the convention and for strangers' names."""

from typing import Any

import keras
import pytest
from keras import layers

from cnnref.arithmetic import layer_table
from cnnref.arithmetic import wording as words
from cnnref.explain.drawing.folding import FEW, MANY, fold, stage_and_block


def conv(x: Any, filters: Any, kernel: Any, stride: Any = 1, name: Any = None) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=name and f"{name}_bn")(x)
    return layers.ReLU(name=name and f"{name}_relu")(x)


def residual_block(x: Any, filters: Any, stride: Any = 1, name: Any = None) -> Any:
    """With squeeze and excitation, and a shortcut where the shape changes."""
    y = conv(conv(x, filters, 3, stride, name and f"{name}_conv1"), filters, 3, 1, name and f"{name}_conv2")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=name and f"{name}_se_squeeze")(y)
    gate = layers.Conv2D(filters, 1, activation="sigmoid", name=name and f"{name}_se_expand")(gate)
    y = layers.Multiply(name=name and f"{name}_se_scale")([y, gate])
    if stride > 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, stride, name=name and f"{name}_shortcut")(x)
    return layers.ReLU(name=name and f"{name}_relu")(layers.Add(name=name and f"{name}_add")([x, y]))


def head(x: Any) -> Any:
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Activation("softmax", name="probabilities")(layers.Dense(10, name="logits")(x))


def residual(blocks: Any, named: Any = True) -> Any:
    image = keras.Input((64, 64, 3), name="image")
    x = conv(image, 16, 7, 2, "stem" if named else None)
    x = layers.ZeroPadding2D(1, name="stem_pool_pad" if named else None)(x)
    x = layers.MaxPooling2D(3, 2, name="stem_pool" if named else None)(x)
    for stage in (1, 2, 3):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = residual_block(x, 16 * 2**stage, stride, f"stage{stage}_block{block}" if named else None)
    return keras.Model(image, head(x))


def inception(modules: Any) -> Any:
    image = keras.Input((32, 32, 3), name="image")
    x = conv(image, 16, 3, 1, "conv1")
    for stage in (3, 4):
        x = layers.MaxPooling2D(name=f"pool{stage - 1}")(x)
        for letter in "abcdefgh"[:modules]:
            name = f"inception{stage}{letter}"
            branches = [conv(x, 8, size, 1, f"{name}_{size}x{size}") for size in (1, 3, 5)]
            x = layers.Concatenate(name=name)(branches)
    return keras.Model(image, head(x))


def nested() -> Any:
    image = keras.Input((32, 32, 3), name="image")
    tower = keras.Input((32, 32, 3))
    x = conv(tower, 8, 3, 1, "conv1")
    body = keras.Model(tower, layers.MaxPooling2D(name="pool1")(conv(x, 8, 3, 1, "conv2")), name="backbone")
    return keras.Model(image, head(body(image)))


def names(model: Any) -> Any:
    return [volume.name for volume in fold(layer_table(model))]


def test_a_chain_is_shown_layer_by_layer() -> None:
    import cnnref

    volumes = fold(layer_table(cnnref.build("lenet5")))
    assert [volume.name for volume in volumes] == [
        "image", "conv1", "pool1", "conv2", "pool2", "flatten", "dense1", "dense2", "logits",
    ]  # fmt: skip
    assert [volume.output_shape for volume in volumes[:6]] == [
        (28, 28, 1), (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,),
    ]  # fmt: skip
    assert [volume.category for volume in volumes[4:7]] == [words.POOLING, words.OTHER, words.DENSE]
    assert [row.name for row in volumes[-1].rows] == ["logits", "probabilities"]


def test_a_few_blocks_are_shown_block_by_block_and_many_stage_by_stage() -> None:
    assert names(residual(2))[:4] == ["image", "stem", "stage1_block1", "stage1_block2"]
    volumes = fold(layer_table(residual(5)))
    assert [volume.name for volume in volumes] == ["image", "stem", "stage1", "stage2", "stage3", "pool", "logits"]
    assert [volume.blocks for volume in volumes] == [0, 0, 5, 5, 5, 0, 0]
    assert [volume.convolutions for volume in volumes] == [0, 1, 16, 16, 16, 0, 0]  # se_expand and a shortcut
    assert [volume.output_shape for volume in volumes[1:5]] == [(16, 16, 16), (16, 16, 32), (8, 8, 64), (4, 4, 128)]


@pytest.mark.parametrize(("modules", "expected"), [(2, ["inception3a", "inception3b"]), (5, ["inception3"])])
def test_modules_with_letters_fold_into_their_stage_when_there_are_many(modules: Any, expected: Any) -> None:
    found = names(inception(modules))
    assert found[:3] == ["image", "conv1", "pool2"]
    assert found[3 : 3 + len(expected)] == expected
    assert found[3 + len(expected)] == "pool3"
    if modules == 5:
        assert fold(layer_table(inception(modules)))[3].blocks == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stage2_block1_conv1_bn", ("stage2", "stage2_block1")),
        ("inception3a_1x1", ("inception3", "inception3a")),
        ("fire2_squeeze", ("fire2", "fire2")),
        ("block1_conv1", ("block1", "block1")),
        ("block1_layer4_conv1", ("block1", "block1_layer4")),
        ("block_3_expand", ("block_3", "block_3")),
        ("dense_block3_layer1_conv", ("dense_block3", "dense_block3_layer1")),
        ("stem_bn", ("stem", "stem")),
        ("conv2d_17", ("conv2d_17", "conv2d_17")),
        ("conv2d", ("conv2d", "conv2d")),
        ("backbone/stage2_block1_add", ("backbone/stage2", "backbone/stage2_block1")),
    ],
)
def test_a_name_tells_the_place(name: str, expected: Any) -> None:
    assert stage_and_block(name) == expected


def test_strangers_with_many_layers_fold_by_the_size_of_their_maps() -> None:
    volumes = fold(layer_table(residual(5, named=False)))
    assert [volume.output_shape for volume in volumes] == [
        (64, 64, 3), (32, 32, 16), (16, 16, 32), (8, 8, 64), (4, 4, 128), (128,), (10,),
    ]  # fmt: skip
    assert [volume.blocks for volume in volumes[2:5]] == [5, 5, 5]


@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (lambda: keras.applications.MobileNetV2(weights=None), [0, 0, 2, 3, 7, 4, 0, 0]),
        (lambda: keras.applications.ResNet50(weights=None), [0, 0, 0, 3, 4, 6, 3, 0, 0]),
    ],
    ids=["MobileNetV2", "ResNet50"],
)
def test_strangers_of_keras_applications_fold_into_what_their_papers_count(build: Any, blocks: Any) -> None:
    assert [volume.blocks for volume in fold(layer_table(build()))] == blocks


def test_a_few_layers_without_a_convention_keep_their_branches() -> None:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same")(image)
    y = layers.Conv2D(8, 3, padding="same")(layers.Conv2D(8, 3, padding="same")(x))
    volumes = fold(layer_table(keras.Model(image, layers.ReLU()(layers.Add()([x, y])))))
    assert [volume.inputs for volume in volumes] == [(), (0,), (1,), (2,), (1, 3)]
    assert volumes[-1].category == words.JOINING


def test_a_chain_of_many_sizes_is_folded_all_the_same() -> None:
    image = x = keras.Input((100, 100, 3))
    for _ in range(24):
        x = layers.Conv2D(4, 5)(x)
    assert [volume.output_shape[0] for volume in fold(layer_table(keras.Model(image, x)))] == [100, 52, 28, 16, 8, 4]


MODELS = {
    "residual": lambda: residual(2),
    "deep": lambda: residual(6),
    "unnamed": lambda: residual(4, named=False),
    "inception": lambda: inception(3),
    "nested": nested,
}


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_is_in_one_volume_and_nothing_is_lost(name: str) -> None:
    rows = layer_table(MODELS[name]())
    volumes = fold(rows)
    assert sorted(id(row) for volume in volumes for row in volume.rows) == sorted(map(id, rows))
    assert sum(volume.parameters for volume in volumes) == sum(row.parameters for row in rows)
    assert sum(volume.macs for volume in volumes) == sum(row.macs for row in rows)
    assert len(volumes) <= max(FEW, MANY)
    for index, volume in enumerate(volumes):
        assert all(source < index for source in volume.inputs)
        assert bool(volume.inputs) == (volume.category != words.INPUT)


def test_a_nested_model_is_opened_and_its_name_left_out() -> None:
    assert names(nested()) == ["image", "conv1", "conv2", "pool1", "pool", "logits"]


def test_an_operation_without_kernels_gets_no_box_of_its_own() -> None:
    image = keras.Input((32, 32, 8), name="image")
    x = layers.Conv2D(8, 3, padding="same", name="conv1")(image)
    padded = keras.ops.pad(keras.ops.square(x), [(0, 0), (0, 0), (0, 0), (1, 1)])
    x = x / (1.0 + padded[..., :8] + padded[..., 2:])  # a normalization over channels
    x = layers.Conv2D(8, 3, name="conv2")(x)
    assert names(keras.Model(image, x)) == ["image", "conv1", "conv2"]
