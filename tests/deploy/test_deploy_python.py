"""The two Python programs of scripts/deploy run a bundle with the runtime, NumPy and Pillow alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from deployed import ROOT, computed, expected, pictures

from cnnref.runtimes import Bundle

PROGRAMS = {"classify_onnxruntime.py": "onnx", "classify_litert.py": "tflite"}


FILES = [
    (which, program, f"model.{precision}{ending}")
    for which, precisions in (
        ("gray", ("", "fp16.", "int8.")),
        ("colour", ("", "fp16.", "int8.")),
        ("unusual", ("", "int8.")),
    )
    for precision in precisions
    for program, ending in PROGRAMS.items()
]


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """In an interpreter in which neither the package nor a framework can be imported."""
    path = ROOT / "scripts" / "deploy" / program
    code = (
        "import runpy, sys\n"
        "for name in ('cnnref', 'keras', 'tensorflow', 'onnx', 'torch'): sys.modules[name] = None\n"
        f"sys.argv[0] = {str(path)!r}\n"
        f"runpy.run_path({str(path)!r}, run_name='__main__')\n"
    )
    command = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def answers(stdout: str) -> list[tuple[str, str, float]]:
    return [(path, label, float(score)) for path, label, score in (line.split("\t") for line in stdout.splitlines())]


@pytest.mark.parametrize(("which", "program", "model"), FILES)
def test_it_says_what_the_network_says(
    which: str, program: str, model: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    assert model in bundle.artifacts
    files = pictures(bundle, tmp_path)
    done = run(program, bundle.folder, *files, "--model", model)
    assert done.returncode == 0, done.stderr
    found = answers(done.stdout)
    assert [path for path, _, _ in found] == [str(path) for path in files]
    for index, ((_, label, score), row) in enumerate(zip(found, computed(bundle, model), strict=True)):
        # Six digits are printed.
        assert (label, score) == (bundle.labels[np.argmax(row)], pytest.approx(row.max(), abs=2e-6))
        if bundle.artifacts[model].precision == "float32":
            wanted = expected(bundle, index)
            assert label == max(wanted, key=lambda name: wanted[name])
            assert score == pytest.approx(wanted[label], abs=1e-5)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_mistake_is_one_sentence(program: str, gray: Bundle, tmp_path: Path) -> None:
    (picture,) = pictures(gray, tmp_path, 1)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for arguments, words in (
        ((tmp_path / "nowhere", picture), "cannot be run"),
        ((gray.folder, tmp_path / "missing.png"), "missing.png is not a picture"),
        ((gray.folder, text), "text.png is not a picture"),
        ((gray.folder, picture, "--model", "labels.txt"), "cannot be run"),
    ):
        done = run(program, *arguments)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_file_without_an_open_batch_gives_the_same(
    gray: Bundle, one_at_a_time: dict[str, Bundle], tmp_path: Path
) -> None:
    (picture,) = pictures(gray, tmp_path, 1)
    fixed, open_batch = (run("classify_litert.py", bundle.folder, picture) for bundle in (one_at_a_time["gray"], gray))
    assert fixed.stdout == open_batch.stdout != ""
    shape = Interpreter(str(one_at_a_time["gray"].folder / "model.tflite")).get_input_details()[0]["shape_signature"]
    assert shape.tolist() == [1, 28, 28, 1]
