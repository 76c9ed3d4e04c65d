"""The catalogue of published weights: one TOML file a publisher, each weight a record.

A weight is called MODEL.TAG, such as "resnet50.imagenet1k_v2". MODEL alone, or MODEL with the name of the data set, is
the one that the publisher recommends: of several publishers, the first in `PUBLISHERS` that has the model.
"""

from __future__ import annotations

import fnmatch
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, did_you_mean
from ..pictures import PictureRule

FOLDER = Path(__file__).parent / "catalogue"
CLASSES = Path(__file__).parent / "imagenet_classes.txt"

#: The files of the catalogue, in the order in which a model's weights are looked for.
PUBLISHERS = ("efficientnet_lite", "torchvision", "keras_applications", "timm", "akamaster")

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Weights:
    """One published file of weights.

    Attributes:
        name: MODEL.TAG.
        model: What `cnnref.build` is to build for it.
        tag: Which of the model's weights it is.
        publisher, license, source: Who published it, under which licence, and where that is described.
        dataset: What it was trained for: "imagenet" or "cifar10".
        url: Where the publisher offers the file.
        digest: ("sha256" or "md5", the hexadecimal digits that it begins with), or None where nothing is published.
        top1, top5: Published accuracy in percent, None where the source states none.
        megabytes: Size of the file in 2**20 bytes, as published; None where it is not.
        picture: How a photograph becomes what the network sees; None if the data set has pictures of the right size.
        crop: Height and width of what the network sees; None for the usual size of the model.
        normalization: Mean and std of values 0..1, red, green, blue.
        package: Path of the file in an installed Python package that carries it; "" if none does.
        keras_class: The function of keras.applications whose weights these are; "" for PyTorch's.
        bgr: Whether the network was trained on blue, green, red.
        options: What else the builder is to be given.
    """

    name: str
    model: str
    tag: str
    publisher: str
    license: str
    source: str
    dataset: str
    url: str
    digest: tuple[str, str] | None
    top1: float | None
    top5: float | None
    megabytes: float | None
    picture: PictureRule | None
    crop: int | None
    normalization: tuple[Numbers, Numbers]
    package: str = ""
    keras_class: str = ""
    bgr: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    recommended: bool = False

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.url.rpartition("/")[2]


def list_weights(pattern: str = "*") -> list[str]:
    """Sorted names of the published weights that match a pattern such as "resnet*"."""
    return sorted(fnmatch.filter(_catalogue(), pattern))


def weights(name: str) -> Weights:
    """The record of a published weight.

    Args:
        name: MODEL.TAG, or MODEL for the recommended one.

    Raises:
        InputError: there is none of that name.
    """
    known = _catalogue()
    if name in known:
        return known[name]
    model, _, tag = name.partition(".")
    found = [one for one in known.values() if one.model == model and tag in ("", one.dataset)]
    if not found:
        models = {one.model for one in known.values()}
        of_model = [one.name for one in known.values() if one.model == model]
        hint = did_you_mean(name, of_model or [*known, *models])
        raise InputError(
            f"There are no published weights {name!r}; {hint}"
            + (f"{model} has {', '.join(of_model)}." if of_model else "`cnnref weights` lists all.")
        )
    return next((one for one in found if one.recommended), found[0])


def is_listed(name: str) -> bool:
    """Whether `weights(name)` gives a record."""
    try:
        weights(name)
    except InputError:
        return False
    return True


def weights_of(model: str, tag: str) -> Weights:
    """The weights of a model by what a user calls them: "imagenet", a tag such as "imagenet1k_v1", or MODEL.TAG.

    Raises:
        InputError: the model has none of that name.
    """
    return weights(tag if tag.startswith(f"{model}.") else f"{model}.{tag}")


def imagenet_classes() -> list[tuple[str, str]]:
    """WordNet's identifier and the label of ImageNet's 1,000 classes, in the order of their index.

    The labels are torchvision's, the identifiers those that timm lists.
    """
    lines = CLASSES.read_text(encoding="utf-8").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@functools.cache
def _catalogue() -> dict[str, Weights]:
    found: dict[str, Weights] = {}
    for publisher in PUBLISHERS:
        table = tomllib.loads((FOLDER / f"{publisher}.toml").read_text(encoding="utf-8"))
        entries = {key: table.pop(key) for key in list(table) if isinstance(table[key], dict)}
        found |= {name: _weights(name, {**table, **facts}) for name, facts in entries.items()}
    return found


def _weights(name: str, facts: dict[str, Any]) -> Weights:
    model, _, tag = name.partition(".")
    digest = next(((kind, facts[kind]) for kind in ("sha256", "md5") if kind in facts), None)
    return Weights(
        name=name,
        model=model,
        tag=tag,
        publisher=facts["publisher"],
        license=facts["license"],
        source=facts["source"],
        dataset=facts["dataset"],
        url=facts["url"],
        digest=digest,
        top1=facts.get("top1"),
        top5=facts.get("top5"),
        megabytes=facts.get("megabytes"),
        picture=PictureRule(facts["resize"], facts["interpolation"]) if "resize" in facts else None,
        crop=facts.get("crop"),
        normalization=(tuple(facts["mean"]), tuple(facts["std"])),
        package=facts.get("package", ""),
        keras_class=facts.get("keras_class", ""),
        bgr=facts.get("channels") == "bgr",
        options=facts.get("options", {}),
        recommended=facts.get("default", False),
    )
