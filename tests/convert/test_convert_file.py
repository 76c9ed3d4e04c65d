"""A file of PyTorch weights becomes a .keras file, or nothing is written."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.convert import convert_file
from cnnref.convert.pytorch import known_layouts, layout_of
from cnnref.convert.slots import pytorch_slots
from cnnref.errors import InputError

torch = pytest.importorskip("torch", reason="the weights to convert are PyTorch's")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """resnet20's, under the names of akamaster/pytorch_resnet_cifar10."""
    random = torch.Generator().manual_seed(0)
    model = cnnref.build("resnet20")
    shapes = {"conv1.weight": (16, 3, 3, 3), "linear.weight": (10, 64), "linear.bias": (10,)}
    normalizations = {"bn1": 16}
    for stage, channels in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            for number in (1, 2):
                inputs = channels // 2 if stage > 1 and block == 0 and number == 1 else channels
                shapes[f"layer{stage}.{block}.conv{number}.weight"] = (channels, inputs, 3, 3)
                normalizations[f"layer{stage}.{block}.bn{number}"] = channels
    for name, channels in normalizations.items():
        shapes |= {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    tensors = {f"module.{name}": torch.rand(shape, generator=random) + 0.5 for name, shape in shapes.items()}
    assert sum(tensor.numel() for tensor in tensors.values()) == model.count_params()
    path = tmp_path_factory.mktemp("weights") / "resnet20.th"
    torch.save({"state_dict": tensors, "best_prec1": 0.0}, path)
    return path


def test_the_file_holds_the_converted_model(tmp_path: Path, weights: Any) -> None:
    out = tmp_path / "new" / "resnet20.keras"
    done = convert_file("resnet20", weights, out)
    assert (done.model, done.tensors, done.parameters) == ("resnet20", 97, 271_098)
    assert done.layout == "akamaster/pytorch_resnet_cifar10"
    wanted = cnnref.convert.from_torch(cnnref.build("resnet20"), weights).get_weights()
    for found, weight in zip(cnnref.load(out).get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(found, weight)
    assert sorted(out.parent.iterdir()) == [out]


def test_options_go_to_the_builder(tmp_path: Path, weights: Any) -> None:
    convert_file("resnet20", weights, tmp_path / "features.keras", include_top=False)
    assert cnnref.load(tmp_path / "features.keras").output_shape == (None, 8, 8, 64)


def normalization_inside(path: Any) -> Any:
    """Mean and deviation that a .keras file normalizes with."""
    layer = cnnref.load(path).get_layer("normalization")
    deviation = 1 / (255 * np.ravel(layer.scale))
    return -np.ravel(layer.offset) * deviation, deviation


def test_the_published_normalization_goes_inside_when_asked(tmp_path: Path, weights: Any) -> None:
    published = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    out = tmp_path / "resnet20.keras"
    assert convert_file("resnet20", weights, out, normalization="published").normalization == published
    np.testing.assert_allclose(normalization_inside(out), published, rtol=1e-6)
    mine = ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    assert convert_file("resnet20", weights, out, normalization=mine, force=True).normalization == mine
    np.testing.assert_allclose(normalization_inside(out), mine, rtol=1e-6)
    assert convert_file("resnet20", weights, out, force=True).normalization is None


def test_googlenet_of_torchvision_is_converted_with_its_own_normalization(tmp_path: Path) -> None:
    outline = cnnref.models.outline("googlenet_tv", classes=5)
    layers = [layer.name for layer in outline.layers]
    (layout,) = known_layouts("googlenet", "googlenet_tv")
    names = layout.names(layers)
    tensors = {names[slot.layer] + slot.key: torch.ones(slot.shapes[0]) for slot in pytorch_slots(outline)}
    torch.save(tensors, tmp_path / "googlenet.pth")
    out = tmp_path / "googlenet.keras"
    done = CliRunner().invoke(
        app, ["convert", "googlenet_tv", str(tmp_path / "googlenet.pth"), "--out", str(out), "--classes", "5"]
    )
    assert done.exit_code == 0, done.output
    assert "mean 0.5, 0.5, 0.5; deviation 0.5, 0.5, 0.5" in done.output
    np.testing.assert_allclose(normalization_inside(out), ((0.5,) * 3, (0.5,) * 3), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "with_top", "title"),
    [
        ("resnet18", True, "torchvision and timm"),
        ("resnet18", True, "kuangliu/pytorch-cifar"),
        ("resnet18", False, "torchvision and timm"),
        ("resnet18", False, "kuangliu/pytorch-cifar"),
        ("densenet121", True, "torchvision's published files"),
        ("vgg11_bn_cifar", True, "kuangliu/pytorch-cifar"),
        ("convnext_tiny", True, "timm"),
    ],
)
def test_the_layout_of_weights_is_recognized_before_they_are_used(name: str, with_top: Any, title: Any) -> None:
    layers = [layer.name for layer in cnnref.models.outline(name, include_top=with_top).layers]
    layout = next(known for known in known_layouts(cnnref.spec(name).family, name) if known.title == title)
    tensors = dict.fromkeys(f"{module}.weight" for module in layout.names(layers).values())
    assert layout_of(name, layers, tensors).title == title


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path, weights: Any) -> None:
    out = tmp_path / "mine.keras"
    out.write_text("precious")
    with pytest.raises(InputError, match=r"mine.keras already exists; .* force=True"):
        convert_file("resnet20", weights, out)
    assert out.read_text() == "precious"
    convert_file("resnet20", weights, out, force=True)
    assert cnnref.load(out).name == "resnet20"


@pytest.mark.parametrize(
    ("name", "out", "options", "message"),
    [
        ("resnet20", "resnet20.h5", {}, "must end in .keras"),
        ("resnet21", "resnet21.keras", {}, "no model 'resnet21'"),
        ("resnet20", "resnet20.keras", {"classes": 100}, "with classes=10, or"),
        ("resnet32", "resnet32.keras", {}, "'layer1.3.conv1.weight' .* and 59 more are missing"),
        ("resnet20", "resnet20.keras", {"depth": 3}, "no option 'depth'"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    tmp_path: Path, weights: Any, name: str, out: Any, options: Any, message: Any
) -> None:
    with pytest.raises(InputError, match=message):
        convert_file(name, weights, tmp_path / out, **options)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_imports_neither_keras_nor_pytorch() -> None:
    program = """
import json, sys
import cnnref.convert
names = dir(cnnref.convert)
import cnnref.weights.reading, cnnref.convert.layouts_timm, cnnref.convert.keras_layouts
cnnref.convert.from_torch, cnnref.convert.from_keras_applications, cnnref.convert.convert_file
print(json.dumps([names, [name for name in ("keras", "tensorflow", "torch", "safetensors") if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    names, heavy = json.loads(done.stdout)
    assert names == sorted(cnnref.convert.__all__)
    assert heavy == []
