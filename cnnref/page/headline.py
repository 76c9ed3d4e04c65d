"""What stands at the head of a page: a network, what it tells apart, and how well, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..runtimes.report import measured_accuracy

if TYPE_CHECKING:
    from ..runtimes import Bundle

#: Known data sets: what they are called, and what is in their pictures.
KNOWN = {
    "mnist": ("MNIST", "handwritten digits"),
    "digits": ("the digits of scikit-learn", "handwritten digits"),
    "fashion_mnist": ("Fashion-MNIST", "pieces of clothing"),
    "cifar10": ("CIFAR-10", "animals and vehicles"),
    "cifar100": ("CIFAR-100", "100 kinds of animals, plants and things"),
    "imagenet": ("ImageNet", "1,000 kinds of animals and things"),
}
#: So many classes are named one by one.
FEW = 3


def headline(name: str, labels: Sequence[str], dataset: str | None = None) -> str:
    """The title: "lenet5-mnist tells handwritten digits apart"."""
    return f"{name} tells {KNOWN[dataset][1] if dataset in KNOWN else _listed(labels)} apart"


def _listed(labels: Sequence[str]) -> str:
    """Classes in a sentence: "cat and dog", "cat, dog, cow and 4 more"."""
    named = labels if len(labels) <= FEW + 1 else labels[:FEW]
    last = named[-1] if len(named) == len(labels) else f"{len(labels) - len(named):,} more"
    before = named[:-1] if len(named) == len(labels) else named
    return f"{', '.join(before)} and {last}" if before else last


def subline(bundle: Bundle, model: str) -> tuple[str, ...]:
    """What stands under the title: how well, and how large. `model` names the file whose accuracy counts."""
    height, width, channels = bundle.shape
    document: dict[str, Any] = bundle.document
    provenance = document.get("provenance", {})
    said = []
    accuracy = measured_accuracy(bundle).get(model)
    if accuracy is not None:
        dataset = provenance.get("dataset", "the data set")
        count = provenance.get("test_images")
        of = f"{count:,} test pictures" if isinstance(count, int) else "test pictures"
        said.append(f"{100 * accuracy:.2f} % of the {of} of {KNOWN.get(dataset, (dataset,))[0]} are right")
    colour = {1: "gray ", 3: "coloured "}.get(channels, "")
    said.append(f"{height}x{width} {colour}pixels in, one of {len(bundle.labels):,} classes out")
    sizes = document.get("model", {})
    if isinstance(sizes.get("parameters"), int):
        said.append(f"{sizes['parameters']:,} parameters")
    if isinstance(sizes.get("macs"), int):
        said.append(f"{sizes['macs']:,} multiplications a picture")
    return tuple(said)
