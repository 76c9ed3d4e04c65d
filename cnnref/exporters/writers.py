"""The files of a bundle, written one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx

from ..environment import keras
from ..errors import ExportError, InputError, NoFormError
from ..models.saving import save_model
from ..runtimes import LabelledImages
from ..runtimes.runner import one_line
from .calibration import Calibration
from .contract import Contract
from .onnx.model import fix_batch, onnx_model
from .onnx.tf2onnx import NEWEST_OPSET
from .options import ExportOptions
from .precisions import ArtifactKind, float32_file, integer_share
from .preparation import with_names_for_tensorflow
from .remedies import LARGEST_SHARE, Make, Trial, with_remedy

#: A converter may say pages about what it cannot do.
LONGEST_REASON = 500


@dataclass
class Writer:
    """Writes one model in every format; what several files need, such as the traced graph, is made once.

    `calibration` is needed for int8 files only, and `trial` has the training images on which these choose what stays in
    floats.
    """

    model: keras.Model
    contract: Contract
    options: ExportOptions
    calibration: Calibration | None
    trial: LabelledImages | None = None

    def write(
        self, folder: Path, kinds: Sequence[ArtifactKind], tell: Callable[[str], None], *, on_noise: bool
    ) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Write model.keras and those files of `kinds` that can be written.

        `on_noise` says that the samples, by which the files will be checked, are no pictures.

        Returns:
            The entries of the files for bundle.json, and for each file that cannot be written why.
        """
        save_model(self.model, folder / "model.keras", half=self.options.half)
        precision = "fp16" if self.options.half else "float32"
        entries: dict[str, dict[str, Any]] = {"model.keras": {"format": "keras", "precision": precision}}
        left_out: dict[str, str] = {}
        for kind in kinds:
            whole = float32_file(kind.format)
            if whole in left_out:
                left_out[kind.file] = f"it would be made from the same graph as {whole}, which is left out"
                continue
            tell(f"writing {kind.file}")
            try:
                facts = self._write(kind, folder / kind.file)
            except (InputError, OSError):  # an option that is not possible, or a full disk: no other file is better off
                raise
            except ExportError as error:
                left_out[kind.file] = one_line(error, LONGEST_REASON)
            except Exception as error:  # converters raise whatever they run into
                reason = one_line(error, LONGEST_REASON)
                left_out[kind.file] = f"writing it failed with {type(error).__name__}: {reason}"
            else:
                entries[kind.file] = kind.entry(self.model, on_noise=on_noise) | facts
                continue
            shutil.rmtree(folder / kind.file, ignore_errors=True)
        return entries, left_out

    def _write(self, kind: ArtifactKind, path: Path) -> dict[str, Any]:
        """Write one file; return what bundle.json says of it beside its bounds."""
        if kind.format == "micro":
            from .micro.write import write_micro

            assert self.calibration is not None, "a target is refused without calibration images"
            return write_micro(path, self._model_for_tensorflow, self.contract, self.calibration)
        if kind.precision == "int8":
            return self._facts(kind) | self._write_integers(kind, path)
        if kind.format == "saved_model":
            from .tensorflow.graph import for_tensorflow
            from .tensorflow.saved_model import write_saved_model

            write_saved_model(for_tensorflow(self._module, self._model_for_tensorflow, self.contract), path)
        else:
            path.write_bytes(self._onnx(kind) if kind.format == "onnx" else self._tflite(kind))
        return self._facts(kind)

    def _write_integers(self, kind: ArtifactKind, path: Path) -> dict[str, Any]:
        """Write an int8 file; return what bundle.json says of its remedy and the layers that it computes in floats."""
        points = kind.entry(self.model, on_noise=False)["points"]
        content, remedy = with_remedy(self.integers(kind), self.trial_of(kind, path.parent), points)
        path.write_bytes(content)
        share = integer_share(self.model, (path.parent / float32_file(kind.format)).stat().st_size)
        facts: dict[str, Any] = {"size_ratio": share} if kind.size_ratio and share > kind.size_ratio else {}
        if kind.format == "tflite":
            from .tensorflow.integers import float_tensors, layers_of, output_scales

            if scales := output_scales(content):
                facts["output_scales"] = scales
            if names := layers_of(float_tensors(content)):
                facts["float_layers"] = list(names)
        elif remedy is not None and remedy.plan.in_floats:
            facts["float_layers"] = list(remedy.plan.in_floats)
        if remedy is not None:
            facts["remedy"] = remedy.to_json()
            if remedy.plan.in_floats:
                facts["size_ratio"] = LARGEST_SHARE
        return facts

    def integers(self, kind: ArtifactKind) -> Make:
        """What writes the int8 file of a format with some tensors in floats."""
        calibration = self.calibration
        assert calibration is not None, "int8 is not among the kinds without calibration images"
        if kind.format == "tflite":
            from .tensorflow.integers import IntegerWriter

            return IntegerWriter(self._function_of_floats, self.contract, calibration, self.options.integer_io).write
        from .onnx.int8 import int8_model

        written = self._native_onnx()
        return lambda plan: self._serialized(int8_model(written, calibration, layout=self.options.layout, plan=plan))

    def trial_of(self, kind: ArtifactKind, folder: Path) -> Trial | None:
        """The training images to choose by, beside the float32 file in the folder."""
        if self.trial is None:
            return None
        whole = folder / float32_file(kind.format)
        return Trial(whole.read_bytes(), whole.suffix, self.options.layout, self.trial, self.contract.batch)

    def _onnx(self, kind: ArtifactKind) -> bytes:
        if kind.precision == "fp16":
            from .onnx.float16 import float16_model

            return self._serialized(float16_model(self._native_onnx()))
        return self._serialized(self._float32_onnx[0])

    def _native_onnx(self) -> onnx.ModelProto:
        """The float32 graph that others are made from, with an open batch: calibration runs as many as it likes."""
        written, engine = self._float32_onnx
        if engine == "tf2onnx":
            raise NoFormError("only the native engine writes it, and model.onnx went through tf2onnx.")
        return written

    def _serialized(self, written: onnx.ModelProto) -> bytes:
        if self.contract.batch is not None:
            written = fix_batch(written, self.contract.batch)
        content: bytes = written.SerializeToString(deterministic=True)
        return content

    def _tflite(self, kind: ArtifactKind) -> bytes:
        from .tensorflow.tflite import tflite_model

        return tflite_model(self._function, self.contract, precision=kind.precision)

    @cached_property
    def _float32_onnx(self) -> tuple[onnx.ModelProto, str]:
        """The float32 file and the engine that wrote it: tf2onnx takes what the native one has no form for."""
        opset, layout = self.options.onnx_opset, self.options.layout
        if self.options.engine == "tf2onnx":
            return self._by_tf2onnx(opset), "tf2onnx"
        try:
            return onnx_model(self.model, self.contract, opset=opset, layout=layout), "native"
        except NoFormError as reason:
            try:
                from .tensorflow.graph import require_tensorflow

                require_tensorflow()
                return self._by_tf2onnx(min(opset, NEWEST_OPSET)), "tf2onnx"
            except (ExportError, ImportError) as error:
                raise NoFormError(f"{reason} {one_line(error, LONGEST_REASON // 2)}") from error

    def _by_tf2onnx(self, opset: int) -> onnx.ModelProto:
        from .onnx.tf2onnx import onnx_model_by_tf2onnx

        return onnx_model_by_tf2onnx(self._module, self.contract, opset=opset, layout=self.options.layout)

    @cached_property
    def _module(self) -> Any:
        from .tensorflow.graph import serving_module

        return serving_module(self._model_for_tensorflow, self.contract)

    @cached_property
    def _model_for_tensorflow(self) -> keras.Model:
        return with_names_for_tensorflow(self.model)

    @property
    def _function(self) -> Any:
        from .tensorflow.graph import serving_function

        return serving_function(self._module)

    @cached_property
    def _function_of_floats(self) -> Any:
        from .tensorflow.graph import serving_function, serving_module

        if self.contract.input_dtype == "float32":
            return self._function
        return serving_function(
            serving_module(self._model_for_tensorflow, replace(self.contract, input_dtype="float32"))
        )

    def _facts(self, kind: ArtifactKind) -> dict[str, Any]:
        if kind.format == "onnx":
            written, engine = self._float32_onnx
            opset = next(used.version for used in written.opset_import if used.domain in ("", "ai.onnx"))
            return {"layout": self.options.layout, "opset": opset, "engine": engine}
        if (kind.format, kind.precision) == ("tflite", "int8"):
            from .tensorflow.integers import input_dtype_of

            input_dtype = input_dtype_of(self.contract, self.options.integer_io)
            return {"input_dtype": input_dtype, "output_dtype": self.options.integer_io}
        return {}
