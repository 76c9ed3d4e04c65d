"""The command line: what it prints, what it imports, and what it says to a mistake."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import cnnref
from cnnref import cli, tables
from cnnref.arithmetic import layer_table
from cnnref.environment import keras
from cnnref.errors import InputError
from cnnref.exporters.precisions import KINDS
from cnnref.pictures import write_picture
from cnnref.training.run import Run


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = cnnref.build("lenet5", normalization=([0.1], [0.3]))
    return cnnref.export(model, tmp_path_factory.mktemp("cli") / "fresh", dataset="digits", integer_io="uint8").folder


@pytest.fixture(scope="module")
def light(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bundle without the SavedModel, for which a child process would import TensorFlow."""
    folder = tmp_path_factory.mktemp("cli") / "light"
    shutil.copytree(bundle, folder, ignore=shutil.ignore_patterns("saved_model"))
    document = json.loads((folder / "bundle.json").read_text())
    del document["artifacts"]["saved_model"]
    document["files"] = {file: facts for file, facts in document["files"].items() if not file.startswith("saved_model")}
    (folder / "bundle.json").write_text(json.dumps(document))
    return folder


#: The files of `light`.
LIGHT = [kind.file for kind in KINDS if kind.format != "saved_model"]


def run(*arguments: object) -> Result:
    """Run a command in this process; errors come back as `exception`."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def run_process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "cnnref.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.mark.parametrize("command", [["--help"], ["models"]])
def test_it_answers_without_a_framework(command: list[str]) -> None:
    code = (
        f"import sys; sys.argv[1:] = {command!r}\nimport cnnref.cli\ntry: cnnref.cli.main()\nexcept SystemExit: pass\n"
    )
    code += "assert not {'tensorflow', 'keras', 'onnx', 'matplotlib', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    "command",
    [
        "models",
        "show",
        "recipes",
        "weights",
        "train",
        "runs",
        "sweep",
        "evaluate",
        "export",
        "verify",
        "bench",
        "predict",
        "explain",
        "quickstart",
    ],
)
def test_every_command_shows_an_example(command: str) -> None:
    assert f"Example: cnnref {command}" in " ".join(run(command, "--help").output.split())


def test_the_version_is_printed_and_python_runs_the_package() -> None:
    command = [sys.executable, "-m", "cnnref", "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == f"cnnref {cnnref.__version__}\n"


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_in_a_file(tmp_path: Path) -> None:
    code = (
        "import sys; from cnnref import cli\n"
        "@cli.app.command()\n"
        "def defect() -> None: raise LookupError('a \\x1b[31m name')\n"
        "cli.main()"
    )
    for options, shown in (([], False), (["--debug"], True)):
        command = [sys.executable, "-c", code, *options, "defect"]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env={**os.environ, "TMPDIR": str(tmp_path)}
        )
        assert ran.returncode == 1
        assert ("Traceback" in ran.stderr) == shown
        if not shown:
            assert ran.stderr.startswith(r"cnnref: unexpected LookupError: a \x1b[31m name. This is a defect")
            assert len(ran.stderr.splitlines()) == 1
    (written,) = tmp_path.glob("cnnref-traceback-*.txt")
    assert "LookupError" in written.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_under_the_output_is_no_defect() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "cnnref", "models"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ran.returncode == 1
    said = "cnnref: what was to be written has no place: No space left on device; make room, and try again.\n"
    assert ran.stderr == said


def test_a_command_that_is_stopped_in_native_code_says_nothing_of_the_error_that_this_made() -> None:
    code = (
        "import os, signal, sys; from cnnref import cli\n"
        "@cli.app.command()\n"
        "def native() -> None:\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    except SystemExit: raise SystemError('bad argument to internal function') from None\n"
        "sys.argv = ['cnnref', 'native']\n"
        "cli.main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + signal.SIGTERM, "", "")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run_process("show", "lenet5", "--plot", tmp_path / "file" / "network.png")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert re.search(r"file/network\.png cannot be written, because .*file is a file and no folder", ran.stderr)


@pytest.mark.parametrize(
    ("backend", "message"),
    [("abacus", "KERAS_BACKEND is 'abacus'; choose tensorflow, jax, torch"), ("jax", "jax cannot be imported")],
)
def test_a_backend_that_is_not_there_is_one_sentence(backend: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text(
        "raise ModuleNotFoundError('No module named jax')"
    )  # stands before an installed one
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": paths}
    ran = run_process("show", "lenet5", env=environment)
    assert ran.returncode == 1
    assert message in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr


def test_a_command_that_is_told_to_end_takes_away_what_is_not_finished(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from cnnref import cli; from cnnref.files import whole_folder\n"
        "@cli.app.command()\n"
        "def write(out: Path) -> None:\n"
        "    with whole_folder(out): print('writing', flush=True); time.sleep(60)\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", code, "write", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_models_lists_the_facts() -> None:
    assert "61,706" in run("models", "lenet*").output
    listed = json.loads(run("models", "--json").output)
    assert [entry["name"] for entry in listed] == cnnref.list_models()


def test_models_are_found_by_a_part_of_the_name_by_family_and_for_phones() -> None:
    def names(*arguments: str) -> list[str]:
        return [entry["name"] for entry in json.loads(run("models", *arguments, "--json").output)]

    assert names("resnet5") == [name for name in cnnref.list_models() if "resnet5" in name]
    assert names("--family", "densenet") == cnnref.list_models("densenet*")
    phones = names("--phone")
    assert {"mobilenet_v2", "shufflenet_v2_x1_0", "efficientnet_lite0", "mnasnet1_0"} <= set(phones)
    assert not {"vgg16", "resnet50", "efficientnet_b0"} & set(phones)
    assert names("v2", "--family", "mobilenet_v2", "--phone") == ["mobilenet_v2", "mobilenet_v2_cifar"]
    assert "mobilenet_v2" in run("models", "--family", "mobilenet_v2").output


def test_the_commands_are_listed_in_the_order_of_use() -> None:
    output = run("--help").output
    names = [
        "models",
        "show",
        "train",
        "sweep",
        "evaluate",
        "export",
        "verify",
        "bench",
        "predict",
        "explain",
        "quickstart",
    ]
    found = [re.search(rf"^\W*{name}  ", output, re.MULTILINE) for name in names]
    places = [place.start() for place in found if place]
    assert len(places) == len(names)
    assert places == sorted(places)


@pytest.mark.parametrize("columns", [120, 140])
def test_the_list_of_models_has_a_line_a_model(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    with contextlib.redirect_stdout(terminal):
        tables.of_models(map(cnnref.spec, cnnref.list_models())).print()
    text = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 2 + len(cnnref.list_models())
    assert max(map(len, lines)) <= columns
    assert any("61,706" in line and "417 k" in line and "MNIST 99.05 %" in line for line in lines)


def test_models_as_markdown_have_exact_numbers_and_a_source() -> None:
    lines = run("models", "--markdown").output.splitlines()
    assert lines[0] == "| model | input | parameters | MACs | published | source |"
    assert lines[1] == "|---|---|---:|---:|---|---|"
    assert len(lines) == 2 + len(cnnref.list_models())
    assert "| `lenet5` | 28x28x1 | 61,706 | 416,520 | MNIST 99.05 % | LeCun et al., 1998 |" in lines
    assert "| `basic_cnn` | 28x28x1 | 421,642 | 4,241,152 | | the network of introductory guides |" in lines
    assert len(run("models", "lenet5", "--markdown").output.splitlines()) == 3


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def lenet_table() -> tables.Table:
    return tables.of_layers(layer_table(cnnref.build("lenet5")))


def test_colours_are_for_terminals(lenet_table: tables.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    printed = {}
    for kind, stream in (("terminal", Terminal()), ("pipe", io.StringIO()), ("no colour", Terminal())):
        if kind == "no colour":
            monkeypatch.setenv("NO_COLOR", "1")
        with contextlib.redirect_stdout(stream):
            lenet_table.print()
        printed[kind] = stream.getvalue()
    styles = {line.split("\x1b[")[1].split("m")[0] for line in printed["terminal"].splitlines() if "conv1 " in line}
    assert styles == {"34"}
    assert "\x1b[" not in printed["pipe"]
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", printed["no colour"])
    bare = re.sub(r"\x1b\[[0-9;]*m", "", printed["terminal"])
    assert [line.split() for line in bare.splitlines()] == [line.split() for line in printed["pipe"].splitlines()]


def test_numbers_are_aligned_to_the_right(lenet_table: tables.Table) -> None:
    assert lenet_table.numbers == (2, 3, 4)


def test_show_ends_with_the_totals() -> None:
    output = run("show", "lenet5").output
    assert "\x1b" not in output
    assert output.splitlines()[-2:] == [
        "13 layers, 61,706 parameters (61,706 trainable), 416,520 multiply-accumulates, "
        "0.06 MB of activations in float32.",
        cnnref.spec("lenet5").paper,
    ]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_show_draws_a_picture(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"lenet5.{ending}"
    assert run("show", "lenet5", "--plot", path).exit_code == 0
    content = path.read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending.lower()])
    assert isinstance(run("show", "lenet5", "--plot", path).exception, InputError)
    assert run("show", "lenet5", "--plot", path, "--force", "--json").exit_code == 0
    assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_show_keeps_json_on_standard_output_clean(tmp_path: Path) -> None:
    found = run("show", "lenet5", "--json", "--plot", tmp_path / "lenet5.svg")
    assert json.loads(found.stdout)[0]["name"] == "image"


def test_show_fills_in_the_arithmetic() -> None:
    output = run("show", "lenet5").output
    assert "floor((28 + 2 + 2 - 1*(5-1) - 1)/1) + 1 = 28" in output
    assert "416,520" in output
    assert json.loads(run("show", "tinyvgg", "--json").output)[1]["output_shape"] == [62, 62, 10]


def test_verify_says_ok_and_names_the_file_that_fails(bundle: Path, light: Path, tmp_path: Path) -> None:
    assert run("verify", bundle).exit_code == 0
    damaged = tmp_path / "damaged"
    shutil.copytree(light, damaged)
    told = run("verify", damaged, "--dataset", "digits").output
    assert "accuracy %" in told
    content = bytearray((damaged / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "model.onnx").write_bytes(content)
    found = run_process("verify", damaged)
    assert found.returncode == 1
    assert "model.onnx" in found.stderr
    assert not json.loads(run("verify", damaged, "--json").stdout)["ok"]


def test_predict_names_classes_and_draws(bundle: Path, tmp_path: Path) -> None:
    picture = tmp_path / "digit.png"
    write_picture(picture, np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    output = run("predict", bundle, picture, picture, "--plot", tmp_path / "plot.png").output
    assert output.count("digit.png") == 2
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    plain, inverted = (
        json.loads(run("predict", bundle, picture, "--json", "--no-centre", *more).output)[0]["top"]
        for more in ([], ["--invert"])
    )
    assert len(plain) == 3
    assert plain != inverted


def test_predict_takes_folders_tells_bad_pictures_and_prints_csv(bundle: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a.png", "deep/b.png", "c.png", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_picture(tmp_path / name, random.integers(0, 256, (28, 28, 1), dtype=np.uint8))
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    (tmp_path / "notes.txt").write_text("no picture")
    found = run("predict", bundle, tmp_path, tmp_path / "absent.jpg", "--csv", "--top", 2)
    assert found.exit_code == 1
    rows = [line.split(",") for line in found.stdout.splitlines()]
    assert rows[0] == ["file", "class_1", "score_1", "class_2", "score_2"]
    assert [row[0] for row in rows[1:]] == [str(tmp_path / "a.png"), str(tmp_path / "deep" / "b.png")]
    assert all(float(first) >= float(second) for _, _, first, _, second in rows[1:])
    assert [line.split(" ")[1] for line in found.stderr.splitlines()] == [
        str(tmp_path / "c.png"),
        str(tmp_path / "absent.jpg"),
    ]
    (tmp_path / "empty").mkdir()
    drawing = tmp_path / "drawing.png"
    drawing.write_text("mine")
    for arguments, words in (
        ((tmp_path / "empty",), "holds no picture"),
        ((tmp_path / "a.png", "--plot", drawing), "--force"),
        ((tmp_path / "a.png", "--plot", tmp_path / "x.jpg"), "end its name in .png"),
        ((tmp_path / "a.png", "--csv", "--json"), "give one of them"),
    ):
        assert words in str(run("predict", bundle, *arguments).exception)
    assert drawing.read_text() == "mine"


def test_bench_times_every_file(light: Path) -> None:
    found = json.loads(run("bench", light, "--runs", "3", "--no-peers", "--json").output)
    assert [timing["file"] for timing in found["timings"]] == LIGHT
    assert all(timing["p50_ms"] > 0 for timing in found["timings"])
    assert found["threads"] >= 1
    rows = run("bench", light, "--runs", "3", "--no-peers", "--markdown").output.splitlines()
    assert len(rows) == 2 + len(LIGHT)
    assert all(row.count("|") == 8 for row in rows)


def test_evaluate_tests_every_file(light: Path) -> None:
    found = json.loads(run("evaluate", light, "--dataset", "digits", "--json").output)
    assert found["images"] == 359
    assert set(found["accuracy"]) == set(LIGHT)
    assert len({found["accuracy"][name] for name in ("model.onnx", "model.tflite")}) == 1
    one = run("evaluate", light, "--dataset", "digits", "--file", "model.tflite", "--json")
    assert json.loads(one.stdout)["accuracy"] == {"model.tflite": found["accuracy"]["model.tflite"]}
    assert one.stderr == ""


def test_evaluating_on_other_classes_says_so(bundle: Path, tmp_path: Path) -> None:
    for label in "0123456789":
        (tmp_path / "digits" / (label if label != "9" else "nine")).mkdir(parents=True)
        for number in range(4):
            picture = np.full((28, 28, 1), 10 * number + int(label), np.uint8)
            write_picture(tmp_path / "digits" / (label if label != "9" else "nine") / f"{number}.png", picture)
    found = run("evaluate", bundle, "--dataset", f"folder:{tmp_path / 'digits'}", "--file", "model.onnx")
    assert "1 of the 10 classes are called otherwise" in found.stderr
    assert "where the bundle says 9, the data set says nine" in found.stderr
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    document = json.loads((copy / "bundle.json").read_text())
    document["provenance"]["dataset"] = "folder:digits"
    (copy / "bundle.json").write_text(json.dumps(document))
    assert "name it with --dataset folder:PATH" in str(run("evaluate", copy).exception)


def test_a_file_of_integers_says_what_they_stand_for(bundle: Path) -> None:
    entry = json.loads((bundle / "bundle.json").read_text())["artifacts"]["model.int8.tflite"]
    assert entry["output_scales"] == {"probabilities": {"scale": 1 / 256, "zero_point": 0}}
    assert (
        "`model.int8.tflite` takes pixel values as uint8 and gives `probabilities` as uint8, where q stands for "
        "(q - (0)) * 0.00390625." in (bundle / "README.md").read_text()
    )


def test_train_export_and_evaluate_follow_one_another(tmp_path: Path) -> None:
    recipe = tmp_path / "short.toml"
    recipe.write_text('model = "lenet5_relu"\ndataset = "digits"\nepochs = 4\nbatch_size = 64\n')
    assert "Test accuracy" in run("train", recipe, "--out", tmp_path / "run", "--epochs", "2").output
    assert (tmp_path / "run" / "recipe.toml").read_text().count("epochs = 2")
    assert "Test accuracy" in run("train", tmp_path / "run", "--resume").output
    more = run("train", tmp_path / "run", "--epochs", "1", "--validation", "0.1", "--out", tmp_path / "more")
    assert "the learning rate begins its schedule anew" in more.stderr
    assert {"epochs = 1.0", "validation = 144"} <= set((tmp_path / "more" / "recipe.toml").read_text().splitlines())
    (tmp_path / "more" / "results.json").unlink()
    assert "has not finished; give --resume" in str(run("train", tmp_path / "more").exception)
    only = ("--format", "onnx", "--precision", "float32")
    assert "Verified" in run("export", tmp_path / "run", "--out", tmp_path / "bundle", *only).output
    assert list(json.loads(run("evaluate", tmp_path / "bundle", "--json").output)["accuracy"]) == ["model.onnx"]
    of_run = json.loads(run("evaluate", tmp_path / "run", "--json").output)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert of_run["accuracy"] == {"model.keras": pytest.approx(results["test"]["accuracy"])}
    write_picture(tmp_path / "digit.png", np.load(tmp_path / "run" / "samples.npz")["images"][0])
    trained = tmp_path / "run" / "model.keras"
    alike = [
        cnnref.predict(source, tmp_path / "digit.png")[0]
        for source in (tmp_path / "bundle", Run(tmp_path / "run"), trained, cnnref.load(trained))
    ]
    assert [one.artifact for one in alike] == ["model.onnx", "model.keras", "model.keras", "model.keras"]
    assert {one.top[0][0] for one in alike} == {"0"}
    np.testing.assert_allclose([one.probabilities for one in alike[1:]], [alike[0].probabilities] * 3, atol=1e-5)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["models", "alexnet9"], "No model matches"),
        (["models", "vgg", "--phone"], "No model made for phones matches 'vgg'"),
        (["models", "--family", "resnets"], "no family 'resnets'; did you mean 'resnet'"),
        (["show", "lenet6"], "did you mean 'lenet5'"),
        (["show", "lenet5", "--plot", "lenet5.gif"], "end it in .png, .svg or .pdf"),
        (["show", "lenet5", "--plot", "lenet5"], "end it in .png, .svg or .pdf"),
        (["train", "lenet5-mnits"], "did you mean 'lenet5-mnist'?"),
        (["verify", "nowhere"], "no bundle 'nowhere'"),
        (["predict", "lenet5-mnist", "missing.png"], "missing.png"),
        (["explain", "nowhere"], "no bundle 'nowhere'"),
        (["explain", "lenet5-mnist", "--image", "missing.png"], "missing.png"),
        (["explain", "lenet5-mnist", "mnist_cnn-mnist", "--int8"], "two comparisons"),
        (["explain", "lenet5-mnist", "--int8", "--report", "folder"], "not for the report"),
        (["export", "nothing", "--out", "out"], "nothing to export"),
    ],
)
def test_a_mistake_gets_one_sentence(command: list[str], words: str, tmp_path: Path) -> None:
    found = run_process(*command, cwd=tmp_path)
    assert found.returncode == 1
    assert words in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    for command, words in (
        (("models", "resnt50"), "did you mean 'resnet50'"),
        (("train", "resnet50"), "`cnnref train resnet50 --data folder:PATH`"),
        (("train", tmp_path / "pets"), f"`cnnref train MODEL --data folder:{tmp_path / 'pets'}`"),
        (("train", "lenet5-digits", "--processes", 2), "give its --coordinator"),
        (("train", "lenet5-digits", "--lr", "-1"), "optimizer.learning_rate is -1.0"),
        (("export", "resnet5", "--out", tmp_path / "out"), "did you mean 'resnet56' or 'resnet50'"),
        (("predict", tmp_path / "absent.keras", "x.png"), "There is no file"),
    ):
        assert words in str(run(*command).exception)
    assert len(str(run("export", "nope", "--out", tmp_path / "out").exception)) < 400
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_flags_have_no_kind_of_value_in_the_help() -> None:
    assert "bool" not in run("train", "--help").output


def test_a_picture_replaces_no_folder_and_no_file_without_force(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "mine.png").write_text("mine")
    for name, words in (("folder.png", "is a folder"), ("mine.png", "--force")):
        error = run("show", "lenet5", "--plot", tmp_path / name).exception
        assert isinstance(error, InputError)
        assert words in str(error)
    assert isinstance(run("show", "lenet5", "--plot", tmp_path / "folder.png", "--force").exception, InputError)
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_explain_needs_no_framework(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.argv[1:] = ['explain', 'lenet5-mnist', '--out', {str(tmp_path / 'page.html')!r}]\n"
        "import cnnref.cli\ntry: cnnref.cli.main()\nexcept SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_explain_writes_a_page_and_replaces_none_unasked(tmp_path: Path) -> None:
    write_picture(tmp_path / "digit.png", np.zeros((40, 40, 1), np.uint8))
    page = tmp_path / "page.html"
    output = run("explain", "lenet5-mnist", "--image", tmp_path / "digit.png", "--out", page).output
    assert f"Page: {page}" in output
    assert '"name":"digit.png"' in page.read_text(encoding="utf-8")
    for place, words in ((page, "--force"), (tmp_path, "is a folder")):
        assert words in str(run("explain", "lenet5-mnist", "--out", place).exception)
    assert run("explain", "lenet5-mnist", "--out", page, "--force").exit_code == 0
    assert "digit.png" not in page.read_text(encoding="utf-8")
    error = run("explain", "lenet5-mnist", "--report", tmp_path / "report", "--image", tmp_path / "digit.png").exception
    assert "--image is for the page" in str(error)
    assert not (tmp_path / "report").exists()


def test_export_refuses_an_existing_folder_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    found = run_process("export", "lenet5", "--out", tmp_path)
    assert found.returncode == 1
    assert "--force" in found.stderr


def test_convert_brings_weights_with_their_preprocessing(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    shapes = {"features.0": (96, 3, 7, 7), "classifier.1": (10, 512, 1, 1)}
    squeezed = {3: 16, 4: 16, 5: 32, 7: 32, 8: 48, 9: 48, 10: 64, 12: 64}
    channels = 96
    for place, narrow in squeezed.items():
        shapes[f"features.{place}.squeeze"] = (narrow, channels, 1, 1)
        shapes[f"features.{place}.expand1x1"] = (4 * narrow, narrow, 1, 1)
        shapes[f"features.{place}.expand3x3"] = (4 * narrow, narrow, 3, 3)
        channels = 8 * narrow
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in shapes.items():
        tensors[f"{name}.weight"] = random.normal(0, 0.1, shape).astype(np.float32)
        tensors[f"{name}.bias"] = random.normal(0, 0.1, shape[:1]).astype(np.float32)
    weights, out = tmp_path / "weights.safetensors", tmp_path / "model.keras"
    safetensors.save_file(tensors, weights)
    done = run("convert", "squeezenet1_0", weights, "--out", out, "--classes", 10, "--normalization", "half")
    assert "Converted 52 tensors" in done.output
    assert "0..255, normalized inside (of 0..1, mean 0.5, 0.5, 0.5; deviation 0.5, 0.5, 0.5)" in done.output
    inside = keras.saving.load_model(out)
    outside = cnnref.convert.from_torch(cnnref.build("squeezenet1_0", classes=10), tensors)
    raw = random.integers(0, 256, (1, 224, 224, 3)).astype(np.float32)
    expected = outside.predict_on_batch((raw / 255 - 0.5) / 0.5)
    np.testing.assert_allclose(inside.predict_on_batch(raw), expected, atol=1e-5)
    refused = run("convert", "squeezenet1_0", weights, "--out", out, "--normalization", "mean")
    assert str(refused.exception) == "normalization is 'mean'; choose published, imagenet, half, none."


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("convert", "--model", "resnet18"), ""),
        (("train", "lenet5-digits", "--learnig-rate", "1"), "--learning-rate"),
        (("export", "lenet5-mnist", "--fromat", "onnx"), "--format"),
    ],
)
def test_of_a_misspelt_option_only_those_that_may_be_meant_are_named(words: tuple[str, ...], near: str) -> None:
    said = run(*words).output
    assert "No such option" in said
    assert ("Possible options" in said) == bool(near)
    assert near in said
