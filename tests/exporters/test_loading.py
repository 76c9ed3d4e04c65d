"""`cnnref.load`: the trained model, by name or path."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnref
from cnnref.errors import InputError
from cnnref.runtimes import read_samples


def test_a_bundle_a_run_and_a_file_load_as_the_same_model(bundle: Any, run: Any) -> None:
    samples = read_samples(bundle)
    for place in (bundle.folder, run.folder, run.model, str(bundle.folder)):
        found = cnnref.load(place).predict_on_batch(samples.images.astype(np.float32))
        np.testing.assert_allclose(found, samples.probabilities, atol=1e-6)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lenet6-mnist"):
        cnnref.load("lenet6-mnist")
    with pytest.raises(InputError, match=r"none\.keras"):
        cnnref.load(tmp_path / "none.keras")
    (tmp_path / "notes.txt").write_text("weights")
    with pytest.raises(InputError, match=r"notes\.txt is no Keras model; give a \.keras file, a bundle or"):
        cnnref.load(tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no model\.keras in .*empty; give a bundle or the folder of a finished run"):
        cnnref.load(tmp_path / "empty")
