"""A recipe: everything that decides a training run, and how it is read from a TOML file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..data.augmentation import RANGES, Augmentation
from ..errors import InputError, did_you_mean, either, printable
from ..files import check_name, named, read_regular
from ..models import list_models, spec

#: Arguments of every builder that are not a recipe's to say.
DECIDED = ("input_shape", "classes", "classifier_activation", "include_top", "normalization")

#: What a value of a type is called in messages.
WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text in quotes", dict: "a table"}

#: The learning rate of an optimizer for which a recipe gives none: what is usual with batches of about a hundred.
USUAL_RATES = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "muon": 0.02}

#: The settings of an optimizer that "muon" alone has.
OF_MUON = ("sgd_rate", "kernel_momentum", "unit_filters")

#: Bytes of the largest recipe, sides in pixels of the largest pictures, and what a seed is below.
LARGEST_RECIPE, LARGEST_IMAGE, SEEDS = 1 << 20, 2048, 1 << 32

#: The keys of a recipe that decide no weight.
NO_WEIGHT = ("name", "description", "published", "views")

#: Data sets that are advised to somebody who names a model where a recipe is wanted.
DATA = ("folder:PATH", "cifar10")

#: The folder of the recipes that come with the package.
SHIPPED = Path(__file__).parent.parent / "recipes"


@dataclass(frozen=True)
class Optimizer:
    """The update rule.

    Attributes:
        name: "sgd", "adam", "adamw", "rmsprop", or "muon" for the kernels of convolutions with "sgd" for all else.
        learning_rate: the peak of the schedule; where it is left out, 0.1 for "sgd", 0.02 for "muon" and 0.001 for the
            others.
        momentum: of "sgd" and "rmsprop", and for "muon" of all but the kernels of convolutions; for "adam" and "adamw"
            the decay of the average gradient, beta 1.
        nesterov: for "sgd" and "muon", look ahead along the momentum.
        weight_decay: an L2 penalty of weight_decay / 2 * |kernel|^2 on kernels, none on biases and BatchNorm; as the
            `weight_decay` of PyTorch's SGD. For "adamw" and "muon" the decoupled decay of kernels.
        norm_rate: the learning rate of BatchNorm's offsets and scales, relative to that of all else.
        sgd_rate: for "muon", the learning rate of all but the kernels of convolutions, relative to that of these.
        kernel_momentum: for "muon", the momentum of the kernels of convolutions.
        unit_filters: for "muon", before each step a convolution's kernel is scaled so that the mean square of the norms
            of its filters is 1, and it does not decay. For kernels whose scale batch normalization takes away.
    """

    name: str = "sgd"
    learning_rate: float = math.nan
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    norm_rate: float = 1.0
    sgd_rate: float = 5.0
    kernel_momentum: float = 0.9
    unit_filters: bool = False

    def __post_init__(self) -> None:
        _check_kinds(self, "optimizer.")
        one_of("optimizer.name", self.name, tuple(USUAL_RATES))
        if math.isnan(self.learning_rate):  # left out
            object.__setattr__(self, "learning_rate", USUAL_RATES[self.name])
        at_least("optimizer.learning_rate", self.learning_rate, 1e-12)
        at_least("optimizer.weight_decay", self.weight_decay, 0)
        at_least("optimizer.norm_rate", self.norm_rate, 0)
        at_least("optimizer.sgd_rate", self.sgd_rate, 0)
        for key in ("momentum", "kernel_momentum"):
            if not 0 <= getattr(self, key) < 1:
                raise InputError(f"optimizer.{key} is {getattr(self, key)}; give a number from 0 to below 1.")


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the run, relative to the optimizer's: up over the share `warmup` of all steps, then down.

    Attributes:
        warmup: share of all steps in which the rate rises.
        start, end: at the first and after the last step.
        decay: how the rate falls: "linear", "cosine", "constant", or "steps", a tenth after each of the milestones.
        milestones: shares of the run, for "steps".
    """

    warmup: float = 0.15
    decay: str = "linear"
    start: float = 0.0
    end: float = 0.0
    milestones: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_kinds(self, "schedule.")
        one_of("schedule.decay", self.decay, ("linear", "cosine", "constant", "steps"))
        if not 0 <= self.warmup < 1:
            raise InputError(f"schedule.warmup is {self.warmup}; give a share of the run, from 0 to below 1.")
        for name in ("start", "end"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"schedule.{name} is {getattr(self, name)}; give a share of the rate, from 0 to 1.")
        if bool(self.milestones) != (self.decay == "steps"):
            raise InputError('schedule.milestones belong to schedule.decay = "steps"; give both or neither.')
        if any(not 0 < share < 1 for share in self.milestones):
            raise InputError(
                f"schedule.milestones are {list(self.milestones)}; give shares of the run, between 0 and 1."
            )


