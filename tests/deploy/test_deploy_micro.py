"""main.cc of a microcontroller's folder, compiled with TensorFlow Lite for Microcontrollers itself.

Its headers and library are in no package, so that this needs a checkout of its repository (`tflite-micro`) in which

    make -f tensorflow/lite/micro/tools/make/Makefile microlite

has been run; CNNREF_TFLM names it. Without it the C array alone is compiled, by the tests of the exporters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import cnnref
from cnnref.runtimes import read_samples
from cnnref.runtimes.litert import ReferenceKernels

pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")


@pytest.fixture(scope="module")
def checkout() -> Path:
    named = os.environ.get("CNNREF_TFLM")
    if not named or not shutil.which("g++"):
        pytest.skip(
            "no TensorFlow Lite for Microcontrollers: set CNNREF_TFLM to a checkout with its library, see there"
        )
    return Path(named)


def test_main_compiles_without_a_warning_and_prints_the_scores_of_litert(checkout: Path, tmp_path: Path) -> None:
    micro = cnnref.export("lenet5-mnist", tmp_path / "lenet5", target="micro").folder / "micro"
    (library,) = checkout.glob("gen/*/lib/libtensorflow-microlite.a")
    downloads = checkout / "tensorflow" / "lite" / "micro" / "tools" / "make" / "downloads"
    theirs = [checkout, downloads / "flatbuffers" / "include", downloads / "gemmlowp", downloads / "ruy"]
    includes = [part for folder in theirs for part in ("-isystem", str(folder))]
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-DTF_LITE_STATIC_MEMORY", "-fno-rtti", f"-I{micro}"]
    sources = [str(micro / name) for name in ("main.cc", "model_data.cc")]
    program = tmp_path / "program"
    subprocess.run(["g++", *flags, *includes, *sources, str(library), "-o", str(program)], check=True)
    images = read_samples(cnnref.runtimes.read_bundle(micro.parent)).images
    done = subprocess.run([program], input=images.tobytes(), capture_output=True, check=True)
    first, *lines = (done.stdout + done.stderr).decode().splitlines()
    assert first.startswith("arena: ")
    found = np.array([int(line.rpartition(": ")[2]) for line in lines]).reshape(len(images), -1)
    assert np.array_equal(found, ReferenceKernels(micro / "model.int8.tflite").integers(images))
