"""The bijection between a model's weights and a state dict: what goes in, what is named when it does not."""

from typing import Any

import numpy as np
import pytest
from torch_peers import BOUND, apart, converted, random_tensors, randomized, torch, torchvision_models, without_values

import cnnref
from cnnref import convert
from cnnref.convert.matching import at_epsilon
from cnnref.convert.pytorch import convert as fill
from cnnref.errors import InputError

tv = torchvision_models()
SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def tensors() -> Any:
    """Random arrays under the names of torchvision's resnet18 (1,000 classes)."""
    return random_tensors(without_values(tv.resnet18).state_dict())


@pytest.fixture
def model() -> Any:
    return cnnref.build("resnet18", SHAPE)


def refused(model: Any, state_dict: Any, message: Any) -> None:
    """The error says so, and not a weight has changed."""
    before = model.get_weights()
    with pytest.raises(InputError, match=message):
        convert.from_torch(model, state_dict)
    for found, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_every_number_arrives_once(model: Any, tensors: Any) -> None:
    assert convert.from_torch(model, tensors) is model
    numbers = np.concatenate([weight.ravel() for weight in model.get_weights()])
    given = [value.ravel() for name, value in tensors.items() if not name.endswith("num_batches_tracked")]
    np.testing.assert_array_equal(np.sort(numbers), np.sort(np.concatenate(given).astype(np.float32)))


def test_the_summary_tells_what_was_done(tensors: Any) -> None:
    with_top = fill(cnnref.build("resnet18", SHAPE), tensors)
    assert with_top == convert.Conversion("resnet18", "torchvision and timm", 102, 11_699_112, ())
    without = fill(cnnref.build("resnet18", SHAPE, include_top=False), tensors)
    assert without == convert.Conversion(
        "resnet18", "torchvision and timm", 100, 11_699_112 - 513_000, ("fc.weight", "fc.bias")
    )


def test_names_may_have_a_prefix_and_counters_may_be_missing(model: Any, tensors: Any) -> None:
    wanted = convert.from_torch(model, tensors).get_weights()
    for prefix in ("module.", "_orig_mod.module."):
        prefixed = {prefix + name: value for name, value in tensors.items() if "num_batches" not in name}
        model.set_weights([np.zeros_like(weight) for weight in wanted])
        found = convert.from_torch(model, {"epoch": 3, "state_dict": prefixed}).get_weights()
        for weight, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(weight, other)


def test_a_missing_tensor_is_named_with_its_layer(model: Any, tensors: Any) -> None:
    fewer = {name: value for name, value in tensors.items() if name != "layer2.0.bn1.running_var"}
    message = r"'layer2.0.bn1.running_var' \(for stage2_block1_conv1_bn/moving_variance, shape \(128,\)\) is missing"
    refused(model, fewer, message)


def test_left_over_tensors_are_named_and_counted(model: Any, tensors: Any) -> None:
    more = {**tensors, "layer1.0.conv3.weight": np.zeros((4, 4)), "layer1.0.conv3.bias": np.zeros(4)}
    refused(model, more, r"'layer1.0.conv3.weight' \(shape \(4, 4\)\) and 1 more are left over")


def test_a_tensor_of_another_shape_is_named_with_both_shapes(model: Any, tensors: Any) -> None:
    other = {**tensors, "layer1.0.conv1.weight": np.zeros((64, 64, 5, 5), np.float32)}
    message = r"'layer1.0.conv1.weight' has the shape \(64, 64, 5, 5\) and stage1_block1_conv1/kernel of resnet18 takes"
    refused(model, other, message + r" \(64, 64, 3, 3\)\.")


def test_integers_are_no_weights(model: Any, tensors: Any) -> None:
    refused(model, {**tensors, "bn1.weight": np.ones(64, np.int64)}, "'bn1.weight' holds int64 where stem_bn/gamma")


def test_another_number_of_classes_is_named_with_the_remedy(tensors: Any) -> None:
    model = cnnref.build("resnet18", SHAPE, classes=10)
    refused(model, tensors, r"'fc.weight' .* logits/kernel of resnet18 .*build resnet18 with classes=1000, or with inc")
    maps = random_tensors(without_values(tv.squeezenet1_1).state_dict())
    refused(cnnref.build("squeezenet1_1", classes=10), maps, "class_maps/kernel .* squeezenet1_1 with classes=1000")


