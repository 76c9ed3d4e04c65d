"""Train, export, verify, predict and time in a minute, on data that comes with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import VerificationError
from .exporters.bundle import export
from .exporters.proof import reference_test_set
from .pictures import write_picture
from .runtimes import Report, benchmark, predict, read_samples, verify
from .tables import Table
from .training import train

RECIPE = "lenet5-digits"


@dataclass(frozen=True)
class Outcome:
    """What was found about each file, a row each, and for each file that could not be written why."""

    table: Table
    left_out: dict[str, str]


def run_quickstart(out: Path | None = None) -> Outcome:
    """Run every step and print what it found.

    Args:
        out: folder for the run and the bundle; by default runs/quickstart, or the next free runs/quickstart-N.

    Returns:
        A row a file: size, largest difference to Keras, accuracy on the test set, milliseconds an image; and the files
        that were left out.

    Raises:
        VerificationError: a file does not hold.
    """
    folder = out or _unused(Path("runs"))
    tell(f"1. Train LeNet-5 on scikit-learn's handwritten digits (recipe {RECIPE})")
    run = train(RECIPE, out=folder / "run")
    test = run.results["test"]
    tell(f"   {100 * test['accuracy']:.2f} % of {test['images']} test images are right; run: {run.folder}")

    tell("2. Export to SavedModel, TFLite and ONNX, in float32, float16 and int8")
    bundle = export(run.folder, folder / "bundle")
    tell(f"   bundle: {bundle.folder}")

    tell("3. Verify each file in its runtime")
    report = verify(bundle.folder, test_set=reference_test_set(bundle, None, None), isolated=False)
    checks = {check.file: check for check in report.checks}
    for line in verdict(report):
        tell(f"   {line}")

    tell("4. Predict a picture that the network has not seen")
    samples = read_samples(bundle)
    picture = folder / f"digit-{samples.labels[0]}.png"
    write_picture(picture, samples.images[0])
    (found,) = predict(bundle, [picture], isolated=False)
    tell(f"   {picture}: " + ", ".join(f"{label} {100 * score:.1f} %" for label, score in found.top))

    timings = {timing.file: timing for timing in benchmark(bundle.folder, runs=30, isolated=False)}
    rows = []
    for artifact in bundle.runnable():
        timing, check = timings[artifact.name], checks[artifact.name]
        rows.append(
            (
                artifact.name,
                f"{timing.bytes / 1000:,.0f} kB",
                f"{check.test.largest_difference:.1e}" if check.test else "-",
                f"{100 * check.test.accuracy:.2f} %" if check.test else "-",
                f"{timing.p50_ms:.3f}",
            )
        )
    columns = ("file", "size", "largest difference to Keras", "accuracy", "ms an image")
    return Outcome(Table(columns, rows, numbers=(1, 2, 3, 4)), bundle.left_out)


def verdict(report: Report) -> list[str]:
    """Whether all files hold, and a line for each file that was not checked or left out.

    Raises:
        VerificationError: a file does not hold.
    """
    if not report.ok:
        raise VerificationError(f"{'; '.join(report.problems)}.")
    open_ends = [f"{check.file}: {check.note}" for check in report.checks if not check.checked]
    open_ends += [f"no {file}: {why}" for file, why in report.left_out.items()]
    return ["all files that were written and could be checked hold" if open_ends else "all files hold", *open_ends]


def tell(line: str) -> None:
    """Print at once, so that it stays in order with the progress on standard error."""
    print(line, flush=True)


def _unused(parent: Path) -> Path:
    """runs/quickstart, or the next free runs/quickstart-N: nothing is overwritten."""
    folder, count = parent / "quickstart", 1
    while folder.exists():
        count += 1
        folder = parent / f"quickstart-{count}"
    return folder
