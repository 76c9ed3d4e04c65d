"""Training runs: recipes, the loop, checkpoints, and the folder that a run leaves behind."""

from .evaluation import evaluate
from .loop import train
from .recipe import Recipe, list_recipes, read_recipe
from .run import Run

__all__ = ["Recipe", "Run", "evaluate", "list_recipes", "read_recipe", "train"]