def test_another_size_of_flattened_maps_is_named_with_the_remedy() -> None:
    peer = without_values(tv.vgg11_bn)
    peer.classifier = torch.nn.Linear(512, 10)
    model = cnnref.build("vgg11_bn_cifar", (64, 64, 3))
    message = r"'classifier.weight' has the shape \(10, 512\) .* takes \(10, 2048\); .* with the input_shape that"
    refused(model, random_tensors(peer.state_dict()), message)


def test_weights_of_another_family_are_refused_with_the_layouts_that_are_known(model: Any) -> None:
    tensors = random_tensors(without_values(tv.squeezenet1_1).state_dict())
    message = "no layout that is known for resnet18 .torchvision and timm: 'conv1.weight' .* kuangliu/pytorch-cifar: "
    refused(model, tensors, message)


def test_a_model_without_a_counterpart_is_refused(tensors: Any) -> None:
    refused(cnnref.build("lenet5"), tensors, "No PyTorch layout is known for lenet5; .* alexnet, cifar_resnet, conv")


def test_what_is_no_model_of_this_package_is_refused(tensors: Any) -> None:
    keras = cnnref.environment.keras
    stranger = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="mine")
    refused(stranger, tensors, "'mine' is no model of this package")
    changed = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="odd")], name="resnet18")
    refused(changed, tensors, "resnet18 has layers that cnnref.build does not make")
    with pytest.raises(InputError, match="'dict' is no model"):
        convert.from_torch({}, tensors)


@pytest.mark.parametrize("name", ["resnet18_cifar", "vgg11_bn_cifar"])
def test_the_names_of_pytorch_cifar_are_known(name: str) -> None:
    """kuangliu's networks: torchvision's with a small stem, or without hidden dense layers, under other names."""
    if name == "resnet18_cifar":
        peer = without_values(tv.resnet18, num_classes=10)
        peer.conv1, peer.maxpool = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False), torch.nn.Identity()
        renamed = {".downsample.": ".shortcut.", "fc.": "linear."}
    else:
        peer = without_values(tv.vgg11_bn)
        peer.avgpool, peer.classifier = torch.nn.Identity(), torch.nn.Linear(512, 10)
        renamed = {}
    state = randomized(peer, 32).state_dict()
    for old, new in renamed.items():
        state = {key.replace(old, new): value for key, value in state.items()}
    model = cnnref.build(name, classifier_activation=None)
    assert apart(convert.from_torch(model, state), peer, 32) <= BOUND


def test_features_without_a_classifier_are_those_of_the_whole_network() -> None:
    peer = randomized(without_values(tv.resnet18), 64)
    whole = converted("resnet18", peer, 64)
    features = converted("resnet18", peer, 64, include_top=False)
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    dense = whole.get_layer("logits")
    np.testing.assert_allclose(dense(np.mean(features(images), (1, 2))), whole(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "squeezenet1_1", "convnext_tiny"])
def test_without_a_top_all_of_the_classifier_is_left_out_and_nothing_else(name: str) -> None:
    tensors = random_tensors(without_values(getattr(tv, name)).state_dict())
    done = fill(cnnref.build(name, (64, 64, 3), include_top=False), tensors)
    assert set(done.left_out) == {key for key in tensors if key.startswith("classifier.")}


@pytest.mark.parametrize(("theirs", "ours"), [(1e-3, 1e-5), (1e-5, 1e-3), (1e-3, 1e-3)])
def test_normalization_at_another_epsilon_is_the_same_function(theirs: Any, ours: Any) -> None:
    random = np.random.default_rng(0)
    gamma, variance = random.normal(size=100), np.geomspace(1e-12, 10, 100)
    ours_gamma, ours_variance = at_epsilon(gamma, variance, theirs, ours)
    assert (ours_variance >= 0).all()
    np.testing.assert_allclose(
        ours_gamma / np.sqrt(ours_variance + ours), gamma / np.sqrt(variance + theirs), rtol=1e-12
    )
