"""What stands at the head of a page: a network, what it tells apart, and how well, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..runtimes.report import measured_accuracy
from .texts import has_phrase, phrase, thousands

if TYPE_CHECKING:
    from ..runtimes import Bundle

#: Known data sets by their own names; what is in their pictures, the texts say.
KNOWN = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenet": "ImageNet",
}
#: So many classes are named one by one.
FEW = 3


def headline(name: str, labels: Sequence[str], dataset: str | None = None, language: str = "en") -> str:
    """The title: "lenet5-mnist tells handwritten digits apart"."""
    key = f"shows:{dataset}"
    classes = phrase(language, key) if has_phrase(key) else _listed(labels, language)
    return phrase(language, "tells-apart", name=name, classes=classes)


def _listed(labels: Sequence[str], language: str) -> str:
    """Classes in a sentence: "cat and dog", "cat, dog, cow and 4 more"."""
    if len(labels) <= FEW + 1:
        before = ", ".join(labels[:-1])
        return phrase(language, "and", first=before, last=labels[-1]) if before else labels[-1]
    more = thousands(language, len(labels) - FEW)
    return phrase(language, "and-more", first=", ".join(labels[:FEW]), count=more)


def subline(bundle: Bundle, model: str, language: str = "en") -> tuple[str, ...]:
    """What stands under the title: how well, and how large. `model` names the file whose accuracy counts."""
    height, width, channels = bundle.shape
    document: dict[str, Any] = bundle.document
    provenance = document.get("provenance", {})
    said = []
    accuracy = measured_accuracy(bundle).get(model)
    if accuracy is not None:
        name = provenance.get("dataset")
        key = f"data:{name}"
        dataset = (
            phrase(language, key) if has_phrase(key) else KNOWN.get(name, name or phrase(language, "the-data-set"))
        )
        percent = f"{100 * accuracy:.2f}".replace(".", phrase(language, "decimal"))
        count = provenance.get("test_images")
        if isinstance(count, int):
            tried = thousands(language, count)
            said.append(phrase(language, "right", percent=percent, count=tried, dataset=dataset))
        else:
            said.append(phrase(language, "right-of-some", percent=percent, dataset=dataset))
    key = f"pixels:{channels}"
    classes = thousands(language, len(bundle.labels))
    said.append(phrase(language, key if has_phrase(key) else "pixels", size=f"{height}x{width}", classes=classes))
    sizes = document.get("model", {})
    for key, fact in (("parameters", "parameters"), ("multiplications", "macs")):
        if isinstance(sizes.get(fact), int):
            said.append(phrase(language, key, count=thousands(language, sizes[fact])))
    return tuple(said)
