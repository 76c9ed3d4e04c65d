"""The command line: what it prints, how fast it answers, and what it says to a mistake."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import cnnref
from cnnref import cli
from cnnref.pictures import write_picture


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    model = cnnref.build("lenet5", normalization=([0.1], [0.3]))
    return cnnref.export(model, tmp_path_factory.mktemp("cli") / "fresh").folder


def run(*arguments):
    """A command in this process; mistakes come back as exceptions."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def say(*arguments, **options):
    """A command in a process of its own."""
    command = [sys.executable, "-m", "cnnref.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.mark.parametrize("command", [["--help"], ["models"]])
def test_it_answers_quickly_and_without_a_framework(command):
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        assert say(*command).returncode == 0
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 0.7
    code = (
        f"import sys; sys.argv[1:] = {command!r}\nimport cnnref.cli\ntry: cnnref.cli.main()\nexcept SystemExit: pass\n"
    )
    code += "assert not {'tensorflow', 'keras', 'onnx', 'matplotlib', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    "command", ["models", "show", "train", "evaluate", "export", "verify", "bench", "predict", "quickstart"]
)
def test_every_command_shows_an_example(command):
    assert f"Example: cnnref {command}" in " ".join(run(command, "--help").output.split())


def test_models_lists_the_facts():
    assert "61,706" in run("models", "lenet*").output
    listed = json.loads(run("models", "--json").output)
    assert [entry["name"] for entry in listed] == cnnref.list_models()


def test_show_fills_in_the_arithmetic():
    output = run("show", "lenet5").output
    assert "floor((28 + 2 + 2 - 1*(5-1) - 1)/1) + 1 = 28" in output
    assert "416,520" in output
    assert json.loads(run("show", "tinyvgg", "--json").output)[1]["output_shape"] == [62, 62, 10]


def test_verify_says_ok_and_names_the_file_that_fails(bundle, tmp_path):
    import shutil

    assert run("verify", bundle).exit_code == 0
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle, damaged)
    content = bytearray((damaged / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "model.onnx").write_bytes(content)
    found = say("verify", damaged)
    assert found.returncode == 1
    assert "model.onnx" in found.stderr
    assert not json.loads(run("verify", damaged, "--json").output)["ok"]


def test_predict_names_classes_and_draws(bundle, tmp_path):
    picture = tmp_path / "digit.png"
    write_picture(picture, np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    output = run("predict", bundle, picture, picture, "--plot", tmp_path / "plot.png").output
    assert output.count("digit.png") == 2
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    plain, inverted = (
        json.loads(run("predict", bundle, picture, "--json", *more).output)[0]["top"] for more in ([], ["--invert"])
    )
    assert len(plain) == 3
    assert plain != inverted


def test_bench_times_every_file(bundle):
    found = json.loads(run("bench", bundle, "--runs", "3", "--json").output)
    assert {timing["file"] for timing in found} == {"model.onnx", "model.tflite", "saved_model"}
    assert all(timing["p50_ms"] > 0 for timing in found)


def test_evaluate_tests_every_file(bundle):
    found = json.loads(run("evaluate", bundle, "--dataset", "digits", "--json").output)
    assert found["images"] == 359
    assert len(set(found["accuracy"].values())) == 1


def test_train_export_and_evaluate_are_one_road(tmp_path):
    recipe = tmp_path / "short.toml"
    recipe.write_text('model = "lenet5_relu"\ndataset = "digits"\nepochs = 4\nbatch_size = 64\n')
    assert "Test accuracy" in run("train", recipe, "--out", tmp_path / "run", "--epochs", "2").output
    assert (tmp_path / "run" / "recipe.toml").read_text().count("epochs = 2")
    assert "Verified" in run("export", tmp_path / "run", "--out", tmp_path / "bundle", "--format", "onnx").output
    assert list(json.loads(run("evaluate", tmp_path / "bundle", "--json").output)["accuracy"]) == ["model.onnx"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["models", "alexnet9"], "No model matches"),
        (["show", "lenet6"], "did you mean 'lenet5'"),
        (["train", "lenet5-mnits"], "did you mean lenet5-mnist"),
        (["verify", "nowhere"], "no bundle 'nowhere'"),
        (["predict", "lenet5-mnist", "missing.png"], "missing.png"),
        (["export", "nothing", "--out", "out"], "nothing to export"),
    ],
)
def test_a_mistake_gets_one_sentence(command, words, tmp_path):
    found = say(*command, cwd=tmp_path)
    assert found.returncode == 1
    assert words in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_export_refuses_an_existing_folder_before_it_starts(tmp_path):
    (tmp_path / "mine").write_text("mine")
    found = say("export", "lenet5", "--out", tmp_path)
    assert found.returncode == 1
    assert "--force" in found.stderr
