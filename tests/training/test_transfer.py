"""Fine-tuning's beginning: trained weights are read for one architecture, and arrive in it for other classes."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import answers, forget, randomise, some_images

import cnnref
from cnnref.convert.pytorch import known_layouts
from cnnref.convert.rules import IMAGENET
from cnnref.convert.slots import pytorch_slots
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.normalization import normalization_of
from cnnref.models.saving import save_model
from cnnref.runtimes import find_bundle, read_bundle, read_samples
from cnnref.training.transfer import body_and_head, pretrained, transfer

SHAPE = (32, 40, 3)
SCALE = ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.fixture(autouse=True, scope="module")
def _tidy() -> Iterator[Any]:
    yield
    forget()


@pytest.fixture(scope="module")
def trained() -> Any:
    """resnet8 for four classes with a random number in every weight."""
    return randomise(cnnref.build("resnet8", SHAPE, 4, normalization=SCALE))


@pytest.fixture(scope="module")
def file(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("trained") / "model.keras"
    save_model(trained, path)
    return path


def values(model: Any) -> Any:
    return {(layer.name, weight.name): np.array(weight) for layer in model.layers for weight in layer.weights}


def same(found: Any, wanted: Any) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        np.testing.assert_array_equal(found[key], value, err_msg=str(key))


def tapped(model: Any, layer: Any, images: Any) -> Any:
    """What a layer gives for an image."""
    return answers(keras.Model(model.input, model.get_layer(layer).output), images)


def refused(message: Any, call: Any, *args: Any, **kwargs: Any) -> None:
    """One sentence, and this one."""
    with pytest.raises(InputError, match=message) as error:
        call(*args, **kwargs)
    assert "\n" not in str(error.value)


def test_a_keras_file_a_run_and_a_folder_give_the_network_that_was_saved(trained: Any, file: Any) -> None:
    for source in (file, str(file), file.parent):
        found = pretrained("resnet8", source)
        same(values(found), values(trained))
    images = some_images(SHAPE) * 40 + 128
    np.testing.assert_array_equal(answers(found, images), answers(trained, images))


@pytest.mark.parametrize(("name", "bundle"), [("lenet5", "lenet5-mnist"), ("resnet20", "resnet20-cifar10")])
def test_a_shipped_bundle_is_known_by_its_name(name: str, bundle: Any) -> None:
    facts = read_bundle(find_bundle(bundle))
    samples = read_samples(facts)
    model = pretrained(name, bundle)
    probabilities = answers(model, samples.images.astype(np.float32))
    np.testing.assert_allclose(probabilities, samples.probabilities, atol=1e-5)
    mean, deviation = normalization_of(model)
    np.testing.assert_allclose(mean, facts.preprocessing["mean"], rtol=1e-6)
    np.testing.assert_allclose(deviation, facts.preprocessing["std"], rtol=1e-6)


def test_for_other_classes_the_body_computes_the_same_and_the_classifier_is_fresh(trained: Any) -> None:
    target = cnnref.build("resnet8", SHAPE, 3, normalization=normalization_of(trained))
    before = values(target)
    assert transfer(trained, target) == ["logits"]
    after = values(target)
    same({key: after[key] for key in after if key[0] == "logits"}, {k: before[k] for k in before if k[0] == "logits"})
    images = some_images(SHAPE) * 40 + 128
    wanted = tapped(trained, "pool", images)
    assert np.ptp(wanted, axis=0).max() > 0.1
    np.testing.assert_allclose(tapped(target, "pool", images), wanted, rtol=1e-5, atol=1e-5)


def test_for_the_same_classes_everything_arrives_whatever_the_input_size(trained: Any) -> None:
    target = cnnref.build("resnet8", (48, 24, 3), 4, normalization=normalization_of(trained))
    assert transfer(trained, target) == []
    same(values(target), values(trained))


def test_features_without_a_classifier_are_a_source_as_long_as_nothing_else_is_missing(tmp_path: Path) -> None:
    features = randomise(cnnref.build("resnet8", SHAPE, include_top=False))
    save_model(features, tmp_path / "features.keras")
    source = pretrained("resnet8", tmp_path / "features.keras")
    target = cnnref.build("resnet8", SHAPE, 3)
    assert transfer(source, target) == ["logits"]
    images = some_images(SHAPE)
    np.testing.assert_allclose(tapped(target, "stage3", images), answers(features, images), rtol=1e-5, atol=1e-5)
    lenet = cnnref.build("lenet5", include_top=False)
    refused("do not fit: dense1 has no kernel there", transfer, lenet, cnnref.build("lenet5"))


def test_a_classifier_behind_flattened_maps_is_fresh_at_another_size() -> None:
    source = cnnref.build("tinyvgg", (32, 32, 3), 3)
    target = cnnref.build("tinyvgg", (40, 40, 3), 3)
    assert transfer(source, target) == ["logits"]


def names_in(title: Any, model: Any) -> Any:
    """Our layers -> the modules of a layout."""
    layouts = known_layouts(cnnref.models.spec(model.name).family, model.name)
    layout = next(known for known in layouts if known.title == title)
    return layout.names([layer.name for layer in model.layers])


def pytorch_tensors(model: Any, title: Any) -> Any:
    """The model's weights as PyTorch lays them out, under the names of a layout."""
    names = names_in(title, model)
    tensors = {}
    for slot in pytorch_slots(model):
        value = np.array(slot.variable)
        if slot.axes:
            unfolded = value.reshape([slot.unfolded[axis] for axis in slot.axes])
            value = unfolded.transpose(np.argsort(slot.axes))
        tensors[names[slot.layer] + slot.key] = np.ascontiguousarray(value.reshape(slot.shapes[0]))
    return tensors


