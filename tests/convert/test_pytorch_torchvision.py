"""Every model that torchvision has too computes the same with torchvision's weights."""

from typing import Any

import numpy as np
import pytest
from chosen_names import chosen, every_name
from torch_peers import BOUND, apart, converted, random_tensors, randomized, torch, torchvision_models, without_values

import cnnref
from cnnref import convert

tv = torchvision_models()

#: Our name and the size of the images: small where the network takes any size.
SIZES = {
    "alexnet": 224,
    "squeezenet1_0": 224,
    "squeezenet1_1": 224,
    "resnet18": 64,
    "resnet34": 64,
    "resnet50": 64,
    "resnet101": 64,
    "resnet152": 64,
    "resnext50_32x4d": 64,
    "resnext101_32x8d": 64,
    "resnext101_64x4d": 64,
    "wide_resnet50_2": 64,
    "wide_resnet101_2": 64,
    "regnet_x_400mf": 64,
    "regnet_x_800mf": 64,
    "regnet_x_1_6gf": 64,
    "regnet_x_3_2gf": 64,
    "regnet_x_8gf": 64,
    "regnet_x_16gf": 64,
    "regnet_x_32gf": 64,
    "regnet_y_400mf": 64,
    "regnet_y_800mf": 64,
    "regnet_y_1_6gf": 64,
    "regnet_y_3_2gf": 64,
    "regnet_y_8gf": 64,
    "regnet_y_16gf": 64,
    "regnet_y_32gf": 64,
    "regnet_y_128gf": 64,
    "densenet121": 64,
    "densenet161": 64,
    "densenet169": 64,
    "densenet201": 64,
    "mobilenet_v2": 96,
    "mobilenet_v3_large": 96,
    "mobilenet_v3_small": 96,
    "shufflenet_v2_x0_5": 96,
    "shufflenet_v2_x1_0": 96,
    "shufflenet_v2_x1_5": 96,
    "shufflenet_v2_x2_0": 96,
    "mnasnet0_5": 64,
    "mnasnet0_75": 64,
    "mnasnet1_0": 64,
    "mnasnet1_3": 64,
    "efficientnet_b0": 96,
    "efficientnet_b1": 64,
    "efficientnet_b2": 64,
    "efficientnet_b3": 64,
    "efficientnet_b4": 64,
    "efficientnet_b5": 64,
    "efficientnet_b6": 64,
    "efficientnet_b7": 64,
    "efficientnet_v2_s": 64,
    "efficientnet_v2_m": 64,
    "efficientnet_v2_l": 64,
    "convnext_tiny": 64,
    "convnext_small": 64,
    "convnext_base": 64,
    "convnext_large": 64,
}
VGGS = ["vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"]


@pytest.mark.parametrize("name", chosen(SIZES))
def test_torchvisions_weights_give_torchvisions_logits(name: str) -> None:
    size = SIZES[name]
    # RegNet computes its widths with tensors, which a network without values cannot.
    peer = randomized(getattr(tv, name)() if name.startswith("regnet") else without_values(getattr(tv, name)), size)
    assert apart(converted(name, peer, size), peer, size) <= BOUND


@pytest.mark.parametrize("name", VGGS if every_name() else ["vgg11", "vgg11_bn"])
def test_vgg_at_a_quarter_of_its_size_gives_torchvisions_logits(name: str) -> None:
    # The maps behind the last pooling are 2x2 then, which torchvision would repeat to 7x7.
    peer = without_values(getattr(tv, name))
    peer.avgpool, peer.classifier[0] = torch.nn.Identity(), torch.nn.Linear(512 * 2 * 2, 4096)
    randomized(peer, 64)
    assert apart(converted(name, peer, 64), peer, 64) <= BOUND


def test_vgg_at_its_own_size_gives_torchvisions_logits() -> None:
    peer = randomized(without_values(tv.vgg11), 224, count=1)
    assert apart(converted("vgg11", peer, 224), peer, 224, count=1) <= BOUND


@pytest.mark.parametrize("aux_logits", [True, False])
def test_googlenet_gives_torchvisions_logits_with_and_without_auxiliary_classifiers(aux_logits: Any) -> None:
    peer = without_values(tv.googlenet, init_weights=False, aux_logits=False, transform_input=False)
    weights = randomized(peer, 128).state_dict()
    if aux_logits:
        whole = without_values(tv.googlenet, init_weights=False, aux_logits=True, transform_input=False)
        weights = {**whole.state_dict(), **weights}
        assert "aux2.fc1.weight" in weights
    model = cnnref.build("googlenet_tv", (128, 128, 3), classifier_activation=None)
    assert apart(convert.from_torch(model, weights), peer, 128) <= BOUND


