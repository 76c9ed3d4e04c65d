"""The notation of layouts: tables from the names of our layers to the names of another library.

    "stage{s}_block{b}_conv{c}": "layer{s}.{b-1}.conv{c}"

In the name on the left, a placeholder of one letter stands for a number, and a longer one for letters and digits. The
name on the right may have the same placeholders and three more, which are computed from the network:

    {n}      the number of the block among all blocks, from 1
    {p}      the number of the layer among the parts that its block has (expand, depthwise, se, project), from 0
    {blocks} the number of blocks

Placeholders allow arithmetic ({2s-1}) and letters ({b:a} is a, b, c for 1, 2, 3). The first rule that matches a layer
applies; a layer that no rule matches is not in the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..models.normalization import Normalization

#: The normalization with which most published weights were trained.
IMAGENET: Normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

#: Names of all layers of a network -> for each layer with weights, its name in the other library.
Names = Callable[[list[str]], dict[str, str]]

PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
EXPRESSION = re.compile(r"\{(?P<times>\d*)(?P<name>[a-z]+)(?P<plus>[+-]\d+)?(?P<letter>:a)?\}")
BLOCK = re.compile(r"((?:stage\d+_)?block\d+)_([a-z]+)")
PARTS = ("expand", "depthwise", "se", "project")


@dataclass(frozen=True)
class Layout:
    """How another library names the layers of one of our families, and how its networks differ.

    Attributes:
        title: Name of the libraries for messages.
        names: The names of our layers -> the names of their modules.
        classifier: Prefixes of the tensors that a network without its top does not have.
        epsilons: Epsilon of its batch normalization for each padding ("same", "tensorflow"; as in `models.blocks`).
            It has no networks with any other padding.
        other_epsilons: Patterns of models of the family whose batch normalization has another epsilon there -> it.
        ignored: Prefixes of the tensors that are needed for training only.
        excluded: Patterns of models of the family that have no counterpart there -> the reason.
        normalization: The normalization with which the published weights were trained.
    """

    title: str
    names: Names
    classifier: tuple[str, ...]
    epsilons: Mapping[str, float] = field(default_factory=lambda: {"same": 1e-5})
    other_epsilons: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    normalization: Normalization = IMAGENET


def table(rules: Mapping[str, str]) -> Names:
    """Names from rules in the notation of this module's docstring."""
    compiled = [(re.compile(PLACEHOLDER.sub(_placeholder_pattern, ours)), theirs) for ours, theirs in rules.items()]

    def names(layers: list[str]) -> dict[str, str]:
        counted = _computed_numbers(layers)
        found = {}
        for layer in layers:
            full_name = _full_name(layer, layers)
            for pattern, theirs in compiled:
                match = pattern.fullmatch(full_name)
                values = {**counted[layer], **match.groupdict()} if match else {}
                if match and all(expression["name"] in values for expression in EXPRESSION.finditer(theirs)):
                    found[layer] = _fill_in(theirs, values)
                    break
        return found

    return names


def conv_and_norm(rules: Mapping[str, str], convolution: str, normalization: str) -> dict[str, str]:
    """Two rules for each entry: for a convolution and for its normalization, with their different endings."""
    return {
        ours + suffix: theirs + ending
        for ours, theirs in rules.items()
        for suffix, ending in (("", convolution), ("_bn", normalization))
    }


def merged(first: Names, second: Names) -> Names:
    """The names from both; those of the second replace equal ones of the first."""
    return lambda layers: first(layers) | second(layers)


def _full_name(layer: str, layers: list[str]) -> str:
    """The name of a layer by its position in the block, also for the last one of a stage, which is named `stageN`."""
    if re.fullmatch(r"stage\d+", layer):
        for convolution in layers:
            if re.fullmatch(rf"{layer}_block\d+_project", convolution) and f"{convolution}_bn" not in layers:
                return f"{convolution}_bn"
    return layer


def _placeholder_pattern(placeholder: re.Match[str]) -> str:
    name = placeholder[1]
    return rf"(?P<{name}>\d+)" if len(name) == 1 else rf"(?P<{name}>[a-z0-9]+)"


def _fill_in(template: str, values: Mapping[str, str | int]) -> str:
    def value(expression: re.Match[str]) -> str:
        found = values[expression["name"]]
        if not str(found).isdigit():
            return str(found)
        number = int(expression["times"] or 1) * int(found) + int(expression["plus"] or 0)
        return chr(ord("a") + number - 1) if expression["letter"] else str(number)

    return EXPRESSION.sub(value, template)


def _computed_numbers(layers: list[str]) -> dict[str, dict[str, int]]:
    """The values of n, p and blocks for each layer that has them."""
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