def write_torch(path: Any, tensors: Any) -> None:
    torch = pytest.importorskip("torch", reason="the file is PyTorch's")
    torch.save({"state_dict": {name: torch.from_numpy(value) for name, value in tensors.items()}}, path)


def write_safetensors(path: Any, tensors: Any) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    from safetensors.numpy import save_file

    save_file(tensors, path)


@pytest.mark.parametrize(
    ("name", "title", "file_name", "write"),
    [
        ("resnet20", "akamaster/pytorch_resnet_cifar10", "w.th", write_torch),
        ("squeezenet1_1", "torchvision", "w.safetensors", write_safetensors),
    ],
)
def test_pytorch_weights_bring_their_classes_and_imagenets_normalization(
    tmp_path: Path, name: str, title: Any, file_name: Any, write: Any
) -> None:
    peer = randomise(cnnref.build(name, classes=7, classifier_activation=None))
    write(tmp_path / file_name, pytorch_tensors(peer, title))
    source = pretrained(name, tmp_path / file_name)
    same(values(source), values(peer))
    np.testing.assert_allclose(normalization_of(source), IMAGENET, rtol=1e-12)
    target = cnnref.build(name, classes=3, normalization=normalization_of(source))
    (classifier,) = body_and_head(target)[1]
    assert transfer(source, target) == [classifier.name]
    body = {key: value for key, value in values(peer).items() if key[0] != classifier.name}
    same({key: value for key, value in values(target).items() if key[0] != classifier.name}, body)


@pytest.mark.parametrize(
    ("name", "title", "normalization"),
    [
        ("googlenet_tv", "torchvision", ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
        ("vgg11_bn_cifar", "kuangliu/pytorch-cifar", ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))),
    ],
)
def test_weights_that_were_not_trained_with_imagenets_normalization_bring_their_own(
    tmp_path: Path, name: str, title: Any, normalization: Any
) -> None:
    peer = cnnref.models.outline(name, classes=3)
    names = names_in(title, peer)
    tensors = {names[slot.layer] + slot.key: np.ones(slot.shapes[0], np.float32) for slot in pytorch_slots(peer)}
    write_safetensors(tmp_path / "w.safetensors", tensors)
    source = pretrained(name, tmp_path / "w.safetensors")
    np.testing.assert_allclose(normalization_of(source), normalization, rtol=1e-12)
    forget()


def test_a_body_without_its_classifier_brings_its_normalization_too(tmp_path: Path) -> None:
    peer = cnnref.models.outline("googlenet_tv", include_top=False)
    names = names_in("torchvision", peer)
    tensors = {names[slot.layer] + slot.key: np.ones(slot.shapes[0], np.float32) for slot in pytorch_slots(peer)}
    write_safetensors(tmp_path / "body.safetensors", tensors)
    source = pretrained("googlenet_tv", tmp_path / "body.safetensors")
    np.testing.assert_allclose(normalization_of(source), ((0.5,) * 3, (0.5,) * 3), rtol=1e-12)
    forget()