@pytest.mark.parametrize("aux_logits", [True, False])
def test_inception_v3_gives_torchvisions_logits_with_and_without_its_auxiliary_classifier(aux_logits: bool) -> None:
    peer = without_values(tv.inception_v3, init_weights=False, aux_logits=False, transform_input=False)
    weights = randomized(peer, 96).state_dict()
    if aux_logits:
        whole = without_values(tv.inception_v3, init_weights=False, aux_logits=True, transform_input=False)
        weights = {**whole.state_dict(), **weights}
        assert "AuxLogits.fc.weight" in weights
    model = cnnref.build("inception_v3", (96, 96, 3), classifier_activation=None)
    assert apart(convert.from_torch(model, weights), peer, 96) <= BOUND


def test_an_average_without_the_zeros_around_is_refused_for_torchvisions_weights() -> None:
    peer = without_values(tv.inception_v3, init_weights=False, aux_logits=False)
    model = cnnref.build("inception_v3", (96, 96, 3), padding="tensorflow")
    with pytest.raises(cnnref.errors.InputError, match="build inception_v3 with padding='same'"):
        convert.from_torch(model, random_tensors(peer.state_dict()))


def test_the_names_in_densenets_published_file_are_known_too() -> None:
    tensors = random_tensors(without_values(tv.densenet121).state_dict())

    def as_published(name: Any) -> Any:
        for ending in ("norm1", "conv1", "norm2", "conv2"):
            name = name.replace(f".{ending}.", f".{ending[:-1]}.{ending[-1]}.")
        return name

    model = cnnref.build("densenet121", (32, 32, 3))
    now = convert.from_torch(model, tensors).get_weights()
    published = {as_published(name): tensor for name, tensor in tensors.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in published
    model.set_weights([np.zeros_like(weight) for weight in now])
    for found, wanted in zip(convert.from_torch(model, published).get_weights(), now, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50_v1", {}, "resnet50_v1 cannot take these weights: .* strides on the 3x3 convolutions"),
        ("mobilenet_v2", {"padding": "tensorflow"}, "pad both sides equally; build mobilenet_v2 with padding='same'"),
    ],
)
def test_a_network_of_the_same_weights_that_computes_something_else_is_refused(
    name: str, options: Any, message: Any
) -> None:
    peer = without_values(getattr(tv, name.removesuffix("_v1")))
    model = cnnref.build(name, (64, 64, 3), **options)
    with pytest.raises(cnnref.errors.InputError, match=message):
        convert.from_torch(model, random_tensors(peer.state_dict()))


def swapped(first: Any, second: Any) -> Any:
    """A mistake in the mapping: two tensors of one shape change places."""

    def mistake(tensors: Any) -> Any:
        assert tensors[first].shape == tensors[second].shape
        return {**tensors, first: tensors[second], second: tensors[first]}

    return mistake


def fourth_digit_of_a_statistic(tensors: Any) -> Any:
    name = "layer4.1.bn2.running_mean"
    return {**tensors, name: tensors[name] + 1e-3}


@pytest.mark.parametrize(
    "mistake",
    [
        swapped("layer1.0.conv1.weight", "layer1.0.conv2.weight"),
        swapped("layer2.0.bn2.running_var", "layer2.0.downsample.1.running_var"),
        swapped("layer4.1.bn1.bias", "layer4.1.bn2.bias"),
        swapped("layer4.1.bn2.weight", "layer4.1.bn2.bias"),
        fourth_digit_of_a_statistic,
    ],
)
def test_the_bound_catches_a_small_mistake_in_the_weights(mistake: Any) -> None:
    peer = randomized(without_values(tv.resnet18), 64)
    model = cnnref.build("resnet18", (64, 64, 3), classifier_activation=None)
    assert apart(convert.from_torch(model, peer.state_dict()), peer, 64) <= BOUND
    assert apart(convert.from_torch(model, mistake(peer.state_dict())), peer, 64) > 10 * BOUND


@pytest.mark.parametrize(
    ("right", "wrong", "options"),
    [("mobilenet_v2", "mobilenet_v2", {"padding": "tensorflow"}), ("resnet50", "resnet50_v1", {})],
)
def test_the_bound_catches_another_padding_or_stride(right: Any, wrong: Any, options: Any) -> None:
    peer = randomized(without_values(getattr(tv, right)), 64)
    weights = converted(right, peer, 64).get_weights()
    model = cnnref.build(wrong, (64, 64, 3), classifier_activation=None, **options)
    model.set_weights(weights)
    assert apart(model, peer, 64) > 10 * BOUND


def test_the_bound_catches_an_epsilon_that_is_a_hundred_times_another() -> None:
    peer = randomized(without_values(tv.resnet18), 64)
    model = converted("resnet18", peer, 64)
    for module in peer.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps *= 100
    assert apart(model, peer, 64) > 10 * BOUND


def test_the_bound_catches_maps_flattened_in_pytorchs_order() -> None:
    peer = randomized(without_values(tv.alexnet), 224)
    model = converted("alexnet", peer, 224)
    kernel = model.get_layer("dense6").kernel
    kernel.assign(peer.classifier[1].weight.detach().numpy().T)
    assert apart(model, peer, 224) > 10 * BOUND
