"""bundle.json, read, checked and turned into a `Bundle`.

Reading it proves nothing about the other files of the bundle; `verify` checks them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, printable
from ..files import check_labels, check_name, read_text
from .bundle import (
    CLASSIFIER,
    FORMAT,
    FORMATS,
    IMAGE,
    MANIFEST,
    OTHER,
    OUTPUT_DTYPES,
    PROBABILITIES,
    RANGE,
    RESERVED,
    RUNNABLE,
    VERSIONS,
    Artifact,
    Bundle,
    ListedFile,
    Output,
)

#: The largest tolerance that still says something.
LOOSEST = 10

#: How far a number of images that was a share may be from a whole number: points are rounded to six digits.
WHOLE = 0.01

#: What a bound may be more than the product that it was rounded from.
ROUNDED = 1.01


def read_bundle(folder: str | Path) -> Bundle:
    """Read and check bundle.json of a bundle folder.

    Raises:
        InputError: there is no such folder or bundle.json, or it is not one that this version understands.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that an export wrote.")
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} has no {MANIFEST}, so it is not a bundle; give the folder that an export wrote.")
    try:
        document = json.loads(read_text(path, "description of a bundle"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); export the bundle again.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{path} does not say "format": "{FORMAT}", so it describes something else than a bundle.')
    if document.get("version") not in VERSIONS:
        raise InputError(
            f"{path} has version {printable(repr(document.get('version')))}, and this cnnref reads the versions "
            f"{CLASSIFIER} and {OTHER}."
        )
    return _Manifest(path, document).bundle()


def facts_sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 of all that bundle.json says but its list of files: the model card repeats it, and is in that list."""
    facts = {key: value for key, value in document.items() if key != "files"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Manifest:
    path: Path
    document: dict[str, Any]

    def bundle(self) -> Bundle:
        top, at = self.document, ""
        self.table(top, "picture", at)
        if not isinstance(self.table(top, "provenance", at).get("dataset"), str | None):
            self.refuse("provenance.dataset is not a string")
        for key in ("parameters", "macs"):
            if not isinstance(self.table(top, "model", at).get(key), int | None):
                self.refuse(f"model.{key} is not a whole number")
        self.text(top, "license", at)
        labels = self.take(top, "labels", at, list, "a list")
        if not all(isinstance(label, str) for label in labels):
            self.refuse("labels must all be strings")
        try:
            check_labels(labels, "it")
            check_name(self.text(top, "name", at), "a bundle")
        except InputError as error:
            self.refuse(str(error).removesuffix("."))
        batch, (height, width, channels) = self.end(self.table(top, "input", at), "input", ("float32", "uint8"), 3)
        if (extent := top["input"].get("range", RANGE)) != RANGE:
            self.refuse(f"input.range is {extent!r}, and every bundle takes raw pixel values {RANGE}")
        if top["input"]["name"] != IMAGE:
            self.refuse(f"input.name is {top['input']['name']!r}, and every bundle calls it {IMAGE!r}")
        classes, activation, top_k = 0, None, 0
        if top["version"] == CLASSIFIER:
            classes, activation, top_k = self.classifier(top, labels, batch)
            outputs: tuple[Output, ...] = (Output(PROBABILITIES, (classes,)),)
        else:
            outputs = self.outputs(top, labels, batch)
        artifacts = self.table(top, "artifacts", at)
        files = self.table(top, "files", at)
        return Bundle(
            folder=self.path.parent,
            name=self.text(top, "name", at),
            shape=(height, width, channels),
            batch=batch,
            dtype=self.text(top["input"], "dtype", "input."),
            outputs=outputs,
            classes=classes,
            activation=activation,
            labels=tuple(labels),
            preprocessing=self.table(top, "preprocessing", at),
            top_k=top_k,
            weights_sha256=self.text(self.table(top, "model", at), "weights_sha256", "model."),
            artifacts={self.inside(name): self.artifact(top, artifacts, name) for name in artifacts},
            files={self.inside(name): self.file(files, name) for name in files},
            left_out=self.left_out(top),
            document=top,
        )

    def left_out(self, top: Mapping[str, Any]) -> dict[str, str]:
        """File names and reasons; older bundles do not have them."""
        table = self.table(top, "left_out", "") if "left_out" in top else {}
        return {printable(name): printable(self.text(table, name, "left_out."), 1000) for name in table}

    def end(
        self, end: Mapping[str, Any], at: str, dtypes: tuple[str, ...], rank: int | None
    ) -> tuple[int | None, tuple[int, ...]]:
        """The batch (None: open) and the sizes after it of the input or an output."""
        self.text(end, "name", f"{at}.")
        dtype = self.text(end, "dtype", f"{at}.")
        if dtype not in dtypes:
            self.refuse(f"{at}.dtype {dtype!r} is not one that a bundle may have")
        shape = self.take(end, "shape", f"{at}.", list, "a list")
        open_batch = shape[:1] == ["batch"]
        sizes: list[int] = shape[1:] if open_batch else shape
        if not all(type(size) is int and size > 0 for size in sizes) or rank not in (None, len(shape) - 1) or not shape:
            words = "positive whole numbers" if rank is None else f"{rank} positive whole number{'s'[: rank - 1]}"
            self.refuse(f'{at}.shape is {shape}, not "batch" and {words}')
        return (None, tuple(sizes)) if open_batch else (sizes[0], tuple(sizes[1:]))

    def classifier(self, top: Mapping[str, Any], labels: list[str], batch: int | None) -> tuple[int, str | None, int]:
        """The classes, the activation and the number of best classes of a network of version 1."""
        output = self.table(top, "output", "")
        of_output, (classes,) = self.end(output, "output", ("float32",), 1)
        if output["name"] != PROBABILITIES:
            self.refuse(f"output.name is {output['name']!r}, and every classifier calls it {PROBABILITIES!r}")
        if of_output != batch:
            self.refuse("output.shape has another batch than input.shape")
        # A single output may name itself, or both sides of its yes-or-no question.
        if len(labels) != classes and not (classes == 1 and len(labels) == 2):
            self.refuse(f"{len(labels)} labels do not fit {classes} classes")
        if "activation" not in output:
            self.refuse("output has no key 'activation'")
        if output["activation"] not in ("softmax", "sigmoid", "linear", None):
            self.refuse(f"output.activation is {output['activation']!r}, not softmax, sigmoid, linear or null")
        return classes, output["activation"], self.top_k(output, classes)

    def outputs(self, top: Mapping[str, Any], labels: list[str], batch: int | None) -> tuple[Output, ...]:
        """The outputs of a network of version 2."""
        found = []
        for index, output in enumerate(self.take(top, "outputs", "", list, "a list")):
            at = f"outputs[{index}]"
            if not isinstance(output, dict):
                self.refuse(f"{at} is not an object")
            of_output, shape = self.end(output, at, OUTPUT_DTYPES, None)
            if of_output != batch:
                self.refuse(f"{at}.shape has another batch than input.shape")
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", output["name"]) or output["name"] in RESERVED:
                self.refuse(f"{at}.name {output['name']!r} is not one that an output may have")
            found.append(Output(output["name"], shape, output["dtype"]))
        if not found or len({output.name for output in found}) < len(found):
            self.refuse("outputs does not name each of one or more outputs once")
        if labels:
            self.refuse("it has labels, and is no classifier")
        return tuple(found)

    def top_k(self, output: Mapping[str, Any], classes: int) -> int:
        count: int = output.get("top_k", 0)
        if type(count) is not int or not 0 <= count <= classes:
            self.refuse(f"output.top_k is {count!r}, not a whole number from 0 to {classes}")
        return count

    def artifact(self, top: Mapping[str, Any], artifacts: Mapping[str, Any], name: str) -> Artifact:
        at = f"artifacts[{name!r}]."
        entry = self.table(artifacts, name, "artifacts.")
        kind = self.text(entry, "format", at)
        if kind not in FORMATS:
            self.refuse(f"{at}format {kind!r} is none of {', '.join(FORMATS)}")
        layout = entry.get("layout", "nhwc")
        if layout != "nhwc" and not (layout == "nchw" and kind == "onnx"):
            self.refuse(f"{at}layout {layout!r} is not one that a {kind} file can have")
        if kind in RUNNABLE:
            self.take(entry, "tolerance", at, (int, float), "a number")
        dtypes = {}
        for end, usual in (("input", top["input"]["dtype"]), ("output", "float32")):
            dtypes[end] = entry.get(f"{end}_dtype", usual)
            if dtypes[end] not in ("float32", "uint8", "int8"):
                self.refuse(f"{at}{end}_dtype is {dtypes[end]!r}, not float32, uint8 or int8")
        return Artifact(
            name,
            kind,
            str(entry.get("precision", "float32")),
            layout,
            tolerance=self.tolerance(entry, at) if kind in RUNNABLE else None,
            points=self.limit(entry, "points", at),
            size_ratio=self.limit(entry, "size_ratio", at),
            input_dtype=dtypes["input"],
            output_dtype=dtypes["output"],
            arena_bytes=self.arena(entry, at) if kind == "micro" else None,
            float_layers=tuple(map(str, self.take(entry, "float_layers", at, list, "a list")))
            if "float_layers" in entry
            else (),
            test=self.test(entry, at) if "test" in entry else None,
            constants_sha256=self.digest(entry, "constants_sha256", at) if "constants_sha256" in entry else None,
        )

    def test(self, entry: Mapping[str, Any], at: str) -> dict[str, Any]:
        """What the export measured on a test set; older bundles do not have it."""
        found, inside = self.table(entry, "test", at), f"{at}test."
        self.text(found, "dataset", inside)
        if type(found.get("images")) is not int or found["images"] <= 0:
            self.refuse(f"{inside}images is not a positive whole number")
        for key, most in (("accuracy", 1), ("agreement", 1), ("points_lost", 100), ("largest_difference", math.inf)):
            value = self.take(found, key, inside, (int, float), "a number")
            if isinstance(value, bool) or not math.isfinite(value) or abs(value) > most:
                self.refuse(f"{inside}{key} is {value}, which cannot have been measured")
        right = found["images"] * found["accuracy"]
        if abs(right - round(right)) > WHOLE:
            self.refuse(f"{inside}accuracy is {found['accuracy']}, which no number of {found['images']} images is")
        return found

    def arena(self, entry: Mapping[str, Any], at: str) -> int:
        found: int = self.take(entry, "arena_bytes", at, int, "a whole number")
        if isinstance(found, bool) or found <= 0:
            self.refuse(f"{at}arena_bytes is {found}, not a positive whole number")
        return found

    def tolerance(self, entry: Mapping[str, Any], at: str) -> float | None:
        """A bound on the difference of numbers of about 1, which bounds nothing if it is much more than they are."""
        found = self.limit(entry, "tolerance", at)
        if found is not None and found > LOOSEST:
            self.refuse(f"{at}tolerance is {found}, which bounds nothing")
        if found is None or "tolerance_factor" not in entry:
            return found  # older bundles do not say where it comes from
        factor, least, measured = (
            self.take(entry, key, at, (int, float), "a number")
            for key in ("tolerance_factor", "tolerance_least", "difference")
        )
        if found > ROUNDED * max(least, factor * measured):
            self.refuse(
                f"{at}tolerance is {found}, and {factor} times the difference of the export is {factor * measured:.3g}"
            )
        return found

    def limit(self, entry: Mapping[str, Any], key: str, at: str) -> float | None:
        """A positive number, or None where it is not there or null."""
        value = entry.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            self.refuse(f"{at}{key} is {value}, not a positive number")
        return value

    def file(self, files: Mapping[str, Any], name: str) -> ListedFile:
        at = f"files[{name!r}]."
        entry = self.table(files, name, "files.")
        size = self.take(entry, "bytes", at, int, "a whole number")
        if isinstance(size, bool) or size < 0:
            self.refuse(f"{at}bytes is {size}, not a whole number from 0 on")
        return ListedFile(size, self.digest(entry, "sha256", at))

    def digest(self, entry: Mapping[str, Any], key: str, at: str) -> str:
        found = self.text(entry, key, at)
        if not re.fullmatch("[0-9a-f]{64}", found):
            self.refuse(f"{at}{key} is not 64 hexadecimal digits")
        return found

    def inside(self, name: str) -> str:
        """`name` itself, if it is a plain relative path that stays in the folder, links included."""
        plain = PurePosixPath(name)
        stays = not plain.is_absolute() and ".." not in plain.parts and str(plain) == name and name != "."
        if not stays or re.search(r"[\\:\x00-\x1f]", name):
            self.refuse(f"the path {name!r} is not a plain path inside the bundle")
        # Unlike Path.resolve, realpath takes links that lead in a circle, too.
        if not Path(os.path.realpath(self.path.parent / name)).is_relative_to(os.path.realpath(self.path.parent)):
            self.refuse(f"the path {name!r} is a link that leaves the bundle")
        return name

    def table(self, table: Mapping[str, Any], key: str, at: str) -> dict[str, Any]:
        found: dict[str, Any] = self.take(table, key, at, dict, "an object")
        return found

    def text(self, table: Mapping[str, Any], key: str, at: str) -> str:
        found: str = self.take(table, key, at, str, "a string")
        return found

    def take(self, table: Mapping[str, Any], key: str, at: str, kind: Any, words: str) -> Any:
        if key not in table:
            self.refuse(f"the key '{at}{key}' is missing")
        if not isinstance(table[key], kind):
            self.refuse(f"{at}{key} is not {words}")
        return table[key]

    def refuse(self, why: str) -> None:
        raise InputError(f"{self.path}: {why}; export the bundle again, or mend the file.")
