"""One tiny bundle, made once; each test gets a copy that it may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_bundle import pristine

__all__ = ["bundle", "pristine"]


@pytest.fixture
def bundle(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "tiny"))