def test_pytorch_weights_without_a_classifier_and_of_another_normalization(tmp_path: Path) -> None:
    peer = cnnref.build("resnet20")
    tensors = pytorch_tensors(peer, "akamaster/pytorch_resnet_cifar10")
    body = {name: value for name, value in tensors.items() if not name.startswith("linear.")}
    write_safetensors(tmp_path / "body.safetensors", body)
    source = pretrained("resnet20", tmp_path / "body.safetensors", normalization=SCALE)
    np.testing.assert_allclose(normalization_of(source), SCALE)
    assert body_and_head(source)[1] == []
    assert transfer(source, cnnref.build("resnet20", classes=3, normalization=SCALE)) == ["logits"]


def test_one_output_is_a_yes_or_no(tmp_path: Path) -> None:
    peer = cnnref.build("resnet20", classes=1, classifier_activation="sigmoid")
    write_safetensors(tmp_path / "yes.safetensors", pytorch_tensors(peer, "akamaster/pytorch_resnet_cifar10"))
    assert pretrained("resnet20", tmp_path / "yes.safetensors").output_shape == (None, 1)
    save_model(peer, tmp_path / "yes.keras")
    assert pretrained("resnet20", tmp_path / "yes.keras").output_shape == (None, 1)


def test_a_network_that_takes_pixels_as_they_are_has_no_normalization(trained: Any) -> None:
    assert normalization_of(cnnref.build("resnet8")) is None
    np.testing.assert_allclose(normalization_of(trained), SCALE, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "shape", "top", "head", "last_of_body"),
    [
        ("resnet8", None, True, ["logits"], "stage3_block1_conv2_bn"),
        ("lenet5", None, True, ["logits"], "dense2"),
        ("squeezenet1_1", (64, 64, 3), True, ["class_maps"], "fire9_expand3x3"),
        ("resnet8", None, False, [], "stage3_block1_conv2_bn"),
    ],
)
def test_body_and_head_share_all_weights_between_them(
    name: str, shape: Any, top: Any, head: Any, last_of_body: Any
) -> None:
    model = cnnref.models.outline(name, shape, include_top=top)
    body, found = body_and_head(model)
    assert [layer.name for layer in found] == head
    assert body[-1].name == last_of_body or last_of_body in [layer.name for layer in body[-3:]]
    assert sum(len(layer.weights) for layer in (*body, *found)) == len(model.weights)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            ("lenet5", (28, 28, 1), 10),
            ("lenet5", (32, 32, 1), 3),
            r"lenet5 do not fit: dense1 has a kernel of shape \(400, 120\) where \(576, 120\) is needed; they are for "
            "pictures of 28x28x1 and the new network takes 32x32x1, so use 28x28x1",
        ),
        (
            ("resnet8", (32, 32, 3), 10),
            ("resnet8", (32, 32, 1), 3),
            r"stem has a kernel of shape \(3, 3, 3, 16\) where \(3, 3, 1, 16\) .* pictures of 32x32x3 and .* 32x32x1",
        ),
        (
            ("resnet20", None, 10),
            ("resnet8", None, 10),
            "resnet20 has weights for the layer stage1_block2_conv1, which",
        ),
        (("resnet20", None, 10), ("resnet32", None, 10), "of resnet20 do not fit: stage1_block4_conv1 has no kernel"),
    ],
)
def test_a_body_that_differs_is_refused_and_nothing_is_copied(source: Any, target: Any, message: Any) -> None:
    model = cnnref.build(*target)
    before = values(model)
    refused(message, transfer, cnnref.build(*source), model)
    same(values(model), before)


@pytest.mark.parametrize("other", [None, ((0.4, 0.5, 0.61), SCALE[1]), ((102.0, 127.5, 153.0), (51.0, 63.75, 76.5))])
def test_another_normalization_is_refused_and_nothing_is_copied(trained: Any, other: Any) -> None:
    model = cnnref.build("resnet8", SHAPE, 3, normalization=other)
    before = values(model)
    refused(r"mean \[0.4, 0.5, 0.6\] .* normalization=normalization_of\(source\)", transfer, trained, model)
    same(values(model), before)


