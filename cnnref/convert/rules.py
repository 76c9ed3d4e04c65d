"""How a layout of weights is written down: tables from the names of our layers to the names of another library.

    "stage{s}_block{b}_conv{c}": "layer{s}.{b-1}.conv{c}"

On the left a single letter stands for a number and a word for letters and digits. On the right stand the same names,
and three more that are counted from the network:

    {n}      the running number of the block among all blocks, from 1
    {p}      which part of its block a layer is, from 0, of those that the block has: expand, depthwise, se, project
    {blocks} how many blocks there are

Numbers can be computed with ({2s-1}) or turned into letters ({b:a} is a, b, c for 1, 2, 3). The first rule that fits
decides; a layer that no rule fits is not in the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..models.normalization import Normalization

#: What most published weights were trained with.
IMAGENET: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

#: The names of all layers of a network -> the names that the layers with weights have elsewhere.
Names = Callable[[list[str]], dict[str, str]]

PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
EXPRESSION = re.compile(r"\{(?P<times>\d*)(?P<name>[a-z]+)(?P<plus>[+-]\d+)?(?P<letter>:a)?\}")
BLOCK = re.compile(r"((?:stage\d+_)?block\d+)_([a-z]+)")
PARTS = ("expand", "depthwise", "se", "project")


@dataclass(frozen=True)
class Layout:
    """How one library names and computes what a family of ours does.

    Attributes:
        title: The libraries, for people.
        names: Our layers -> their modules.
        classifier: How the names of tensors begin that a network without its top does not have.
        epsilons: Epsilon of its batch normalization by padding ("same", "tensorflow"; as in `models.blocks`). A
            padding that is not among the keys is not what its networks compute.
        ignored: How the names of tensors begin that only training needs.
        excluded: Models of the family (as a pattern) that it has no counterpart of, and why.
        normalization: What the published weights were trained with.
    """

    title: str
    names: Names
    classifier: tuple[str, ...]
    epsilons: Mapping[str, float] = field(default_factory=lambda: {"same": 1e-5})
    ignored: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    normalization: Normalization = IMAGENET


def table(rules: Mapping[str, str]) -> Names:
    """Names by rules as this module's docstring explains them."""
    compiled = [(re.compile(PLACEHOLDER.sub(_group, ours)), theirs) for ours, theirs in rules.items()]

    def names(layers: list[str]) -> dict[str, str]:
        counted = _counted(layers)
        found = {}
        for layer in layers:
            full_name = _full_name(layer, layers)
            for pattern, theirs in compiled:
                match = pattern.fullmatch(full_name)
                values = {**counted[layer], **match.groupdict()} if match else {}
                if match and all(expression["name"] in values for expression in EXPRESSION.finditer(theirs)):
                    found[layer] = _filled(theirs, values)
                    break
        return found

    return names


def pairs(rules: Mapping[str, str], convolution: str, normalization: str) -> dict[str, str]:
    """Rules for a convolution and for its normalization, which end differently."""
    return {
        ours + mine: theirs + ending
        for ours, theirs in rules.items()
        for mine, ending in (("", convolution), ("_bn", normalization))
    }


def both(first: Names, second: Names) -> Names:
    """What either of the two names."""
    return lambda layers: first(layers) | second(layers)


def _full_name(layer: str, layers: list[str]) -> str:
    """A stage that ends in a normalization has given it its own name; this is the one by its place in the block."""
    if re.fullmatch(r"stage\d+", layer):
        for convolution in layers:
            if re.fullmatch(rf"{layer}_block\d+_project", convolution) and f"{convolution}_bn" not in layers:
                return f"{convolution}_bn"
    return layer


def _group(placeholder: re.Match[str]) -> str:
    name = placeholder[1]
    return rf"(?P<{name}>\d+)" if len(name) == 1 else rf"(?P<{name}>[a-z0-9]+)"


def _filled(template: str, values: Mapping[str, str | int]) -> str:
    def value(expression: re.Match[str]) -> str:
        found = values[expression["name"]]
        if not str(found).isdigit():
            return str(found)
        number = int(expression["times"] or 1) * int(found) + int(expression["plus"] or 0)
        return chr(ord("a") + number - 1) if expression["letter"] else str(number)

    return EXPRESSION.sub(value, template)


def _counted(layers: list[str]) -> dict[str, dict[str, int]]:
    """n, p and blocks of every layer for which they mean something."""
    parts: dict[str, set[str]] = {}
    places = {layer: match.groups() for layer in layers if (match := BLOCK.match(_full_name(layer, layers)))}
    for block, part in places.values():
        parts.setdefault(block, set()).add(part)
    order = sorted(parts, key=lambda block: [int(number) for number in re.findall(r"\d+", block)])
    counted = {layer: {"blocks": len(order)} for layer in layers}
    for layer, (block, part) in places.items():
        counted[layer]["n"] = order.index(block) + 1
        if part in PARTS:
            counted[layer]["p"] = [name for name in PARTS if name in parts[block]].index(part)
    return counted
