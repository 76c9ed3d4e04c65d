"""One tiny bundle, made once; each test gets a copy that it may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_bundle import Weights, write_bundle


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(folder, Weights())
    return folder


@pytest.fixture
def bundle(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "tiny"))
