"""The two Python programs of scripts/deploy run a bundle with the runtime, NumPy and Pillow alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from deployed import ROOT, expected, pictures

from cnnref.runtimes import Bundle

PROGRAMS = {"classify_onnxruntime.py": "onnx", "classify_litert.py": "tflite"}


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


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("which", ["gray", "colour"])
@pytest.mark.parametrize("precision", ["", "fp16.", "int8."])
def test_it_says_what_the_network_says(
    program: str, which: str, precision: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    bundle: Bundle = request.getfixturevalue(which)
    model = f"model.{precision}{PROGRAMS[program]}"
    if model not in bundle.artifacts:
        pytest.fail(f"{bundle.name} has no {model}")
    files = pictures(bundle, tmp_path)
    done = run(program, bundle.folder, *files, "--model", model)
    assert done.returncode == 0, done.stderr
    found = answers(done.stdout)
    assert [path for path, _, _ in found] == [str(path) for path in files]
    for index, (_, label, score) in enumerate(found):
        wanted = expected(bundle, index)
        if not precision:
            assert label == max(wanted, key=lambda name: wanted[name])
        assert score == pytest.approx(wanted[label], abs={"": 2e-5, "fp16.": 0.02, "int8.": 0.5}[precision])


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
