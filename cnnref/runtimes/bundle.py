"""A bundle and the contract that it keeps: the names that every exported file uses, and what bundle.json says.

A bundle is a folder of files that all compute the same function, and bundle.json says which: the names,
shapes and types at both ends, the labels, the preprocessing that is inside every graph, and the size and
SHA-256 of every other file. `manifest.py` reads it.

There are two versions of it. In version 1 the network is a classifier, and "output" describes its `probabilities`. In
version 2 it is anything else, and "outputs" lists what comes out, under the names of the network's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import notebooks
from ..errors import InputError, printable
from ..pictures import USUAL, PictureRule

FORMAT = "cnnref-bundle"
#: The versions of a classifier's contract and of any other network's.
CLASSIFIER, OTHER = VERSIONS = (1, 2)
MANIFEST = "bundle.json"
REPORT = "report.json"
LABELS = "labels.txt"
CARD = "README.md"
#: The signature of a bundle that was signed, see signing.py.
SIGNED = "model.sig"

#: The smallest and the largest pixel value.
RANGE = [0, 255]
#: The two names that every exported file uses, and those of the best classes where they are asked for.
IMAGE = "image"
PROBABILITIES = "probabilities"
TOP_INDICES = "top_indices"
TOP_SCORES = "top_scores"

#: Names that the outputs of a network that is no classifier do not have: those above, and samples.npz' own.
RESERVED = (IMAGE, PROBABILITIES, TOP_INDICES, TOP_SCORES, "images", "labels")

#: The signature under which a .tflite and a SavedModel hold the function.
SIGNATURE = "serving_default"

#: Formats that a runtime of this package runs; a .keras file belongs to Keras and is only hashed here.
RUNNABLE = ("onnx", "tflite", "saved_model", "micro")
FORMATS = (*RUNNABLE, "keras")

#: How many classes `repr` of a bundle names.
SHOWN = 10

#: What the numbers of an output can be.
OUTPUT_DTYPES = ("float32", "int32", "int64", "uint8", "bool")


@dataclass(frozen=True)
class Output:
    """An output: its name, its shape without the batch, and its type."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class ListedFile:
    """Size in bytes and SHA-256 (hexadecimal) that a file must have."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Artifact:
    """One exported form of the model.

    `tolerance` is the largest allowed difference of a probability, for reference values up to 1 in magnitude,
    and None where nothing is run. `points` is the accuracy, in percentage points of a test set, that it may lose;
    None leaves that open. `size_ratio` is how large it may be, as a share of the float32 file of its format.
    `layout` is "nhwc", or "nchw" for an .onnx that takes [batch, channels, height, width]. The two types are those
    at its ends; integers there stand for pixel values and probabilities as its own scale says. `arena_bytes` is the RAM
    that the network of a microcontroller was measured to need; such a file takes one image at a time. `float_layers`
    are those that an integer file computes in floats: names of tensors, or what stands before their first slash. `test`
    is what the export measured on a whole test set: the fields of `Outcome` in report.py; None where it ran none.
    `constants_sha256` is that of its numbers, see constants.py; None where nothing reads them, and in older bundles.
    """

    name: str
    format: str
    precision: str
    layout: str = "nhwc"
    tolerance: float | None = None
    points: float | None = None
    size_ratio: float | None = None
    input_dtype: str = "float32"
    output_dtype: str = "float32"
    arena_bytes: int | None = None
    float_layers: tuple[str, ...] = ()
    test: dict[str, Any] | None = None
    constants_sha256: str | None = None


@dataclass(frozen=True)
class Bundle:
    """The contract of a bundle.

    `shape` is (height, width, channels), `batch` the number of images that every file takes, or None where that is
    open. `outputs` has the network's own, not the best classes. `classes` is 0, and `labels` is empty, for a network
    that is no classifier: see `must_classify`. `left_out` has the files that are not there, and why; `document` is
    bundle.json as it was read.
    """

    folder: Path
    name: str
    shape: tuple[int, int, int]
    batch: int | None
    dtype: str
    outputs: tuple[Output, ...]
    classes: int
    activation: str | None
    labels: tuple[str, ...]
    preprocessing: dict[str, Any]
    top_k: int
    weights_sha256: str
    artifacts: dict[str, Artifact]
    files: dict[str, ListedFile]
    left_out: dict[str, str]
    document: dict[str, Any]

    @property
    def picture(self) -> PictureRule:
        """How a photograph comes to the size of the input. Older bundles crop first and resize bilinearly."""
        rule = self.document.get("picture")
        rule = rule if isinstance(rule, dict) else {}
        try:
            interpolation = rule.get("interpolation", USUAL.interpolation)
            return PictureRule(rule.get("shorter_side"), interpolation, rule.get("ink_box"))
        except (InputError, TypeError) as error:
            raise InputError(f"{self.folder / MANIFEST}: the rule for pictures makes no sense: {error}") from None

    @property
    def has_witnesses(self) -> bool:
        """Whether there is a card that repeats the hash of the facts: as in all bundles with hashes of constants."""
        return any(artifact.constants_sha256 is not None for artifact in self.artifacts.values())

    def __repr__(self) -> str:
        """A few lines; the dataclass's own would be all of bundle.json."""
        names = ", ".join(map(printable, self.labels[:SHOWN])) + ", ..." * (len(self.labels) > SHOWN)
        return "\n".join(
            [
                f"Bundle {printable(self.name)} in {printable(str(self.folder))}: {self._signature()}",
                *[f"  classes: {names}"] * bool(self.labels),
                *(f"  {file}: {precision}, {size}" for file, precision, size in self._rows()),
                *(f"  no {file}: {why}" for file, why in self.left_out.items()),
            ]
        )

    def _repr_html_(self) -> str:
        """For notebooks: the files, the pictures of samples.png, and the page that runs the network, if it is small."""
        rows = [*self._rows(), *((file, "left out", why) for file, why in self.left_out.items())]
        title = f"Bundle {self.name}: {self._signature()}"
        files = notebooks.table(title, ("file", "precision", "size"), rows)
        shown = files + notebooks.picture(self.folder / "samples.png")
        model = self.files.get("model.onnx") if self.classes else None
        return shown + notebooks.page(self, model.bytes) if model else shown

    def _signature(self) -> str:
        batch = self.batch or "batch"
        outputs = ", ".join(f"{one.name} {[batch, *one.shape]}" for one in self.outputs).replace("'", "")
        return f"image {[batch, *self.shape]} {self.dtype}".replace("'", "") + f" -> {printable(outputs)}"

    def _rows(self) -> list[tuple[str, str, str]]:
        """Name, precision and size of each artifact."""
        sizes = {name: sum(part.bytes for part in self.parts(name).values()) for name in self.artifacts}
        return [(name, one.precision, f"{sizes[name] / 1000:,.0f} kB") for name, one in self.artifacts.items()]

    def runnable(self) -> list[Artifact]:
        """The artifacts that a runtime can run, in the order of bundle.json."""
        return [artifact for artifact in self.artifacts.values() if artifact.format in RUNNABLE]

    def must_classify(self, what: str) -> None:
        """Refuse a network that is not a classifier.

        Args:
            what: what needs classes, as the subject of a sentence: "a test set".

        Raises:
            InputError: the network is not a classifier.
        """
        if not self.classes:
            found = ", ".join(f"{output.name} {list(output.shape)}" for output in self.outputs)
            raise InputError(
                f"{self.name} is no classifier, and {what} needs classes; it gives {found}, which a program reads from "
                "cnnref.runtimes.open_artifact(bundle, file).answer(images)."
            )

    def must_run(self) -> list[Artifact]:
        """The artifacts that a runtime can run; there is at least one.

        Raises:
            InputError: the bundle has model.keras alone.
        """
        if not (found := self.runnable()):
            raise InputError(
                f"{self.folder} has no file that a runtime runs; `cnnref export {self.folder} --out DIR` writes them."
            )
        return found

    def parts(self, name: str) -> dict[str, ListedFile]:
        """The listed files that make up `name`: itself, or everything below it when it is a folder."""
        return {file: facts for file, facts in self.files.items() if file == name or file.startswith(f"{name}/")}

    def entries(self) -> list[str]:
        """The entries of a report: the artifacts, then the listed files that belong to no artifact."""
        inside = {file for name in self.artifacts for file in self.parts(name)}
        return [*self.artifacts, *(file for file in self.files if file not in inside)]