def test_what_is_not_there_or_no_file_of_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("weights")
    (tmp_path / "empty").mkdir()
    for source, message in (
        (tmp_path / "none.keras", r"There is no file .*none\.keras"),
        (tmp_path / "none.safetensors", r"There is no file .*none\.safetensors"),
        ("resnet21-cifar10", "There is no bundle 'resnet21-cifar10'"),
        (tmp_path / "notes.txt", r"notes\.txt is not a file that weights are taken from; .* \.keras, \.pth"),
        (tmp_path / "empty", r"no model\.keras in .*empty; give a bundle or the folder of a finished run"),
    ):
        refused(message, pretrained, "resnet20", source)
    refused("There is no model 'resnet21'; did you mean", pretrained, "resnet21", tmp_path / "none.keras")


def test_a_file_of_another_network_is_refused(file: Any, tmp_path: Path) -> None:
    refused(r"model\.keras holds resnet8, and resnet20 was asked for", pretrained, "resnet20", file)
    refused("holds lenet5, and lenet5_relu was asked for", pretrained, "lenet5_relu", "lenet5-mnist")
    stranger = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="mine")
    save_model(stranger, tmp_path / "mine.keras")
    refused("a model called 'mine' that cnnref.build did not make, and resnet8", pretrained, "resnet8",
            tmp_path / "mine.keras")  # fmt: skip


def test_a_network_of_the_right_name_and_other_layers_is_refused_by_the_first_that_differs(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    save_model(cnnref.build("tinyvgg", (32, 32, 3), filters=6), path)
    assert pretrained("tinyvgg", path, filters=6).count_params() > 0
    refused(r"the layer block1_conv1 has a kernel of shape \(3, 3, 3, 6\) where \(3, 3, 3, 10\)", pretrained,
            "tinyvgg", path)  # fmt: skip
    plain = cnnref.build("tinyvgg", (32, 32, 3))
    noisy = keras.layers.Dropout(0.5, name="noise")(plain.get_layer("flatten").output)
    changed = keras.Model(plain.input, plain.get_layer("logits")(noisy), name="tinyvgg")
    save_model(changed, path)
    refused("is called tinyvgg and is not what .* has a layer noise", pretrained, "tinyvgg", path)
    save_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="tinyvgg"), path)
    refused("does not take pictures of one size, so it is not tinyvgg", pretrained, "tinyvgg", path)


class Planted:
    """Unpickled, it would make a file."""

    def __init__(self, path: Any) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_damage_and_code_are_refused_and_not_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the files are PyTorch's")
    for name, message in (
        ("a.pth", "a.pth is not a complete PyTorch checkpoint"),
        ("a.keras", "a.keras is not a complete .keras file"),
    ):
        (tmp_path / name).write_text("These are no weights.\n")
        refused(message, pretrained, "resnet20", tmp_path / name)
    trap = tmp_path / "trap"
    torch.save({"linear.weight": Planted(trap)}, tmp_path / "code.pth")
    refused("holds more than tensors, and nothing of it was run", pretrained, "resnet20", tmp_path / "code.pth")
    assert not trap.exists()
    image = keras.Input((4,))
    code = keras.Model(image, keras.layers.Lambda(lambda x: x + 1)(image), name="resnet20")
    code.save(tmp_path / "code.keras")
    refused("code from a file is not run", pretrained, "resnet20", tmp_path / "code.keras")


def test_pytorch_weights_of_other_channels_or_another_network_are_refused(tmp_path: Path) -> None:
    peer = cnnref.build("resnet20", (32, 32, 1))
    tensors = pytorch_tensors(peer, "akamaster/pytorch_resnet_cifar10")
    path = tmp_path / "gray.safetensors"
    write_safetensors(path, tensors)
    wrong = re.escape("'conv1.weight' has the shape (16, 1, 3, 3) and stem/kernel of resnet20 takes (16, 3, 3, 3)")
    refused(wrong, pretrained, "resnet20", path)
    refused("do not fit resnet32: 'layer1.3.conv1.weight' .* are missing", pretrained, "resnet32", path)
    refused("No PyTorch layout is known for lenet5", pretrained, "lenet5", path)
