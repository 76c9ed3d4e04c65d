"""A recipe: everything that decides a training run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_origin, get_type_hints

from ..data.augmentation import RANGES, Augmentation
from ..errors import InputError, printable
from ..files import check_name

#: Arguments of every builder that are not a recipe's to say.
DECIDED = ("input_shape", "classes", "classifier_activation", "include_top", "normalization")

#: What a value of a type is called in messages.
WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text in quotes", dict: "a table"}

#: The learning rate of an optimizer for which a recipe gives none: what is usual with batches of about a hundred.
USUAL_RATES = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "muon": 0.02}

#: The settings of an optimizer that "muon" alone has.
OF_MUON = ("sgd_rate", "kernel_momentum", "unit_filters")

#: Sides in pixels of the largest pictures, and what a seed is below.
LARGEST_IMAGE, SEEDS = 2048, 1 << 32

#: The keys of a recipe that decide no weight.
NO_WEIGHT = ("name", "description", "published", "views", "snapshots")

#: What the epochs of snapshots are below.
LARGEST_EPOCH = 100_000


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
        stored: ask the teachers before the first step, once for each picture and its mirror image, and keep what they
            say; pictures may then be changed by `augmentation.flip` only.
    """

    networks: tuple[str, ...] = ()
    temperature: float = 4.0
    weight: float = 0.9
    stored: bool = False

    def __post_init__(self) -> None:
        _check_kinds(self, "teacher.")
        at_least("teacher.temperature", self.temperature, 1e-3)
        if not 0 <= self.weight <= 1:
            raise InputError(f"teacher.weight is {self.weight}; give a share of the loss, from 0 to 1.")


@dataclass(frozen=True)
class Snapshots:
    """Weights that are kept to show how a small network learns; see `cnnref.training.snapshots`.

    Attributes:
        epochs: after which the weights are kept in the run folder, 0 for those before the first step; those that the
            run does not come to are left out. None for no snapshots, which is for networks of at most 500,000 weights.
    """

    epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for epoch in self.epochs:
            if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch < LARGEST_EPOCH:
                raise InputError(
                    f"snapshots.epochs has {printable(repr(epoch))}; give whole numbers from 0 to {LARGEST_EPOCH - 1}."
                )


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
    snapshots: Snapshots = field(default_factory=Snapshots)
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
        if self.teacher.networks and self.teacher.stored and (changed := self.augmentation.beyond_flips):
            raise InputError(
                "teacher.stored asks the teachers once for each picture and its mirror image, and with "
                f"augmentation.{changed[0]} the network sees others in every epoch; set it to 0, or teacher.stored to "
                "false."
            )
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
        elif not self.teacher.stored:
            del plain["teacher"]["stored"]
        if self.optimizer.name != "muon":
            for key in OF_MUON:
                del plain["optimizer"][key]
        return hashlib.sha256(json.dumps(_floats(plain), sort_keys=True).encode()).hexdigest()


_KINDS: dict[type, dict[str, Any]] = {}


def kinds_of(record: type) -> dict[str, Any]:
    """The type of each key of a record. Python makes it of text, which takes longer than all else about a recipe."""
    if record not in _KINDS:
        _KINDS[record] = get_type_hints(record)
    return _KINDS[record]


def _check_kinds(record: Any, prefix: str = "") -> None:
    """Refuse a value of another type than a key has, which a program may give; a file is checked when it is read."""
    for key, kind in kinds_of(type(record)).items():
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
