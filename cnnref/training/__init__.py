"""Training runs: recipes, the loop, checkpoints, and the folder that a run leaves behind.

The names below are loaded at first use: reading a recipe imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .overrides import override, parse_settings
    from .recipe import Recipe
    from .recipe_file import list_recipes, read_recipe, recipe_for
    from .run import Run
    from .sweeping import Sweep, mean_interval, sweep
    from .trainer import train

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
        "overrides": ("override", "parse_settings"),
        "recipe": ("Recipe",),
        "recipe_file": ("list_recipes", "read_recipe", "recipe_for"),
        "run": ("Run",),
        "sweeping": ("Sweep", "mean_interval", "sweep"),
        "trainer": ("train",),
    },
)


def __dir__() -> list[str]:
    return __all__