@dataclass(frozen=True)
class Average:
    """An average of the weights over the last steps; what is saved is the average.

    Attributes:
        kind: "none"; "ema", an exponential moving average; "lookahead", the same, and the weights go on from it
            (Zhang et al.: Lookahead Optimizer, NeurIPS 2019, arXiv 1907.08610).
        decay: a step's share of the old average that stays. It begins at (1 + step) / (10 + step) where that is less;
            for lookahead it rises with the cube of the share of the run that is done (arXiv 2404.00498, section 3.4).
        every: steps between two updates of the average, each with decay to the power `every`.
    """

    kind: Literal["none", "ema", "lookahead"] = "none"
    decay: float = 0.99
    every: int = 5

    def __post_init__(self) -> None:
        _check_kinds(self, "average.")
        at_least("average.every", self.every, 1)
        if not 0 <= self.decay < 1:
            raise InputError(f"average.decay is {self.decay}; give a number from 0 to below 1.")


@dataclass(frozen=True)
class LowResolution:
    """Smaller pictures at the beginning of the run: most of what a network learns first, it learns from less.

    For networks that pool over the whole picture, which take any size (Tan and Le: EfficientNetV2, ICML 2021, arXiv
    2104.00298, section 4, does it in more stages and with more augmentation in each).

    Attributes:
        size: height in pixels of the smaller pictures, their width in proportion; 0 for none.
        share: of the steps in which the whole network learns.
    """

    size: int = 0
    share: float = 0.5

    def __post_init__(self) -> None:
        _check_kinds(self, "low_resolution.")
        at_least("low_resolution.size", self.size, 0)
        if not 0 < self.share < 1:
            raise InputError(f"low_resolution.share is {self.share}; give a share of the run, between 0 and 1.")


@dataclass(frozen=True)
class FineTuning:
    """How a run begins that starts from trained weights.

    Attributes:
        frozen_epochs: in which only the classifier learns.
        head_rate: the peak of the learning rate in these.
        keep_statistics: batch normalization goes on with the statistics, offsets and scales of the trained weights, as
            Keras' guide to transfer learning advises. Without it the network that learns normalizes each batch by
            itself, which is another function than the one that the classifier has learned from.
    """

    frozen_epochs: int = 0
    head_rate: float = 0.01
    keep_statistics: bool = False

    def __post_init__(self) -> None:
        _check_kinds(self, "fine_tuning.")
        at_least("fine_tuning.frozen_epochs", self.frozen_epochs, 0)
        at_least("fine_tuning.head_rate", self.head_rate, 1e-12)


@dataclass(frozen=True)
class Teacher:
    """Trained networks that the network learns from as well as from the labels; see `cnnref.training.distillation`.

    Attributes:
        networks: shipped bundles by name, or folders of bundles or runs, or .keras files; of several, the mean of their
            probabilities. None for no teacher.
        temperature: that logits are divided by, so that what teachers hold for possible counts, too.
        weight: share of the teachers in the loss; the labels have the rest.
    """

    networks: tuple[str, ...] = ()
    temperature: float = 4.0
    weight: float = 0.9

    def __post_init__(self) -> None:
        _check_kinds(self, "teacher.")
        at_least("teacher.temperature", self.temperature, 1e-3)
        if not 0 <= self.weight <= 1:
            raise InputError(f"teacher.weight is {self.weight}; give a share of the loss, from 0 to 1.")


