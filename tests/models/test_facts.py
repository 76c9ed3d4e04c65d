"""What is stated about every model: counted from shapes alone, so that no weight is ever filled in.

The quick tests look at the smallest network of each family, the exhaustive ones at all.
"""

from typing import Any

import numpy as np
import pytest
from chosen_names import chosen

import cnnref
from cnnref import arithmetic, models
from cnnref.environment import keras

NAMES = models.list_models()
every_model = pytest.mark.parametrize("name", NAMES)

#: Trainable parameters, and multiply-accumulates with the unit that they were published or counted in.
LITERATURE = {
    "lenet5": (61_706, 416_520, 1),
    "tinyvgg": (19_920, 5_608_780, 1),
    "basic_cnn": (421_642, 4_241_152, 1),
    "mnist_cnn": (288_170, 29_128_448, 1),
    "alexnet": (61_100_840, 714, 10**6),
    "alexnet_2012": (60_965_224, 724, 10**6),
    "zfnet": (62_357_608, 1.17, 10**9),
    "nin_cifar": (966_986, 222, 10**6),
    "allcnn_c": (1_369_738, 281, 10**6),
    "vgg11": (132_863_336, 7.609, 10**9),
    "vgg13": (133_047_848, 11.308, 10**9),
    "vgg16": (138_357_544, 15.470, 10**9),
    "vgg19": (143_667_240, 19.632, 10**9),
    "vgg11_bn": (132_868_840, 7.609, 10**9),
    "vgg13_bn": (133_053_736, 11.308, 10**9),
    "vgg16_bn": (138_365_992, 15.470, 10**9),
    "vgg19_bn": (143_678_248, 19.632, 10**9),
    "googlenet": (6_998_552, 1.583, 10**9),
    "googlenet_tv": (6_624_904, 1.498, 10**9),
    "squeezenet1_0": (1_248_424, 819, 10**6),
    "squeezenet1_1": (1_235_496, 349, 10**6),
    "resnet18": (11_689_512, 1.814, 10**9),
    "resnet34": (21_797_672, 3.664, 10**9),
    "resnet50": (25_557_032, 4.089, 10**9),
    "resnet101": (44_549_160, 7.801, 10**9),
    "resnet152": (60_192_808, 11.514, 10**9),
    "resnet50_v1": (25_557_032, 3.858, 10**9),
    "resnet101_v1": (44_549_160, 7.570, 10**9),
    "resnet152_v1": (60_192_808, 11.282, 10**9),
    "resnet50_v2": (25_549_352, 4.089, 10**9),
    "resnet20": (269_722, 40.6, 10**6),
    "resnet32": (464_154, 68.9, 10**6),
    "resnet44": (658_586, 97.2, 10**6),
    "resnet56": (853_018, 125.5, 10**6),
    "resnet110": (1_727_962, 252.9, 10**6),
    "resnet8": (78_186, 12.5, 10**6),
    "speednet": (1_971_640, 118.1, 10**6),
    "preact_resnet110": (1_727_962, 253, 10**6),
    "preact_resnet164": (1_703_258, 248, 10**6),
    "wrn_16_8": (10_961_370, 1.548, 10**9),
    "wrn_28_10": (36_479_194, 5.243, 10**9),
    "resnext29_8x64d": (34_426_698, 5.387, 10**9),
    "resnext50_32x4d": (25_028_904, 4.230, 10**9),
    "densenet_bc_100_12": (769_162, 288, 10**6),
    "densenet121": (7_978_856, 2.834, 10**9),
    "mobilenet_v1": (4_231_976, 569, 10**6),
    "mobilenet_v2": (3_504_872, 301, 10**6),
    "mobilenet_v3_large": (5_483_032, 217, 10**6),
    "mobilenet_v3_small": (2_542_856, 57, 10**6),
    "shufflenet_v2_x1_0": (2_278_604, 145, 10**6),
    "efficientnet_b0": (5_288_548, 386, 10**6),
    "efficientnet_lite0": (4_652_008, 385, 10**6),
    "efficientnet_lite1": (5_416_680, 600, 10**6),
    "efficientnet_lite2": (6_092_072, 860, 10**6),
    "efficientnet_lite3": (8_197_096, 1.383, 10**9),
    "efficientnet_lite4": (13_006_568, 2.553, 10**9),
    "convnext_tiny": (28_589_128, 4.456, 10**9),
    # The parameters are those that timm counts.
    "se_resnet50": (28_088_024, 4.1, 10**9),
    "mobilenet_v4_conv_small": (3_774_024, 0.2, 10**9),
    "ghostnet_1_0": (5_182_508, 141, 10**6),
    "repvgg_a0": (9_108_968, 1.5, 10**9),
    "convnext_v2_atto": (3_708_400, 0.55, 10**9),
}

