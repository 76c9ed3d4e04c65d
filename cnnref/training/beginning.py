"""What is settled before the first step of a run: its folder, its recipe, its pictures, and a network of one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .. import environment
from ..data import Dataset, channel_statistics, load
from ..environment import keras
from ..errors import InputError, option
from ..files import refuse_existing
from ..models.saving import load_model
from .own_network import OwnNetwork, prepared, reloaded, same_layers
from .recipe import NO_WEIGHT, Published, Recipe
from .recipe_file import list_recipes, read_recipe, short_name
from .recipe_keys import keys_of
from .run import Run


def for_this_machine(recipe: Recipe, run: Run, *, resume: bool, sized: bool, share: bool) -> Recipe:
    """The recipe with its precision decided, and to resume, with what the start of the run has measured."""
    if resume and run.recipe.is_file():
        before = read_recipe(run.recipe)
        if sized:
            recipe = replace(recipe, epochs=before.epochs)
        if share:
            recipe = replace(recipe, validation=before.validation)
        if recipe.dataset.startswith("folder:"):
            recipe = replace(recipe, batch_size=min(recipe.batch_size, before.batch_size))
    if recipe.precision == "auto":
        recipe = replace(recipe, precision="bfloat16" if environment.fast_bfloat16() else "float32")
    return recipe


def dataset_of(
    recipe: Recipe, data_dir: str | Path | None, run: Run, usual: tuple[int, int, int] | None, *, quiet: bool
) -> Dataset:
    """Pictures of a folder are read in the size `usual`, every other data set has its own; or both the recipe's.

    A folder that is larger than memory is decoded into a cache beside the run, which all runs of that folder share.

    Args:
        recipe: names the data set, and may say a size.
        data_dir: folder with the published files.
        run: whose folder the cache lies beside.
        usual: height, width and channels that the network takes; None for those of the folder's first picture.
        quiet: says and shows nothing on standard error.
    """
    side = recipe.image_size
    shape = None
    if recipe.dataset.startswith("folder:"):
        shape = (side or usual[0], side or usual[1], usual[2]) if usual else (side, side, 3) if side else None
    cache = run.folder.parent / ".pictures"
    dataset = load(recipe.dataset, data_dir, image_shape=shape, cache=cache, quiet=quiet, skip_bad=recipe.skip_bad)
    return dataset.resized(side, side) if side else dataset


def for_own_network(recipe: Recipe, name: str) -> Recipe:
    """The recipe for a network of that name, without what belongs to the network that it was written for."""
    called = f"{name}-{short_name(recipe.dataset)}" if recipe.name in list_recipes() else recipe.name
    return replace(
        recipe,
        name=called,
        model=name,
        description=f"Trains a network of one's own by the recipe {recipe.name}.",
        options={},
        whiten=False,
        published=Published(),
    )


def own_network(given: OwnNetwork | None, run: Run, recipe: Recipe, dataset: Dataset, *, resume: bool) -> keras.Model:
    """The network of one's own that a run begins with; to resume, the one that it did begin with.

    Raises:
        InputError: it does not fit the data set, or is another one than that of the run.
    """
    environment.seed_everything(recipe.seed)  # a function that makes a network draws its weights from it
    network = None
    if given is not None:
        statistics = channel_statistics(dataset.train_images)
        network = prepared(given, dataset.image_shape, dataset.classes, statistics, dataset.name)
    if not resume:
        assert network is not None
        return reloaded(network)  # refused here, before anything takes time, if it could not be read again
    if not run.network.is_file():
        raise InputError(
            f"The run in {run.folder} trains {recipe.model} of cnnref and no network of yours; resume it without one."
        )
    stored = load_model(run.network)
    if network is not None and not same_layers(network, stored):
        raise InputError(
            f"The run in {run.folder} was started with another network than the one given; resume it without one, "
            f"or start over with {option('force', True)}."
        )
    return stored


def check_folder(run: Run, recipe: Recipe, *, resume: bool, force: bool) -> None:
    """Refuse a folder that is there without `force`, and to resume, one that holds no run of this recipe."""
    if resume:
        if not run.recipe.is_file():
            raise InputError(f"There is no run in {run.folder} to resume; start it without {option('resume')}.")
        before = read_recipe(run.recipe)
        if before.fingerprint() != recipe.fingerprint():
            now = {one.key: one.value for one in keys_of(recipe)}
            others = [
                f"{one.key} is {one.value!r} there and {now[one.key]!r} here"
                for one in keys_of(before)
                if one.value != now[one.key] and one.key.partition(".")[0] not in NO_WEIGHT
            ]
            raise InputError(
                f"The run in {run.folder} was started with other settings ({', '.join(others)}); resume it with those "
                f"in its recipe.toml, or start over with {option('force', True)}."
            )
        return
    hint = f"continue it with {option('resume', True)}, "
    refuse_existing(run.folder, force=force, marker=run.recipe.name, hint=hint)
