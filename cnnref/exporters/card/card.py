"""The model card of a bundle: what it is, how good it is, how to run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import code, markdown
from ...runtimes import Bundle, Report
from ...runtimes.manifest import facts_sha256
from ...runtimes.witnesses import FACTS
from .training import training_lines

RUN = """\
```python
import numpy as np
import onnxruntime as ort
from PIL import Image

labels = open("labels.txt").read().split("\\n")
picture = Image.open("picture.png").convert("{mode}").resize(({width}, {height}), Image.BILINEAR)
image = np.asarray(picture, np.{dtype}).reshape(1, {height}, {width}, {channels})  # raw values 0..255
session = ort.InferenceSession("model.onnx")
(probabilities,) = session.run(["probabilities"], {{"image": image}})
print(labels[probabilities[0].argmax()])
```

Where `labels.txt` is not beside it, `model.onnx` has the names of the classes itself, as a JSON list under the key
`cnnref.labels` of its metadata: `json.loads(session.get_modelmeta().custom_metadata_map["cnnref.labels"])`.
"""


def card(bundle: Bundle, report: Report) -> str:
    """The text of a bundle's README.md; every number in it was measured by the run or by the export."""
    model = bundle.document["model"]
    height, width, channels = bundle.shape
    macs = f", {model['macs']:,} multiply-accumulates an image" if model["macs"] is not None else ""
    batch = "batch" if bundle.batch is None else str(bundle.batch)
    lines = [
        f"# {markdown(bundle.name)}",
        "",
        f"{markdown(model['name'])}, {model['parameters']:,} parameters{macs}.",
        "",
        *training_lines(bundle.folder, bundle.document["provenance"], bundle.weights_sha256, _options(bundle)),
        "## Files",
        "",
        f"Every file{_but_for_a_device(bundle)} takes `image` [{batch}, {height}, {width}, {channels}], raw pixel "
        f"values 0..255 as {bundle.dtype}, and gives {_given(bundle, batch)}"
        + (f", `top_indices` and `top_scores` [{batch}, {bundle.top_k}]" if bundle.top_k else "")
        + f". The batch is {'open' if bundle.batch is None else f'fixed to {bundle.batch}'}; the preprocessing, "
        f"`{code(bundle.preprocessing['formula'])}`, is inside.",
        "",
        *_files(bundle, report),
        "",
        f"The difference is the largest of any {'probability' if bundle.classes else 'number'} to Keras, over the "
        f"pictures in `samples.npz` at batch {'1, 3 and 8' if bundle.batch is None else bundle.batch}. `cnnref verify` "
        f"checks all of this again{', with `--data-dir` on the whole test set' if bundle.classes else ''}.",
        "",
        *_microcontroller(bundle, report),
        *_float32_rounding(bundle),
        *_arithmetic(bundle),
        *_rounding(bundle),
        *_integers(bundle),
        *_engines_and_gaps(bundle),
    ]
    shown = bundle.classes and channels in (1, 3) and bundle.batch in (None, 1)
    if shown and "model.onnx" in bundle.artifacts and bundle.artifacts["model.onnx"].layout == "nhwc":
        lines += [
            "## Running it without cnnref",
            "",
            RUN.format(
                mode="L" if channels == 1 else "RGB", dtype=bundle.dtype, height=height, width=width, channels=channels
            ),
            *_centring(bundle),
        ]
    lines += [
        "## Identity",
        "",
        f"SHA-256 of the weights: `{bundle.weights_sha256}`. Hashes of the files are in `bundle.json`. "
        f"{FACTS.format(digest=facts_sha256(bundle.document))} Licence: {markdown(bundle.document['license'])}.",
    ]
    return "\n".join(lines) + "\n"


def _centring(bundle: Bundle) -> list[str]:
    """What the lines of Python leave out where digits are centred."""
    box = bundle.picture.ink_box
    if box is None:
        return []
    return [
        f"The picture has to be as those of the data set are: light on dark, the digit {box} pixels high or wide, its "
        "centre of mass in the middle. `cnnref predict` and the programs in `scripts/deploy` make it so, by the rule "
        "that `bundle.json` states under `centring`.",
        "",
    ]