#: All parameters, with the statistics of batch normalization, of networks into which every weight of the one in
#: keras.applications has been converted.
KERAS = {
    "efficientnet_v2_b0": 7_200_312,
    "efficientnet_v2_b1": 8_212_124,
    "efficientnet_v2_b2": 10_178_374,
    "efficientnet_v2_b3": 14_467_622,
    "resnet50_v2_keras": 25_613_800,
    "resnet101_v2_keras": 44_675_560,
    "resnet152_v2_keras": 60_380_648,
    "xception": 22_910_480,
    "nasnet_mobile": 5_326_716,
    "nasnet_large": 88_949_818,
}

#: Trainable parameters of networks for 32x32 images, as their well-known PyTorch implementation counts them.
KNOWN_FOR_SMALL_IMAGES = {
    "resnet18_cifar": 11_173_962,
    "vgg16_bn_cifar": 14_728_266,
    "mobilenet_v1_cifar": 3_217_226,
    "shufflenet_v2_x1_0_cifar": 1_263_854,
}


QUICK = {*chosen(), "resnet20", "resnet50", "densenet121_cifar"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.exhaustive) for name in NAMES],
)
def name(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def outline(name: Any) -> Any:
    return models.outline(name)


def decimals(number: Any) -> Any:
    return len(str(number).partition(".")[2])


@pytest.mark.parametrize("listed", LITERATURE)
def test_the_sizes_are_those_of_the_literature(listed: Any) -> None:
    trainable, macs, unit = LITERATURE[listed]
    facts = models.spec(listed)
    assert facts.trainable_params == trainable
    assert round(facts.macs / unit, decimals(macs)) == macs


@pytest.mark.parametrize("listed", KERAS)
def test_the_parameters_are_those_that_keras_counts(listed: str) -> None:
    assert models.spec(listed).params == KERAS[listed]


@pytest.mark.parametrize("listed", KNOWN_FOR_SMALL_IMAGES)
def test_networks_for_small_images_have_the_size_that_others_count(listed: Any) -> None:
    assert models.spec(listed).trainable_params == KNOWN_FOR_SMALL_IMAGES[listed]
    assert models.spec(listed).input_shape == (32, 32, 3)


def test_the_reference_model_of_mlperf_tiny_has_78666_parameters_in_all() -> None:
    assert models.spec("resnet8").params == 78_666


def test_a_model_has_the_size_that_its_spec_states(name: Any, outline: Any) -> None:
    facts = models.spec(name)
    assert facts.name == name
    assert outline.count_params() == arithmetic.parameters(outline) == facts.params
    assert sum(int(np.prod(weight.shape)) for weight in outline.trainable_weights) == facts.trainable_params
    assert arithmetic.trainable_parameters(outline) == facts.trainable_params
    assert arithmetic.macs(outline) == facts.macs


def test_what_is_not_trained_are_the_statistics_of_batch_normalization(name: Any, outline: Any) -> None:
    norms = [layer for layer in outline.layers if isinstance(layer, keras.layers.BatchNormalization)]
    statistics = sum(2 * layer.moving_mean.shape[0] for layer in norms)
    assert models.spec(name).params - models.spec(name).trainable_params == statistics


def test_a_model_has_its_name_input_and_output(name: Any, outline: Any) -> None:
    facts = models.spec(name)
    assert outline.name == name
    assert outline.input_shape == (None, *facts.input_shape)
    assert outline.output_shape == (None, facts.classes)
    assert outline.inputs[0].name == "image"
    assert [operation.name for operation in outline.operations][-2:] == ["logits", "probabilities"]


def test_names_are_unique_and_fit_every_format(outline: Any) -> None:
    names = [operation.name for operation in outline.operations]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "." in name or "/" in name]


