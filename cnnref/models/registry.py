"""The registry of all models: the name of each, the facts about it, and the function that builds it.

A family is one function from an image tensor to an output tensor; `register` makes a builder with the
common signature from each row of its table of variants. Keras is imported only when a model is built.
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..environment import keras, shapes_alone
from ..errors import InputError, did_you_mean
from .blocks import Head, TooSmallError, normalize
from .initializers import initialized

Shape = tuple[int, int, int]
Builder = Callable[..., "keras.Model"]

#: The sources of published accuracies that several families share.
TORCHVISION = "torchvision, weights IMAGENET1K_V1"
KERAS = "keras.io/api/applications"

#: The arguments that every builder has, in this order.
COMMON = {
    "input_shape": None,
    "classes": None,
    "classifier_activation": "softmax",
    "include_top": True,
    "normalization": None,
}


class Variant:
    """One row of a family's table: the facts that tests assert, and the arguments of the family function.

    Args:
        trainable_params: trainable parameters at the family's input shape and classes.
        macs: multiply-accumulates of convolutions and dense layers at the same shape.
        params: all parameters as Keras counts them, with the statistics of batch normalization; by default the
            trainable ones.
        published: the accuracy in percent for each data set: top-1 with one view of each image, unless `source` says
            otherwise.
        source: where that number is published; by default in the paper.
        input_shape, classes, phone: by default those of the family.
        **fixed: keyword arguments of the family function that the variant fixes. The caller may choose the others.
    """

    def __init__(
        self,
        *,
        trainable_params: int,
        macs: int,
        params: int | None = None,
        published: Mapping[str, float] | None = None,
        source: str = "",
        input_shape: Shape | None = None,
        classes: int | None = None,
        phone: bool | None = None,
        **fixed: Any,
    ) -> None:
        self.trainable_params = trainable_params
        self.macs = macs
        self.params = trainable_params if params is None else params
        self.published = dict(published or {})
        self.source = source
        self.input_shape = input_shape
        self.classes = classes
        self.phone = phone
        self.fixed = fixed


@dataclass(frozen=True)
class Spec:
    """The facts about one model.

    `input_shape` is (height, width, channels). `published` is the accuracy in percent for each data set, and `source`
    says where it is published. `phone` says whether its paper made it for phones.
    """

    name: str
    family: str
    input_shape: Shape
    classes: int
    params: int
    trainable_params: int
    macs: int
    paper: str
    year: int
    published: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    phone: bool = False


_specs: dict[str, Spec] = {}
_builders: dict[str, Builder] = {}


def register(
    *, input_shape: Shape, classes: int, paper: str, year: int, variants: Mapping[str, Variant], phone: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a builder for every row in `variants`; the decorated function is family(image, top, *, ...).

    The docstring of a builder is that of the family function, or of its module if the function has none.
    """

    def decorate(family: Callable[..., Any]) -> Callable[..., Any]:
        for name, row in variants.items():
            if name in _specs:
                raise ValueError(f"Two models are called {name!r}.")
            _specs[name] = Spec(
                name=name,
                family=family.__name__,
                input_shape=row.input_shape or input_shape,
                classes=row.classes or classes,
                params=row.params,
                trainable_params=row.trainable_params,
                macs=row.macs,
                paper=paper,
                year=year,
                published=MappingProxyType(row.published),
                source=row.source or (paper if row.published else ""),
                phone=phone if row.phone is None else row.phone,
            )
            _builders[name] = _builder(_specs[name], family, row.fixed)
        return family

    return decorate


def list_models(pattern: str = "*") -> list[str]:
    """Sorted names of the models that match a pattern such as "lenet*".

    A pattern without "*", "?" or "[" is a name, or a part of names: "mobilenet" finds all MobileNets.

    Raises:
        InputError: the pattern is no text.
    """
    if not isinstance(pattern, str):
        raise InputError(
            f"The pattern of names is a text such as 'resnet*', and not an object of {type(pattern).__name__}."
        )
    if pattern in _specs:
        return [pattern]
    return sorted(fnmatch.filter(_specs, pattern if set(pattern) & set("*?[") else f"*{pattern}*"))


def spec(name: str) -> Spec:
    """The facts about a model.

    Raises:
        InputError: there is no model of that name.
    """
    return _specs[_checked_name(name)]


def builder(name: str) -> Builder:
    """The function that builds a model; `cnnref.models.NAME` is the same function.

    Raises:
        InputError: there is no model of that name.
    """
    return _builders[_checked_name(name)]


