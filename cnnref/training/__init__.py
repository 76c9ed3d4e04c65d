"""Training runs: recipes, the loop, checkpoints, and the folder that a run leaves behind.

The names below are loaded at first use: reading a recipe imports no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .fine_tuning import recipe_for
    from .loop import train
    from .recipe import Recipe, list_recipes, read_recipe
    from .run import Run

__all__ = ["Recipe", "Run", "evaluate", "list_recipes", "read_recipe", "recipe_for", "train"]

__getattr__ = lazy_names(
    __name__,
    {
        "evaluation": ("evaluate",),
        "fine_tuning": ("recipe_for",),
        "loop": ("train",),
        "recipe": ("Recipe", "list_recipes", "read_recipe"),
        "run": ("Run",),
    },
)


def __dir__() -> list[str]:
    return __all__
