"""Keeps the data tests off the network and out of the cache of whoever runs them."""

from types import SimpleNamespace
from typing import Any

import pytest

from cnnref.data import downloads


@pytest.fixture(autouse=True)
def keras_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty Keras home, and a Keras whose download is refused; the folder is returned."""

    def refuse(*_: Any, origin: Any, **__: Any) -> None:
        raise Exception(f"URL fetch failure on {origin}: no network in tests")

    home = tmp_path_factory.mktemp("keras_home")
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr(downloads, "keras", SimpleNamespace(utils=SimpleNamespace(get_file=refuse)))
    return home
