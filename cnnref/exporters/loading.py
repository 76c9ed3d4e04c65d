"""Trained models by name or path."""

from __future__ import annotations

from pathlib import Path

from ..environment import keras
from ..models.saving import load_model
from ..runtimes.locate import find_model


def load(name_or_path: str | Path) -> keras.Model:
    """A trained model, from raw pixels 0..255 to probabilities.

    Args:
        name_or_path: name of a shipped bundle such as "lenet5-mnist", a bundle or run folder, or a .keras file.

    Raises:
        InputError: there is no such model, or its file is damaged.
    """
    return load_model(find_model(name_or_path))
