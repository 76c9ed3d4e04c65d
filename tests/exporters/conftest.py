"""A small trained run and its bundle, made once for all export tests."""

from dataclasses import replace
from typing import Any

import pytest

import cnnref
from cnnref.training import read_recipe


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """LeNet-5 after two epochs of digits: enough that the classes differ."""
    recipe = replace(read_recipe("lenet5-digits"), epochs=2)
    return cnnref.train(recipe, out=tmp_path_factory.mktemp("runs") / "digits", quiet=True)


@pytest.fixture(scope="session")
def bundle(run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The run exported in every format."""
    return cnnref.export(run.folder, tmp_path_factory.mktemp("bundles") / "digits")
