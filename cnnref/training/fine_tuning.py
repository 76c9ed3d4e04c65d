"""The recipe for one's own pictures: any network, from trained weights or from scratch."""

from __future__ import annotations

from dataclasses import replace

from ..data.augmentation import Augmentation
from ..errors import InputError, did_you_mean
from ..models import list_models, spec
from .recipe import FineTuning, Optimizer, Recipe, Schedule
from .recipe_files import list_recipes, read_recipe


def recipe_for(name: str, data: str) -> Recipe:
    """A recipe to train a model on other pictures.

    Args:
        name: of a shipped recipe or path of one, whose data set is replaced; or of a model, for which a recipe is made:
            mirrored and slightly moved and turned pictures, the classifier alone for 3 epochs if there are trained
            weights, then everything for 12 with a small rate.
        data: a data set as `cnnref.data.load` names it, such as folder:PATH.

    Raises:
        InputError: there is neither a recipe nor a model of that name.
    """
    if name in list_recipes() or name.endswith(".toml"):
        return replace(read_recipe(name), dataset=data)
    if name not in list_models():
        hint = did_you_mean(name, [*list_models(), *list_recipes()])
        raise InputError(f"There is no recipe or model {name!r}; {hint}`cnnref models` lists the models.")
    side = spec(name).input_shape[0]
    return Recipe(
        name=f"{name}-own-pictures",
        model=name,
        dataset=data,
        epochs=15,
        batch_size=32,
        precision="auto",
        augmentation=Augmentation(flip=True, translate=side / 16, rotate=8, scale=0.1, border="reflect"),
        optimizer=Optimizer("sgd", 0.01, 0.9, nesterov=True, weight_decay=1e-4),
        schedule=Schedule(warmup=0.1, decay="cosine"),
        fine_tuning=FineTuning(frozen_epochs=3, head_rate=0.05),
    )
