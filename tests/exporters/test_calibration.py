"""The calibration images: training images only, the same every time, and their hash in bundle.json."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnref
from cnnref.data import load
from cnnref.errors import InputError
from cnnref.exporters.calibration import COUNT, noise, sample_of


def as_set(images: Any) -> Any:
    return {image.tobytes() for image in images}


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_test_image_is_used(name: str, datasets_folder: Path) -> None:
    data = load(name, datasets_folder)
    chosen = sample_of(data.train_images, data.name)
    assert chosen.images.shape == (COUNT, *data.image_shape)
    assert len(as_set(chosen.images)) == COUNT
    assert as_set(chosen.images) <= as_set(data.train_images)
    assert not as_set(chosen.images) & as_set(data.test_images)


def test_a_bundle_is_calibrated_with_training_images_whose_hash_it_states(bundle: Any) -> None:
    stated = bundle.document["calibration"]
    data = load("digits")
    chosen = sample_of(data.train_images, "digits")
    assert stated == {
        "images": COUNT,
        "from": "training images of digits",
        "seed": 0,
        "method": "smallest and largest activation",
        "sha256": hashlib.sha256(chosen.images.tobytes()).hexdigest(),
    }
    assert not as_set(chosen.images) & as_set(data.test_images)


def test_the_test_images_have_no_part_in_the_integer_files(
    run: Any, bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every test image changed, the integer files are the same bytes."""
    from dataclasses import replace

    from cnnref.exporters import samples as data

    real = data.load

    def load_with_other_test_images(*args: Any, **kwargs: Any) -> Any:
        data = real(*args, **kwargs)
        return replace(data, test_images=255 - data.test_images)

    monkeypatch.setattr(data, "load", load_with_other_test_images)
    other = cnnref.export(run.folder, tmp_path / "other", precisions=["int8"])
    for name in ("model.int8.onnx", "model.int8.tflite"):
        assert other.files[name] == bundle.files[name]
    seen, usual = (json.loads((made.folder / "report.json").read_text()) for made in (other, bundle))
    tests = [next(check["test"] for check in report["checks"] if check["test"]) for report in (seen, usual)]
    assert tests[0]["accuracy"] != tests[1]["accuracy"], "the test images were changed, and this was to be seen"


@given(count=st.integers(1, 60), seed=st.integers(0, 5), images=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_sample_has_no_image_twice_and_is_the_same_for_the_same_seed(count: Any, seed: Any, images: Any) -> None:
    training = np.arange(images, dtype=np.uint8).reshape(images, 1, 1, 1)
    chosen = sample_of(training, "numbers", count=count, seed=seed)
    assert len(chosen.images) == len(as_set(chosen.images)) == min(count, images)
    assert chosen.to_json() == sample_of(training, "numbers", count=count, seed=seed).to_json()


def test_another_seed_draws_other_images() -> None:
    training = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    first, second = (sample_of(training, "numbers", count=10, seed=seed) for seed in (0, 1))
    assert first.to_json()["sha256"] != second.to_json()["sha256"]


def test_noise_says_that_it_is_noise() -> None:
    found = noise((4, 5, 3), count=7).to_json()
    assert found["images"] == 7
    assert "noise" in found["from"]


def test_no_images_and_no_count_are_refused() -> None:
    images = np.zeros((3, 2, 2, 1), np.uint8)
    for training, count in ((images, 0), (images[:0], 5)):
        with pytest.raises(InputError, match="integer file"):
            sample_of(training, "nothing", count=count)