def _given(bundle: Bundle, batch: str) -> str:
    """The outputs with their shapes, and their types where these are not float32."""
    return ", ".join(
        f"`{output.name}` [{', '.join(map(str, (batch, *output.shape)))}]"
        + (f" as {output.dtype}" if output.dtype != "float32" else "")
        for output in bundle.outputs
    )


def _files(bundle: Bundle, report: Report) -> list[str]:
    """The table of files: one row for each, with the accuracy on a test set where there is one."""
    checks = [check for check in report.checks if check.file in bundle.artifacts]
    tested = next((check.test for check in checks if check.test), None)
    more = f" accuracy on {tested.images:,} test images | same class as Keras |" if tested else ""
    lines = [
        f"| file | precision | bytes | of float32 | largest difference |{more}",
        "|---|---|---:|---:|---:|" + "---:|---:|" * bool(tested),
    ]
    for check in checks:
        difference = "reference" if check.largest_difference is None else f"{check.largest_difference:.1e}"
        ratio = f"{check.size_ratio:.2f}" if check.size_ratio else ""
        row = f"| `{check.file}` | {check.precision} | {check.bytes:,} | {ratio} | {difference} |"
        if check.test:
            row += f" {100 * check.test.accuracy:.2f} % | {100 * check.test.agreement:.2f} % |"
        elif tested:
            row += f" {100 * (tested.accuracy + tested.points_lost / 100):.2f} % | |"
        lines.append(row)
    return lines


def _microcontroller(bundle: Bundle, report: Report) -> list[str]:
    """What lies in micro/, how much memory it takes, and what was compared."""
    lines: list[str] = []
    for check in report.checks:
        if check.micro is None or check.file not in bundle.artifacts:
            continue
        entry, (height, width, channels) = bundle.document["artifacts"][check.file], bundle.shape
        lines += [
            "## On a microcontroller",
            "",
            f"`{check.file}/model.int8.tflite` takes one image, int8 [1, {height}, {width}, {channels}], pixel values "
            f"minus 128, and gives int8 [1, {bundle.classes}]. It takes {entry['flash_bytes']:,} bytes of flash and an "
            f"arena of {check.micro.arena_bytes:,} bytes of RAM, as TensorFlow Lite for Microcontrollers counts them "
            "with its reference kernels on a computer with 64 bits. There it gave the bytes of LiteRT's reference "
            f"kernels for {check.micro.images - check.micro.different:,} of {check.micro.images:,} images. "
            "`model_data.cc` is the same file as a C array, `model_operators.h` registers its "
            f"{len(entry['operators'])} kinds of operators, and `main.cc` is a program that reads images and prints "
            "scores.",
            "",
        ]
    return lines


def _options(bundle: Bundle) -> str:
    """The options of `cnnref export` that made this bundle smaller."""
    alone, half = not bundle.runnable(), "rounded" in bundle.document["provenance"]
    target = " --target micro" * ("micro" in bundle.artifacts)
    return " --format keras" * alone + " --half" * half + target


def _but_for_a_device(bundle: Bundle) -> str:
    return " but `micro/`" if "micro" in bundle.artifacts else ""


def _float32_rounding(bundle: Bundle) -> list[str]:
    """Why the float32 files may be further off than usual, where they may."""
    if not (facts := bundle.document.get("float32_rounding")):
        return []
    return [
        f"In float32 Keras itself is {facts['to_float64']:g} off from the same network in float64 (of values up to 1), "
        "and every runtime rounds in an order of its own: a float32 file may be twice that much further from Keras "
        "than the usual bound, once for Keras and once for the runtime.",
        "",
    ]


def _arithmetic(bundle: Bundle) -> list[str]:
    """What the dtype policy loses under which the model was made."""
    facts = bundle.document["provenance"].get("arithmetic")
    if not facts:
        return []
    policies = ", ".join(f"`{code(policy)}`" for policy in facts["policies"])
    off, same, on = (
        facts["largest_difference"],
        facts["same_largest"],
        f"{facts['images']} pictures of {markdown(facts['on'])}",
    )
    loss = f"moves a number by up to {off:g} (of values up to 1; on {on})" if off is not None else f"overflows on {on}"
    kept = f", and leaves the largest one where it is in {100 * same:.2f} % of the cases" if same is not None else ""
    return [
        f"The model was made under the dtype polic{'ies' if len(facts['policies']) > 1 else 'y'} {policies}, and every"
        " file here, `model.keras` too, computes the same weights in float32. The policy's own rounding "
        f"{loss}{kept}.",
        "",
    ]


