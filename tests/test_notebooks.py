"""What a notebook shows of a bundle, a report and a run: short, with the numbers that matter, and escaped."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import cnnref
from cnnref import notebooks
from cnnref.page.write import write_page
from cnnref.pictures import write_picture
from cnnref.runtimes import Report, find_bundle, read_bundle
from cnnref.runtimes.report import Check
from cnnref.training.run import Run


class Tags(HTMLParser):
    """The names of the tags of a text, and the attributes of the last."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.attributes = dict(attrs)


def test_a_bundle_is_a_few_lines_and_a_table_with_a_picture() -> None:
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    lines = repr(bundle).splitlines()
    assert "image [batch, 28, 28, 1] float32 -> probabilities [batch, 10]" in lines[0]
    assert "  classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in lines
    assert len(lines) == 2 + len(bundle.artifacts) + len(bundle.left_out)
    assert len(repr(bundle)) < 2000
    tags = Tags(bundle._repr_html_()).found
    assert tags.count("tr") == 1 + len(bundle.artifacts) + len(bundle.left_out)
    assert tags[-2:] == ["img", "iframe"]


def test_a_frame_holds_the_page_that_explain_writes_and_large_ones_are_shown_only_when_asked_for(
    tmp_path: Path,
) -> None:
    small, large = (read_bundle(find_bundle(name)) for name in ("lenet5-mnist", "resnet20-cifar10"))
    page = write_page(small, tmp_path / "page.html").read_text(encoding="utf-8")
    parser = Tags(cnnref.page.show("lenet5-mnist")._repr_html_())
    assert parser.found == ["iframe"]
    assert parser.attributes["srcdoc"] == page.replace("<head>", f"<head>{notebooks.BASE}")
    assert len(repr(cnnref.page.show(small))) < 200
    assert "iframe" not in Tags(large._repr_html_()).found
    assert "cnnref.page.show(bundle)" in large._repr_html_()
    assert Tags(cnnref.page.show(large)._repr_html_()).found == ["iframe"]
    damaged = shutil.copytree(small.folder, tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"no model")
    assert Tags(read_bundle(damaged)._repr_html_()).found[-1] == "img"  # what shows a bundle does not fail


def test_a_report_names_the_files_that_run_and_those_that_are_wrong() -> None:
    checks = [
        Check("model.onnx", "onnx", "float32", largest_difference=2e-7),
        Check("labels.txt"),
        Check("model.keras", "keras", problems=["<script>its hash is another"]),
    ]
    report = Report("mine", checks, {"model.tflite": "no form"})
    assert repr(report).splitlines() == [
        "Report on mine: FAILED",
        "  model.onnx ok 2.0e-07",
        "  model.keras failed   <script>its hash is another",
        "  model.tflite left out   no form",
    ]
    assert "script" not in Tags(report._repr_html_()).found


def test_a_run_has_its_accuracy_or_why_there_is_none(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert repr(run).endswith("state: no run")
    run.recipe.write_text("")
    assert repr(run).endswith("state: not finished")
    results = {
        "recipe": "r", "model": "lenet5", "dataset": "<b>mnist", "labels": ["0"], "epochs": 4, "seed": 0, "seconds": 90,
        "published": {}, "weights_sha256": "", "test": {"accuracy": 0.99, "errors": 3, "images": 300},
        "validation_accuracy": 0.98,
    }  # fmt: skip
    run.write_json("results.json", results)
    write_picture(tmp_path / "curves.png", np.zeros((2, 2, 1), np.uint8))
    assert repr(run).splitlines()[1:] == [
        "  trained: lenet5 on <b>mnist",
        "  test accuracy: 99.00 % (3 errors in 300 images)",
        "  validation accuracy: 98.00 %",
        "  took: 4 epochs, 1.5 minutes",
    ]
    assert Tags(run._repr_html_()).found.count("b") == 1  # that of the title
    assert run._repr_html_().count("data:image/png;base64,") == 1
    run.write_json("results.json", results | {"test": {}})
    assert "state: damaged" in repr(run)


def test_a_picture_that_is_missing_or_huge_is_left_out(tmp_path: Path) -> None:
    assert notebooks.picture(tmp_path / "none.png") == ""
    (tmp_path / "huge.png").write_bytes(bytes(notebooks.LARGEST + 1))
    assert notebooks.picture(tmp_path / "huge.png") == ""
