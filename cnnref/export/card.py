"""The model card of a bundle: what it is, how good it is, how to run it."""

from __future__ import annotations

from typing import Any

from ..runtimes import Bundle, Report

RUN = """\
```python
import numpy as np
import onnxruntime as ort
from PIL import Image

labels = open("labels.txt").read().split("\\n")
picture = Image.open("picture.png").convert("{mode}").resize(({width}, {height}), Image.BILINEAR)
image = np.asarray(picture, np.float32).reshape(1, {height}, {width}, {channels})  # raw values 0..255
(probabilities,) = ort.InferenceSession("model.onnx").run(["probabilities"], {{"image": image}})
print(labels[probabilities[0].argmax()])
```
"""


def card(bundle: Bundle, report: Report, accuracy: dict[str, Any] | None) -> str:
    """The text of a bundle's README.md; every number in it was measured by the run or by the export."""
    model, provenance = bundle.document["model"], bundle.document["provenance"]
    height, width, channels = bundle.shape
    lines = [
        f"# {bundle.name}",
        "",
        f"{model['name']}, {model['parameters']:,} parameters, {model['macs']:,} multiply-accumulates an image.",
        "",
        *_training(provenance),
        "## Files",
        "",
        "Every file takes `image` [batch, "
        f"{height}, {width}, {channels}], raw pixel values 0..255 as float32, and gives `probabilities` "
        f"[batch, {bundle.classes}]. The batch is open; the preprocessing, "
        f"`{bundle.preprocessing['formula']}`, is inside.",
        "",
        *_files(bundle, report, accuracy),
        "",
        "The difference is the largest of any probability to Keras, over the pictures in `samples.npz` at batch 1, 3 "
        "and 8. `cnnref verify` checks all of this again.",
        "",
    ]
    if "model.onnx" in bundle.artifacts and bundle.artifacts["model.onnx"].layout == "nhwc":
        mode = "L" if channels == 1 else "RGB"
        lines += [
            "## Running it without cnnref",
            "",
            RUN.format(mode=mode, height=height, width=width, channels=channels),
        ]
    lines += [
        "## Identity",
        "",
        f"SHA-256 of the weights: `{bundle.weights_sha256}`. Hashes of the files are in `bundle.json`. "
        f"Licence: {bundle.document['license']}.",
    ]
    return "\n".join(lines) + "\n"


def _training(provenance: dict[str, Any]) -> list[str]:
    if "recipe" not in provenance:
        return ["The weights come from outside a recipe; nothing is known about their accuracy.", ""]
    facts = provenance
    lines = [
        f"Trained on {facts['dataset']} by the recipe `{facts['recipe']}` ({facts['epochs']} epochs, seed "
        f"{facts['seed']}, {facts['seconds']:.0f} s of training, {facts['trained']}; the machine is in "
        "`training/environment.json`). **Test accuracy of the final weights: "
        f"{100 * facts['test_accuracy']:.2f} %** on {facts['test_images']:,} images, looked at once.",
        "",
    ]
    if facts.get("published", {}).get("source"):
        lines += [f"Published: {facts['published']['accuracy']} % ({facts['published']['source']}).", ""]
    lines += [
        "Make it again: `cnnref train " + facts["recipe"] + " --data-dir DATA` and `cnnref export runs/"
        f"{facts['recipe']} --out DIR --data-dir DATA`.",
        "",
        "![Learning curves](training/curves.png)",
        "",
        "![Confusion matrix](training/confusion_matrix.png)",
        "",
        "Test pictures and the three most probable classes:",
        "",
        "![Test pictures and predictions](samples.png)",
        "",
    ]
    return lines


def _files(bundle: Bundle, report: Report, accuracy: dict[str, Any] | None) -> list[str]:
    scores = accuracy["files"] if accuracy else {}
    heading = f" accuracy on {accuracy['images']:,} test images |" if accuracy else ""
    lines = [
        f"| file | precision | bytes | largest difference |{heading}",
        "|---|---|---:|---:|" + "---:|" * bool(accuracy),
    ]
    for check in report.checks:
        if check.file in bundle.artifacts:
            size = sum(part.bytes for part in bundle.parts(check.file).values())
            difference = "reference" if check.largest_difference is None else f"{check.largest_difference:.1e}"
            known = scores.get(check.file, bundle.document["provenance"].get("test_accuracy"))
            score = f" {100 * known:.2f} % |" if accuracy and known is not None else " |" * bool(accuracy)
            lines.append(f"| `{check.file}` | {check.precision} | {size:,} | {difference} |{score}")
    return lines