def _rounding(bundle: Bundle) -> list[str]:
    """How the rounding of kernels changed the results, and how the files that a smaller bundle lacks are written."""
    lines = []
    if rounded := bundle.document["provenance"].get("rounded"):
        text = (
            f"The kernels are rounded to {rounded['kernels']} and stored so, which halves `model.keras`; Keras reads "
            f"them as float32. The SHA-256 of the weights before is `{rounded['from_sha256']}`."
        )
        if "test_accuracy" in rounded:
            text += (
                f" Rounded, they reach {100 * rounded['test_accuracy']:.2f} % of the {rounded['test_images']:,} test "
                f"images, and decide as before on {100 * rounded['same_class']:.2f} % of them."
            )
        lines += [text, ""]
    if not bundle.runnable():
        lines += ["`cnnref export`, with this folder as its source, writes the files for the runtimes.", ""]
    return lines


def _integers(bundle: Bundle) -> list[str]:
    """How the int8 files were calibrated."""
    lines = []
    if calibration := bundle.document.get("calibration"):
        lines += [
            f"The int8 files are per channel; the {calibration['method']} on {calibration['images']} images set their "
            f"ranges (seed {calibration['seed']}; {markdown(calibration['from'])}; SHA-256 of the pixels "
            f"`{calibration['sha256']}`).",
            "",
        ]
    for file, artifact in bundle.artifacts.items():
        lines += _integer_ends(bundle, file)
        remedy = bundle.document["artifacts"][file].get("remedy")
        if remedy:
            lines += [_remedy(file, remedy), ""]
        if artifact.float_layers:
            names = ", ".join(markdown(name) for name in artifact.float_layers)
            lines += [f"These layers of `{file}` compute in floats: {names}.", ""]
    return lines


def _remedy(file: str, remedy: Mapping[str, Any]) -> str:
    """What was done to an int8 file, and what it brings."""
    chosen_on = markdown(remedy["chosen_on"])
    labels = remedy.get("judged_by", "labels") == "labels"
    points = f"points of accuracy on {chosen_on}" if labels else f"points on {chosen_on}"
    biases = ", and biases that make up for the rounding of its weights" * (remedy.get("biases") == "corrected")
    return (
        f"`{file}` has ranges by {remedy['ranges']}{biases}: in the usual way it lost "
        f"{remedy['points_lost_without']:.2f} {points}, and so it loses {remedy['points_lost']:.2f} of them. "
        + "The points are of the accuracy to be expected if the probabilities of float32 are right. " * (not labels)
        + "No test image had a part in the choice."
    )


def _integer_ends(bundle: Bundle, file: str) -> list[str]:
    """What the whole numbers stand for that a file takes and gives, where it does."""
    artifact, scales = bundle.artifacts[file], bundle.document["artifacts"][file].get("output_scales", {})
    if not scales:
        return []
    pixels = {"int8": "pixel values minus 128 as int8", "uint8": "pixel values as uint8"}.get(
        artifact.input_dtype, f"pixel values as {artifact.input_dtype}"
    )
    given = ", ".join(
        f"`{name}` as {artifact.output_dtype}, where q stands for (q - ({one['zero_point']})) * {one['scale']:.9g}"
        for name, one in scales.items()
    )
    return [f"`{file}` takes {pixels} and gives {given}.", ""]


def _engines_and_gaps(bundle: Bundle) -> list[str]:
    """What tf2onnx wrote, and what was left out, with the reasons, which are escaped: layers name what they like."""
    lines = []
    for file, entry in bundle.document["artifacts"].items():
        if entry.get("engine") == "tf2onnx":
            lines += [f"`{file}` was written by tf2onnx at opset {entry['opset']}.", ""]
    for file, why in bundle.left_out.items():
        lines += [f"There is no `{file}`: {markdown(why)}", ""]
    return lines
