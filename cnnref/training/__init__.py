"""Training runs: recipes, the loop, checkpoints, and the folder that a run leaves behind.

The names below are loaded at first use: reading a recipe imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .fine_tuning import recipe_for
    from .loop import train
    from .overrides import override, parse_settings
    from .recipe import Recipe
    from .recipe_files import list_recipes, read_recipe
    from .run import Run
    from .sweeping import Sweep, mean_interval, sweep

__all__ = [
    "Recipe",
    "Run",
    "Sweep",
    "evaluate",
    "list_recipes",
    "mean_interval",
    "override",
    "parse_settings",
    "read_recipe",
    "recipe_for",
    "sweep",
    "train",
]

__getattr__ = lazy_names(
    __name__,
    {
        "evaluation": ("evaluate",),
        "fine_tuning": ("recipe_for",),
        "loop": ("train",),
        "overrides": ("override", "parse_settings"),
        "recipe": ("Recipe",),
        "recipe_files": ("list_recipes", "read_recipe"),
        "run": ("Run",),
        "sweeping": ("Sweep", "mean_interval", "sweep"),
    },
)


def __dir__() -> list[str]:
    return __all__
