"""All that a report says, as one structure; the Markdown, the pictures and the JSON are made from it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from ...arithmetic import LayerRow
from .dead_units import DeadUnits
from .layers import LayerPicture
from .measures import Evaluation


@dataclass(frozen=True)
class Explanation:
    """A picture, what the network says of it, and where it looks: Grad-CAM, and how far the probability falls.

    The probability is a score where the network gives scores; `grad_cam` is None where the network has no maps.
    """

    name: str
    label: str | None
    predicted: str
    probability: float
    grad_cam: list[list[float]] | None
    occlusion: list[list[float]]


@dataclass(frozen=True)
class Report:
    """All that the report says.

    Attributes:
        name: The name of the bundle.
        labels: The names of the classes; for a single output "cat", they are "not cat" and "cat".
        says: What the network gives for a class: "probability" or "score".
        layers: The rows of `layer_table`.
        kernels, maps: Layers whose kernels and maps are drawn; one that is called again is "name#2".
        looked_at: The number of pictures with which dead units were looked for.
        dead: Channels and units that are the same for all of them, by layer; layers without any are left out.
        explained: The explained pictures, one of each class where the samples have one.
        test: What was measured on the test set; None where the test set was not found.
        no_test: Why nothing was measured on it.
    """

    name: str
    labels: tuple[str, ...]
    says: str
    layers: tuple[LayerRow, ...]
    kernels: tuple[LayerPicture, ...]
    maps: tuple[LayerPicture, ...]
    looked_at: int
    dead: tuple[DeadUnits, ...]
    explained: tuple[Explanation, ...]
    test: Evaluation | None
    no_test: str | None

    def to_json(self) -> str:
        """The structure as JSON, a list of numbers on one line; the same text for the same report."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        return re.sub(r"\[\n\s+([^][{}\"]+?)\n\s+\]", lambda found: f"[{_on_one_line(found[1])}]", text) + "\n"

    def amount(self, value: float) -> str:
        """A probability in percent; a score as it is."""
        return f"{100 * value:.2f} %" if self.says == "probability" else f"{value:.4g}"


def _on_one_line(numbers: str) -> str:
    return re.sub(r"\s*\n\s*", " ", numbers)
