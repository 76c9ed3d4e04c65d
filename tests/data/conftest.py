"""Keeps the data tests off the network and out of the cache of whoever runs them."""

from types import SimpleNamespace
from typing import Any

import pytest

from cnnref.data import downloads, sources


@pytest.fixture(autouse=True)
def keras_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty Keras home, which is returned; no data sets of the system, and a Keras whose download is refused."""

    def refuse(*_: Any, origin: Any, **__: Any) -> None:
        raise Exception(f"URL fetch failure on {origin}: no network in tests")

    home = tmp_path_factory.mktemp("keras_home")
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr(sources, "SYSTEM", home / "none")
    monkeypatch.setattr(downloads, "keras", SimpleNamespace(utils=SimpleNamespace(get_file=refuse)))
    return home