@dataclass(frozen=True)
class Published:
    """What others report and what this recipe is to reach, in percent of the test set.

    Attributes:
        accuracy: of the architecture's paper or the best known peer.
        source: of that accuracy.
        target: that the mean over seeds is held to.
        tried: what was tried, where the target is missed.
    """

    accuracy: float = 0.0
    source: str = ""
    target: float = 0.0
    tried: str = ""


@dataclass(frozen=True)
class Recipe:
    """One training run.

    Attributes:
        name: of the recipe, and of the folder under runs.
        model: a name of `cnnref models`.
        dataset: "mnist", "cifar10" and so on, "digits", or folder:PATH with one sub-folder for each class.
        epochs: passes over the training images; the last one may be partial.
        batch_size: pictures in a step.
        description: one sentence for people.
        image_size: side in pixels that pictures are resized to; 0 leaves them as they are.
        seed: of all random numbers: first weights, order of the pictures, distortions.
        balance: what makes up for classes with few pictures: "weights" lets each picture count in the loss by the
            inverse of the size of its class; "sampling" draws every class equally often in an epoch, pictures of small
            classes several times; "none" takes the pictures as they are.
        skip_bad: go on without the pictures of a folder that cannot be read, which are named and counted.
        validation: training images kept aside for choices; the test set is for the end.
        keep: which weights are saved: those of the "last" step, or of the epoch with the "best" validation accuracy, as
            they were validated, without their average.
        patience: epochs without a better validation accuracy after which the run ends early; 0 for none.
        label_smoothing: share of the target that is spread evenly over the classes.
        precision: of activations and gradients, "float32" or "bfloat16"; weights are float32. "auto" takes bfloat16
            where the machine computes faster with it.
        whiten: begin with the layer "whiten" set from the training images (arXiv 2404.00498, section 3.2).
        views: what is averaged in a second test: "", "mirror", "shift" or "mirror+shift".
        options: of the model's builder.
    """

    name: str
    model: str
    dataset: str
    epochs: float
    batch_size: int
    description: str = ""
    image_size: int = 0
    seed: int = 0
    balance: Literal["none", "weights", "sampling"] = "none"
    skip_bad: bool = False
    validation: int = 0
    keep: Literal["last", "best"] = "last"
    patience: int = 0
    label_smoothing: float = 0.0
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    whiten: bool = False
    views: Literal["", "mirror", "shift", "mirror+shift"] = ""
    options: dict[str, Any] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    average: Average = field(default_factory=Average)
    low_resolution: LowResolution = field(default_factory=LowResolution)
    fine_tuning: FineTuning = field(default_factory=FineTuning)
    teacher: Teacher = field(default_factory=Teacher)
    published: Published = field(default_factory=Published)

    def __post_init__(self) -> None:
        if not isinstance(self.model, str):
            raise InputError(
                f"The model of a recipe is named by a text, and this is an object of {type(self.model).__name__}; "
                "`cnnref.train(recipe, model=...)` trains a network of yours by a recipe."
            )
        _check_kinds(self)
        check_name(self.name, "a recipe")
        for name, smallest in (("batch_size", 1), ("seed", 0), ("validation", 0), ("image_size", 0), ("patience", 0)):
            at_least(name, getattr(self, name), smallest)
        for name, largest in (("image_size", LARGEST_IMAGE), ("seed", SEEDS - 1), ("batch_size", 1 << 16)):
            if getattr(self, name) > largest:
                raise InputError(f"{name} is {getattr(self, name)}; give at most {largest}.")
        if not 0 < self.epochs < float("inf"):
            raise InputError(f"epochs is {self.epochs}; give a number above 0.")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"label_smoothing is {self.label_smoothing}; give a number from 0 to below 1.")
        for name, value in self.options.items():
            if name in DECIDED:
                raise InputError(f"options.{name} is no option: data and training decide it; leave it out.")
            if not isinstance(value, str | bool | int | float | list | tuple):
                raise InputError(f"options.{name} is {value!r}; write a text, a number, true or false, or a list.")

    def toml(self) -> str:
        """The recipe as a TOML file that reads back equal."""
        plain = dataclasses.asdict(self)
        tables = {key: value for key, value in plain.items() if isinstance(value, dict)}
        lines = [f"{key} = {_toml(value)}" for key, value in plain.items() if key not in tables]
        for key, table in tables.items():
            if table:
                lines += ["", f"[{key}]", *(f"{name} = {_toml(value)}" for name, value in table.items())]
        return "\n".join(lines) + "\n"

    def fingerprint(self) -> str:
        """SHA-256 of all that decides the weights (not of name, description, views and published numbers)."""
        plain = dataclasses.asdict(self)
        for key in NO_WEIGHT:
            del plain[key]
        # Runs begun before there was such a thing can be resumed.
        if not self.low_resolution.size:
            del plain["low_resolution"]
        if not self.fine_tuning.keep_statistics:
            del plain["fine_tuning"]["keep_statistics"]
        plain["augmentation"] = {
            key: value
            for key, value in plain["augmentation"].items()
            if key not in RANGES or value != getattr(Augmentation, key)
        }
        for key in ("keep", "patience", "balance", "skip_bad"):
            if getattr(self, key) in ("last", 0, "none"):
                del plain[key]
        if not self.teacher.networks:
            del plain["teacher"]
        if self.optimizer.name != "muon":
            for key in OF_MUON:
                del plain["optimizer"][key]
        return hashlib.sha256(json.dumps(_floats(plain), sort_keys=True).encode()).hexdigest()


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read_recipe(source: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by the path of its TOML file.

    Raises:
        InputError: there is no such recipe, or the file does not describe one; the message names the key.
    """
    path = Path(named(source, "A recipe"))
    if path.suffix != ".toml":
        path = SHIPPED / f"{source}.toml"
        if str(source) not in list_recipes():
            _refuse_what_is_no_recipe(str(source))
            hint = did_you_mean(str(source), list_recipes())
            what = "neither a folder nor a recipe" if {"/", "\\"} & set(str(source)) else "no recipe"
            raise InputError(
                f"There is {what} {str(source)!r}; {hint}choose {', '.join(list_recipes())}, "
                "or give the path of a .toml file."
            )
    try:
        table = tomllib.loads(read_regular(path, LARGEST_RECIPE, "recipe").decode())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"The recipe {path} cannot be read: {reason}.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"The recipe {path} is not valid TOML: {printable(str(error))}.") from None
    table.setdefault("name", path.stem)
    return recipe_from(table, str(path))


def _refuse_what_is_no_recipe(source: str) -> None:
    """Raise InputError for a model and for a folder, which may be taken for what a recipe is."""
    if source in list_models():
        own, known = (
            either(f"cnnref train {source} --data {data}", f"recipe_for({source!r}, {data!r})") for data in DATA
        )
        raise InputError(
            f"There is no recipe {source!r}, but a model of that name: `{own}` is for pictures of yours, `{known}` for "
            f"that data set, and {source!r} can be the model of a recipe of yours."
        )
    if Path(source).is_dir():
        data = f"folder:{source}"
        advised = either(f"cnnref train MODEL --data {data}", f"recipe_for(MODEL, {data!r})")
        raise InputError(f"{source} is a folder and no recipe; `{advised}` is for the pictures in it.")


def recipe_from(table: dict[str, Any], where: str) -> Recipe:
    """A recipe from nested tables as TOML has them; `where` they come from is said in messages.

    Raises:
        InputError: a key is unknown or missing, or a value does not fit; the message names the key.
    """
    recipe: Recipe = _record(Recipe, table, where, "")
    return recipe


def recipe_for(name: str, data: str, *, pretrained: bool = False) -> Recipe:
    """A recipe to train a model on other pictures.

    Args:
        name: of a shipped recipe or path of one, whose data set is replaced; or of a model, for which a recipe is made:
            mirrored and slightly moved and turned pictures, the classifier alone for 3 epochs if there are trained
            weights, then everything for 12 with a small rate.
        data: a data set as `cnnref.data.load` names it, such as folder:PATH.
        pretrained: whether the run will begin with trained weights. A recipe that is made keeps their statistics then,
            and takes Adam with a small rate, because the weights of a network that was trained with batch normalization
            may be so small that a usual step of SGD destroys them.

    Raises:
        InputError: there is neither a recipe nor a model of that name.
    """
    name = str(named(name, "A recipe or a model"))
    if name in list_recipes() or name.endswith(".toml"):
        return replace(read_recipe(name), dataset=data)
    if name not in list_models():
        hint = did_you_mean(name, [*list_models(), *list_recipes()])
        raise InputError(f"There is no recipe or model {name!r}; {hint}`cnnref models` lists the models.")
    side = spec(name).input_shape[0]
    return Recipe(
        name=f"{name}-{short_name(data)}",
        model=name,
        dataset=data,
        epochs=15,
        batch_size=32,
        precision="auto",
        augmentation=Augmentation(flip=True, translate=side / 16, rotate=8, scale=0.1, border="reflect"),
        optimizer=Optimizer("adam", 3e-4) if pretrained else Optimizer("sgd", 0.01, 0.9, weight_decay=1e-4),
        schedule=Schedule(warmup=0.1, decay="cosine"),
        fine_tuning=FineTuning(3, 0.003, keep_statistics=True) if pretrained else FineTuning(3, 0.05),
    )


def short_name(data: str) -> str:
    """What a run is named after: the last part of a folder's path in letters that every disk takes, or the data set."""
    name = Path(os.path.realpath(os.path.expanduser(data.partition(":")[2] or data))).name if ":" in data else data
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "own-pictures"


def _record(kind: Any, table: dict[str, Any], path: str, prefix: str) -> Any:
    """Turn a table into a dataclass, naming the first key that does not fit."""
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            hint = did_you_mean(key, hints)
            raise InputError(f"{path} has an unknown key {prefix + key!r}; {hint}known are {', '.join(hints)}.")
        values[key] = _value(hints[key], value, path, prefix + key)
    required = [f.name for f in dataclasses.fields(kind) if _is_required(f)]
    if missing := [key for key in required if key not in values]:
        raise InputError(f"{path} lacks the key {prefix + missing[0]!r}; add it.")
    try:
        return kind(**values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _is_required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _value(kind: Any, value: Any, path: str, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise InputError(f"{path}: {key} is a table, write it as [{key}].")
        return _record(kind, value, path, f"{key}.")
    if get_origin(kind) is Literal:
        one_of(f"{path}: {key}", value, get_args(kind))
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise InputError(f"{path}: {key} is {value!r}; write a list in brackets.")
        return tuple(_value(get_args(kind)[0], item, path, key) for item in value)
    expected: tuple[type, ...] = {float: (float, int), int: (int,), bool: (bool,), str: (str,)}.get(kind, (dict,))
    if not isinstance(value, expected) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{path}: {key} is {value!r}; write {WORDS[expected[0]]}.")
    return float(value) if kind is float else value  # type: ignore[arg-type]


def _check_kinds(record: Any, prefix: str = "") -> None:
    """Refuse a value of another type than a key has, which a program may give; a file is checked when it is read."""
    for key, kind in get_type_hints(type(record)).items():
        value = getattr(record, key)
        plain = dict if get_origin(kind) is dict else kind
        accepted = (float, int) if plain is float else plain
        if plain not in WORDS and not dataclasses.is_dataclass(plain):
            continue
        if not isinstance(value, accepted) or (isinstance(value, bool) and plain is not bool):
            wanted = WORDS.get(plain, f"an object of {plain.__name__}").removesuffix(" in quotes")
            raise InputError(f"{prefix}{key} is {printable(repr(value))}; give {wanted}.")


def _floats(value: Any) -> Any:
    """The same with every number a float, so that 1 and 1.0 count as the same setting."""
    if isinstance(value, dict):
        return {key: _floats(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _toml(value: Any) -> str:
    """A value as TOML: JSON, but without escapes for surrogates, which TOML has not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def one_of(key: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is none of the choices."""
    if value not in choices:
        raise InputError(f"{key} is {value!r}; choose {', '.join(choices)}.")


def at_least(key: str, value: float, smallest: float) -> None:
    """Refuse a number that is too small."""
    if not smallest <= value < float("inf"):  # also refuses nan
        raise InputError(f"{key} is {value}; give at least {smallest}, and a finite number.")
