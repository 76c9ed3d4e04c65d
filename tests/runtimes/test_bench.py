"""A benchmark measures every artifact and whoever comes beside them, and says what with."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import benchmark
from tiny_bundle import without_saved_model
from typer.testing import CliRunner, Result

import cnnref
from cnnref import cli, tables
from cnnref.environment import cpu_name
from cnnref.errors import InputError, VerificationError
from cnnref.runtimes import open_artifact, read_bundle, read_samples
from cnnref.runtimes.bench import BATCH, KERAS, Contestant, cpu_features
from cnnref.runtimes.runner import Runner, Tensor


class Scribe:
    """A runner that knows the answers and keeps a diary; it can be made to err."""

    threads = 3

    def __init__(
        self,
        folder: Path,
        diary: list[tuple[str, int, str]],
        name: str = "",
        dtype: str = "float32",
        answers: np.ndarray | None = None,
    ) -> None:
        samples = read_samples(read_bundle(folder))
        self.diary, self.name, self.dtype = diary, name, dtype
        self.answers = samples.probabilities if answers is None else answers

    def run(self, images: np.ndarray) -> np.ndarray:
        self.diary.append((self.name, len(images), images.dtype.name))
        return np.resize(self.answers, (len(images), self.answers.shape[1]))

    def inputs(self) -> dict[str, Tensor]:
        return {"image": Tensor((None, 8, 8, 1), self.dtype)}


def contestant(name: str, opened: Callable[[], Any] | None, **changes: Any) -> Contestant:
    return replace(Contestant(name, "onnx", "float32", opened, 1000, by="somebody"), **changes)


def test_every_artifact_gets_its_times(pristine: Path) -> None:
    timings = benchmark(pristine, runs=7, threads=1)
    assert [timing.file for timing in timings] == ["saved_model", "model.onnx", "model.tflite"]
    for timing in timings:
        assert timing.load_ms is not None
        assert timing.p50_ms is not None
        assert timing.p90_ms is not None
        assert timing.images_per_second is not None
        assert timing.load_ms > 0
        assert 0 < timing.p50_ms <= timing.p90_ms
        assert timing.images_per_second > 0
        assert (timing.runs, timing.cpu, timing.note) == (7, cpu_name(), "")
        assert (timing.by, timing.peer, timing.of_keras) == ("cnnref", False, None)
    assert [timing.threads for timing in timings[1:]] == [1, 1]
    assert timings[1].bytes == read_bundle(pristine).files["model.onnx"].bytes
    assert timings[0].bytes == sum(file.stat().st_size for file in (pristine / "saved_model").rglob("*.*"))


def test_a_missing_runtime_leaves_its_times_open(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    saved, onnx, tflite = benchmark(pristine, runs=1)
    assert (onnx.note, onnx.p50_ms, onnx.runs) == ("not timed: onnxruntime is not installed", None, 0)
    assert (saved.note, saved.load_ms) == ("not timed: tensorflow is not installed", None)
    assert tflite.p50_ms is not None


def test_a_shipped_bundle_is_known_by_its_name() -> None:
    timings = benchmark("lenet5-mnist", runs=1, threads=1)
    assert "model.onnx" in [timing.file for timing in timings]
    with pytest.raises(InputError, match="no bundle 'lenet5-mnits'; did you mean 'lenet5-mnist'"):
        cnnref.benchmark("lenet5-mnits")


def test_no_runs_and_no_threads_are_refused(pristine: Path) -> None:
    with pytest.raises(InputError, match="runs is 0"):
        benchmark(pristine, runs=0)
    with pytest.raises(InputError, match="threads is 0"):
        benchmark(pristine, threads=0)


def test_others_are_timed_beside_the_files_and_all_are_compared_with_keras(pristine: Path) -> None:
    opened = partial(open_artifact, read_bundle(pristine), "model.onnx", 1)
    others = [contestant("theirs", opened), contestant("model.keras", opened, format="keras", by=KERAS)]
    timings = benchmark(pristine, runs=6, threads=1, others=others)
    assert [timing.by for timing in timings] == ["cnnref"] * 3 + ["somebody", "Keras"]
    assert [timing.peer for timing in timings] == [False] * 3 + [True] * 2
    theirs, keras = timings[-2:]
    assert (theirs.file, theirs.bytes, theirs.runs, theirs.note) == ("theirs", 1000, 6, "")
    assert keras.of_keras == 1
    assert keras.p50_ms is not None
    for timing in timings:
        assert timing.of_keras is not None
        assert timing.p50_ms == pytest.approx(keras.p50_ms * timing.of_keras)


def test_all_take_turns_each_round_in_another_order(pristine: Path) -> None:
    diary: list[tuple[str, int, str]] = []
    others = [contestant(name, partial(Scribe, pristine, diary, name)) for name in "abcdef"]
    timings = benchmark(pristine, runs=10, threads=1, others=others)
    assert {timing.threads for timing in timings[3:]} == {3}
    tried = diary[: 2 * len(others)]  # before the first round
    assert tried == [(name, size, "float32") for name in "abcdef" for size in (1, BATCH)]
    sizes = [size for _, size, _ in diary]
    turns = [diary[index][0] for index in range(len(tried), len(diary)) if sizes[index - 1 : index + 1] == [BATCH, 1]]
    rounds = ["".join(turns[start : start + 6]) for start in range(0, len(turns), 6)]
    assert len(rounds) == 5
    assert all(sorted(one) == list("abcdef") for one in rounds)
    neighbours = {pair for one in rounds for pair in itertools.pairwise(one)}
    assert len(set(rounds)) == 5
    assert len(neighbours) > 12  # five times the same order, or that order turned round, has at most 6


def test_a_file_that_takes_whole_numbers_is_fed_whole_numbers(pristine: Path) -> None:
    diary: list[tuple[str, int, str]] = []
    others = [contestant(kind, partial(Scribe, pristine, diary, kind, kind)) for kind in ("uint8", "int8", "float32")]
    benchmark(pristine, runs=1, threads=1, others=others)
    assert {(name, dtype) for name, _, dtype in diary} == {
        ("uint8", "uint8"),
        ("int8", "uint8"),
        ("float32", "float32"),
    }


def test_whoever_fails_gets_a_note_and_the_rest_their_times(pristine: Path) -> None:
    def refuses() -> Runner:
        raise VerificationError("it is  broken\nin many places")

    right = read_samples(read_bundle(pristine)).probabilities
    others = [
        contestant("no file", None, bytes=0, note="not timed: nobody wrote it"),
        contestant("refuses", refuses),
        contestant("crashes", lambda: 1 / 0),
        contestant("wrong", partial(Scribe, pristine, [], answers=right[::-1])),
        contestant("not a number", partial(Scribe, pristine, [], answers=right * np.nan)),
        contestant("too narrow", partial(Scribe, pristine, [], answers=right[:, :2])),
        contestant("rough", partial(Scribe, pristine, [], answers=right[::-1]), precision="int8"),
        contestant("right", partial(Scribe, pristine, [])),
    ]
    timings = benchmark(pristine, runs=1, threads=1, others=others)
    assert all(timing.p50_ms for timing in timings[:3])
    notes = {timing.file: timing.note for timing in timings[3:]}
    assert notes["no file"] == "not timed: nobody wrote it"
    assert notes["refuses"] == "not timed: it is broken in many places"
    assert notes["crashes"] == "not timed: division by zero"
    assert notes["wrong"].startswith("not timed: it computes something else, 0.")
    assert notes["not a number"].startswith("not timed: it computes something else, nan")
    assert notes["too narrow"] == f"not timed: it gives [{BATCH}, 2], not [{BATCH}, 3]"
    assert notes["rough"] == notes["right"] == ""
    for timing in timings[3:]:
        assert (timing.p50_ms is None, timing.images_per_second is None, timing.runs == 0) == (bool(timing.note),) * 3


X86 = "processor\t: 0\nmodel name\t: One\nflags\t\t: fpu avx2 fma avx512_vnni sse\n\nprocessor\t: 1\nflags\t\t: neon\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm asimddp\n"


@pytest.mark.parametrize(
    ("text", "expected"), [(X86, ["avx2", "fma", "avx512_vnni"]), (ARM, ["asimd", "asimddp"]), ("bogomips: 3\n", [])]
)
def test_the_features_are_those_that_the_system_lists_for_its_first_core(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_features(tmp_path / "cpuinfo") == expected


def test_a_system_that_says_nothing_has_no_known_features(tmp_path: Path) -> None:
    assert cpu_features(tmp_path / "nothing") == []


def test_the_table_has_ratios_only_where_keras_was_timed(pristine: Path) -> None:
    opened = partial(open_artifact, read_bundle(pristine), "model.onnx", 1)
    keras = contestant("model.keras", opened, format="keras", by=KERAS)
    timings = benchmark(pristine, runs=1, threads=1, others=[keras, contestant("none", None, bytes=0, note="no")])
    table = tables.of_timings(timings)
    assert table.headings[-1] == "p50 / Keras"
    assert table.rows[-2][0] == "model.keras"
    assert table.rows[-2][-1] == "1.00"
    assert list(table.rows[-1]) == ["none", "somebody", "float32", "-", "-", "-", "-", "-", "-"]
    assert list(table.styles) == ["", "", "", "dim", "dim"]
    assert tables.of_timings(timings[:3]).headings[-1] == "p50 / Keras"
    alone = tables.of_timings(benchmark(pristine, runs=1, threads=1))
    assert "p50 / Keras" not in alone.headings
    assert {len(row) for row in alone.rows} == {len(alone.headings)}


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["bench", *map(str, words)])


def test_the_command_says_in_json_what_the_numbers_depend_on(bundle: Path) -> None:
    found = json.loads(run(without_saved_model(bundle), "--no-peers", "--runs", "2", "--threads", "1", "--json").stdout)
    assert list(found) == ["cpu", "features", "threads", "runs", "versions", "timings"]
    assert (found["cpu"], found["features"], found["runs"]) == (cpu_name(), cpu_features(), 2)
    assert "onnxruntime" in found["versions"]
    assert [timing["file"] for timing in found["timings"]] == ["model.onnx", "model.tflite"]
    assert all(timing["p50_ms"] > 0 for timing in found["timings"])


def test_the_command_draws_what_was_measured_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    picture = tmp_path / "tradeoff.png"
    without_saved_model(bundle)
    refused = run(bundle, "--no-peers", "--plot", picture)
    assert isinstance(refused.exception, InputError)
    assert f"run `cnnref verify {bundle} --data-dir DATA` first" in str(refused.exception)
    checks = [{"file": name, "test": {"accuracy": 0.9, "images": 500}} for name in ("model.onnx", "model.tflite")]
    (bundle / "report.json").write_text(json.dumps({"version": 2, "checks": checks}))
    drawn = run(bundle, "--no-peers", "--runs", "1", "--plot", picture)
    assert drawn.exit_code == 0, drawn.exception
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "model.onnx" in drawn.stdout
    again = run(bundle, "--no-peers", "--runs", "1", "--plot", picture)
    assert "give --force to replace it" in str(again.exception)
    assert "end it in .png, .svg or .pdf" in str(run(bundle, "--plot", tmp_path / "x.gif").exception)
