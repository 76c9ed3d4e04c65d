"""Fixtures that every room's tests share."""

import os
from pathlib import Path

import pytest

import cnnref  # noqa: F401  first of all: it sets the environment that TensorFlow reads when it is loaded

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture(scope="session")
def datasets_folder() -> Path:
    """The folder with the real data sets. The environment is only read: tests that want CNNREF_DATA set it."""
    named = os.environ.get("CNNREF_DATA")
    folder = Path(named) if named else SHARED_DATA
    if not folder.is_dir():
        pytest.skip(f"no data folder: set CNNREF_DATA to the folder with the data sets ({folder} is missing)")
    return folder
