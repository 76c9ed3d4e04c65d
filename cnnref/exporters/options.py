"""What a user can choose about an export, as one record that is checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .contract import INPUT_DTYPES
from .onnx.model import DEFAULT_OPSET, LAYOUTS, OPSETS
from .onnx.tf2onnx import NEWEST_OPSET
from .precisions import FORMATS, PRECISIONS, TARGETS

ENGINES = ("native", "tf2onnx")
INTEGER_IO = ("float32", "uint8", "int8")


@dataclass(frozen=True)
class ExportOptions:
    """The options of `cnnref.export`, where each is described.

    Raises:
        InputError: an option has a value that is impossible for every model. What depends on the model, such as the
            number of labels, is checked where the model is known.
    """

    name: str | None = None
    labels: Sequence[str] | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    formats: Sequence[str] | None = None
    precisions: Sequence[str] | None = None
    opset: int | None = None
    layout: str = "nhwc"
    engine: str = "native"
    input_dtype: str = "float32"
    integer_io: str = "float32"
    top_k: int = 0
    image_size: int | Sequence[int] | None = None
    batch: int | None = None
    half: bool = False
    unsafe_lambda: bool = False
    target: str | None = None
    dataset: str | None = None
    data_dir: str | Path | None = None
    calibrate: str | Path | None = None
    sign: str | Path | None = None

    def __post_init__(self) -> None:
        for key in ("formats", "precisions"):
            if isinstance(given := getattr(self, key), str):
                raise InputError(f"{key} is {given!r}; give a list of names, such as {given.split(',')}.")
        for what, value, choices in (
            *(("format", value, (*FORMATS, "keras")) for value in self.formats or ()),
            *(("precision", value, PRECISIONS) for value in self.precisions or ()),
            ("layout", self.layout, LAYOUTS),
            ("engine", self.engine, ENGINES),
            ("input type", self.input_dtype, INPUT_DTYPES),
            ("integer input and output type", self.integer_io, INTEGER_IO),
            *(("target", value, tuple(TARGETS)) for value in (self.target,) if value is not None),
        ):
            if value not in choices:
                raise InputError(f"There is no {what} {value!r}; choose {', '.join(choices)}.")
        if self.batch is not None and (type(self.batch) is not int or self.batch < 1):
            raise InputError(f"The batch is {self.batch!r}; give 1 or more, or none for an open one.")
        size = self.size
        if size is not None and (len(size) != 2 or not all(type(side) is int and side > 0 for side in size)):
            raise InputError(f"The image size is {self.image_size!r}; give one side, or height and width, from 1 on.")
        if self.onnx_opset not in OPSETS:
            raise InputError(f"opset {self.onnx_opset} is not supported; choose {OPSETS[0]} to {OPSETS[-1]}.")
        self._refuse_what_has_no_use()
        if self.target is not None and self.top_k:
            raise InputError(
                "The target micro has no operator for the best classes; leave out top-k, or export to it by itself."
            )

    def _refuse_what_has_no_use(self) -> None:
        """Raise InputError for an option of a file that is not among those to write."""
        onnx = [
            *[f"layout {self.layout!r}"] * (self.layout != "nhwc"),
            *[f"opset {self.opset}"] * (self.opset is not None),
            *[f"engine {self.engine!r}"] * (self.engine != "native"),
        ]
        if onnx and "onnx" not in self.wanted_formats:
            raise InputError(
                f"The {' and the '.join(onnx)} would be for ONNX files, and none is to be written; add the format "
                "onnx, or leave that out."
            )
        integers = "tflite" in self.wanted_formats and "int8" in (self.precisions or PRECISIONS)
        if self.integer_io != "float32" and not integers:
            raise InputError(
                f"The integer input and output type {self.integer_io!r} would be for model.int8.tflite, which is not "
                "to be written; add the format tflite and the precision int8, or leave that out."
            )

    @property
    def onnx_opset(self) -> int:
        """The opset of the ONNX files: the one that was chosen, or the default of the engine."""
        return self.opset or (NEWEST_OPSET if self.engine == "tf2onnx" else DEFAULT_OPSET)

    @property
    def size(self) -> tuple[int, ...] | None:
        """Height and width, if they were given; one number is both."""
        if self.image_size is None:
            return None
        return (self.image_size,) * 2 if isinstance(self.image_size, int) else tuple(self.image_size)

    @property
    def wanted_formats(self) -> Sequence[str]:
        """The formats to write: those that were asked for by name, or all, or none beside those of a target."""
        if self.formats is None:
            return () if self.target else FORMATS
        return self.formats

    @property
    def requires_int8(self) -> bool:
        """Whether int8 was asked for by name, so that missing calibration images are an error."""
        return "int8" in (self.precisions or ()) or self.target is not None or self.integer_io != "float32"