@pytest.mark.parametrize("name", sorted({*chosen(), "lenet5", "resnet20"}))
def test_names_are_the_same_each_time(name: Any) -> None:
    outline = models.outline(name)
    again = models.outline(name)
    assert [one.name for one in again.operations] == [one.name for one in outline.operations]
    assert [one.path for one in again.weights] == [one.path for one in outline.weights]


def test_only_layers_and_operations_of_keras_are_used(outline: Any) -> None:
    for operation in outline.operations:
        assert type(operation).__module__.startswith("keras."), operation.name
        assert type(operation).__name__ != "Lambda", operation.name


def test_the_help_shows_shapes_deviations_and_sizes(name: Any) -> None:
    page, facts = models.builder(name).__doc__, models.spec(name)
    assert "->" in page
    assert "deviat" in page.lower()
    assert f"{name} at {facts.input_shape[0]}x" in page
    assert f"{facts.trainable_params:,} trainable" in page
    assert f"{facts.macs:,} multiply-accumulates" in page


def test_stages_are_named_with_their_feature_maps() -> None:
    sizes = {"stage1": (56, 56, 256), "stage2": (28, 28, 512), "stage3": (14, 14, 1024), "stage4": (7, 7, 2048)}
    for listed in ("resnet50", "resnet50_v1", "resnet50_v2", "resnext50_32x4d"):
        model = models.outline(listed)
        assert {stage: model.get_layer(stage).output.shape[1:] for stage in sizes} == sizes
    model = models.outline("mobilenet_v2")
    assert model.get_layer("stage7").output.shape[1:] == (7, 7, 320)


@pytest.mark.parametrize(
    ("listed", "shape"),
    [
        ("lenet5", (5, 5, 16)),
        ("tinyvgg", (13, 13, 10)),
        ("alexnet", (6, 6, 256)),
        ("alexnet_2012", (6, 6, 256)),
        ("zfnet", (6, 6, 256)),
        ("vgg16", (7, 7, 512)),
        ("googlenet", (7, 7, 1024)),
        ("squeezenet1_0", (13, 13, 512)),
        ("densenet121", (7, 7, 1024)),
        ("mobilenet_v1", (7, 7, 1024)),
        ("shufflenet_v2_x1_0", (7, 7, 1024)),
        ("efficientnet_b0", (7, 7, 1280)),
        ("efficientnet_lite4", (10, 10, 1280)),
        ("convnext_tiny", (7, 7, 768)),
        ("densenet_bc_100_12", (8, 8, 342)),
    ],
)
def test_the_sizes_of_the_last_feature_maps_are_those_in_the_papers(listed: Any, shape: Any) -> None:
    assert models.outline(listed, include_top=False).output_shape[1:] == shape


def test_models_are_listed_by_pattern_in_order() -> None:
    assert models.list_models("lenet*") == ["lenet5", "lenet5_relu"]
    assert models.list_models("nothing*") == []
    assert models.list_models("lenet5") == ["lenet5"]
    assert models.list_models("enet5") == ["lenet5", "lenet5_relu"]
    assert NAMES == sorted(NAMES) == cnnref.list_models()
    assert set(NAMES) >= {*LITERATURE, *KERAS}


@every_model
def test_a_published_accuracy_has_a_source(name: Any) -> None:
    facts = models.spec(name)
    assert bool(facts.published) == bool(facts.source)
    assert all(50 < accuracy < 100 for accuracy in facts.published.values())
