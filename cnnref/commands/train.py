"""`cnnref train`: train by a recipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import InputError
from .options import AsJson, DataDir, Force, print_json

if TYPE_CHECKING:
    from ..training import Recipe, Run


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A shipped recipe such as lenet5-mnist, the path of a .toml file, with --data the name of a model, or "
            "a run: to --resume it, or to train a finished one further."
        ),
    ],
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="The run folder, by default runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the folder.")] = False,
    force: Force = False,
    data: Annotated[
        str | None, typer.Option(help="Another data set: folder:PATH, with one sub-folder for each class.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights to begin with: imagenet, a bundle, a run, or a .keras, .pth or .safetensors file."),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(help="A bundle, a run or a .keras file to learn from beside the labels; several: give it again."),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Number of epochs instead of the recipe's.")] = None,
    budget_minutes: Annotated[
        float | None, typer.Option(help="Measure this machine and train as many epochs as fit into this many minutes.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures in a step instead of the recipe's.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="Peak learning rate instead of the recipe's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed instead of the recipe's.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Training images kept for validation: their number, or a share such as 0.1.")
    ] = None,
    keep: Annotated[
        Literal["last", "best"] | None, typer.Option(help="Weights to save: the last, or the best by validation.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after this many epochs without a better validation accuracy.")
    ] = None,
    balance: Annotated[
        Literal["none", "weights", "sampling"] | None,
        typer.Option(help="For uneven classes: weights in the loss, or sampling every class equally often."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without pictures of a folder that cannot be read.")
    ] = False,
    precision: Annotated[
        Literal["float32", "bfloat16", "auto"] | None, typer.Option(help="Precision instead of the recipe's.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE: any key of the recipe, such as learning_rate=0.2.")
    ] = None,
    devices: Annotated[
        Literal["one", "all"],
        typer.Option(help="Devices to train on; all divides every batch between all GPUs (with Keras on JAX)."),
    ] = "one",
    coordinator: Annotated[
        str | None, typer.Option(help="HOST:PORT of process 0, for training in several processes (with Keras on JAX).")
    ] = None,
    processes: Annotated[int, typer.Option(help="Number of processes that train together.")] = 1,
    process: Annotated[int, typer.Option(help="Number of this process, counted from 0.")] = 0,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write logs for TensorBoard.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train by a recipe; the test set is used once, at the end.

    Example: cnnref train lenet5-mnist --data-dir ~/datasets

    Example: cnnref train runs/lenet5-mnist --resume

    Example: cnnref train resnet18 --data folder:flowers --weights resnet18-f37072fd.pth

    Example: cnnref train tinyvgg-cifar10 --teacher speednet-cifar10
    """
    from dataclasses import replace

    from ..training import Run, list_recipes, override, parse_settings, read_recipe, recipe_for

    if not coordinator and (processes != 1 or process):
        raise InputError("Several processes train together through one of them; give its --coordinator HOST:PORT.")
    given: dict[str, Any] = {"epochs": epochs, "seed": seed, "precision": precision}
    given |= {"batch_size": batch_size, "keep": keep, "patience": patience}
    given |= {"balance": balance, "skip_bad": skip_bad or None}
    before, network = Run(Path(recipe)), None
    if not data and recipe not in list_recipes() and before.recipe.is_file():
        chosen, out, weights = _of_run(before, out, weights, resume=resume)
        if before.network.is_file() and not resume:  # a network of one's own goes on as a whole
            from ..models.saving import load_model

            network, weights = load_model(before.model), None
    else:
        chosen = recipe_for(recipe, data, pretrained=weights is not None) if data else read_recipe(recipe)
    chosen = override(chosen, {key: ",".join(values) for key, values in parse_settings(settings or []).items()})
    if learning_rate is not None:
        chosen = replace(chosen, optimizer=replace(chosen.optimizer, learning_rate=learning_rate))
    changed = replace(chosen, **{key: value for key, value in given.items() if value is not None})
    from ..training import train as run_training  # takes seconds; a misspelt recipe has been reported before

    if coordinator:
        from ..training.cluster import join

        join(coordinator, processes, process)
    try:
        run = run_training(
            changed,
            data_dir,
            out,
            resume=resume,
            force=force,
            budget_minutes=budget_minutes,
            validation=validation,
            weights=weights,
            teacher=teacher or (),
            model=network,
            devices=devices,
            tensorboard=tensorboard,
        )
    except KeyboardInterrupt:
        print("cnnref: stopped; the same command with --resume continues after the last checkpoint.", file=sys.stderr)
        raise typer.Exit(130) from None
    if process:  # process 0 has written the results, and prints them
        return None
    results = run.results
    if as_json:
        return print_json({"folder": str(run.folder), **results})
    test, views = results["test"], results["test_views"]
    also = f"; {100 * views['accuracy']:.2f} % with the views {views['views']}" if views else ""
    print(f"Test accuracy {100 * test['accuracy']:.2f} % ({test['errors']} errors in {test['images']:,} images){also}.")
    return print(f"Run: {run.folder}   Next: cnnref export {run.folder} --out DIR")


def _of_run(run: Run, out: Path | None, weights: str | None, *, resume: bool) -> tuple[Recipe, Path | None, str | None]:
    """Recipe, folder and first weights of a command that names a run: to resume it, or to go on from its end."""
    from dataclasses import replace

    from ..training import read_recipe

    recipe = read_recipe(run.recipe)
    if resume:
        return recipe, out or run.folder, weights
    if not run.finished:
        raise InputError(f"The run in {run.folder} has not finished; give --resume to go on with it.")
    print(
        f"Going on from the weights of {run.folder}; the learning rate begins its schedule anew.",
        file=sys.stderr,
    )
    more = replace(
        recipe,
        name=f"{recipe.name}-more",
        description=f"Goes on from the weights of a finished run of {recipe.name}; the schedule begins anew.",
        fine_tuning=replace(recipe.fine_tuning, frozen_epochs=0),
    )
    return more, out, weights or str(run.folder)