def build(
    name: str,
    input_shape: Shape | None = None,
    classes: int | None = None,
    classifier_activation: str | None = "softmax",
    include_top: bool = True,
    **options: Any,
) -> keras.Model:
    """Build a model with new random weights.

    Args:
        name: one of `list_models()`.
        input_shape: (height, width, channels); by default the paper's.
        classes: number of outputs; by default the paper's.
        classifier_activation: "softmax", "sigmoid" (binary), "linear" (regression), or None for logits.
        include_top: False gives the last feature maps [batch, height, width, channels] instead of the classifier.
        **options: further arguments of this model's builder, see `help(cnnref.models.NAME)`.

    Returns:
        An uncompiled functional `keras.Model` from "image" [batch, height, width, channels] to [batch, classes].

    Raises:
        InputError: there is no such model or option, or the shape, classes and activation cannot be combined.
    """
    function = builder(name)
    accepted = inspect.signature(function).parameters
    if unknown := [option for option in options if option not in accepted]:
        raise InputError(f"{name} has no option {unknown[0]!r}; it takes {', '.join(accepted)}.")
    return function(input_shape, classes, classifier_activation, include_top, **options)


def outline(name: str, input_shape: Shape | None = None, classes: int | None = None, **options: Any) -> keras.Model:
    """Build a model whose weights have no values, which is quick for large networks where only shapes are needed.

    Raises:
        InputError: as `build`.
    """
    with shapes_alone():
        return build(name, input_shape, classes, **options)


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise InputError(
            f"A model is given by its name, a text such as 'lenet5', and not by an object of {type(name).__name__}."
        )
    if name not in _specs:
        raise InputError(f"There is no model {name!r}; {did_you_mean(name, _specs)}`cnnref models` lists all.")
    return name


def _builder(facts: Spec, family: Callable[..., Any], fixed: Mapping[str, Any]) -> Builder:
    variable = [
        parameter
        for parameter in inspect.signature(family).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.name not in fixed
    ]

    def build_variant(*args: Any, **kwargs: Any) -> keras.Model:
        given = dict(signature.bind(*args, **kwargs).arguments)
        common = {name: given.pop(name, default) for name, default in COMMON.items()}
        return _assemble(facts, family, {**fixed, **given}, **common)

    common_parameters = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for name, default in COMMON.items()
    ]
    signature = inspect.Signature([*common_parameters, *variable])
    build_variant.__name__ = build_variant.__qualname__ = facts.name
    build_variant.__doc__ = (
        f"{inspect.getdoc(family) or inspect.getdoc(inspect.getmodule(family))}\n\n{_facts_sentence(facts)}"
    )
    build_variant.__module__ = family.__module__
    build_variant.__signature__ = signature  # type: ignore[attr-defined]
    return build_variant


def _facts_sentence(facts: Spec) -> str:
    height, width, channels = facts.input_shape
    return (
        f"{facts.name} at {height}x{width}x{channels} with {facts.classes:,} classes: "
        f"{facts.trainable_params:,} trainable parameters, {facts.params:,} with the statistics of batch "
        f"normalization; {facts.macs:,} multiply-accumulates."
    )


def _assemble(
    facts: Spec,
    family: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    input_shape: Sequence[int] | None,
    classes: int | None,
    classifier_activation: str | None,
    include_top: bool,
    normalization: tuple[Sequence[float], Sequence[float]] | None,
) -> keras.Model:
    shape = _checked_shape(facts.input_shape if input_shape is None else input_shape)
    head = Head(facts.classes if classes is None else classes, classifier_activation, include_top)
    try:
        image = keras.Input(shape, name="image")
        scaled = image if normalization is None else normalize(image, normalization)
        return initialized(lambda: keras.Model(image, family(scaled, head, **arguments), name=facts.name))
    except TooSmallError as error:
        smallest = _smallest_square(family, arguments, shape[2], max(*facts.input_shape[:2], *shape[:2]))
        raise InputError(
            f"An input of {shape[0]}x{shape[1]} is too small for {facts.name}: {error}; "
            f"the smallest square input that works is {smallest}x{smallest}."
        ) from None


def _checked_shape(shape: Sequence[int]) -> Shape:
    several = isinstance(shape, Sequence) and not isinstance(shape, str)
    if not several or len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        shown = tuple(shape) if several else shape
        raise InputError(f"input_shape is {shown!r}; give (height, width, channels), three positive whole numbers.")
    height, width, channels = shape
    return height, width, channels


def _smallest_square(family: Callable[..., Any], arguments: Mapping[str, Any], channels: int, largest: int) -> int:
    """Find by bisection the smallest square input that does not raise TooSmallError; `largest` is known to work."""
    low, high = 0, largest
    while high - low > 1:
        middle = (low + high) // 2
        try:
            with shapes_alone():
                family(keras.Input((middle, middle, channels)), Head(1, None, include_top=False), **arguments)
            high = middle
        except TooSmallError:
            low = middle
    return high
