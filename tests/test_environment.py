"""Importing cnnref: what it sets, what it leaves alone, and what it tells of the machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnref import environment

ROOT = Path(__file__).parent.parent
HEAVY = ["tensorflow", "keras", "onnxruntime", "ai_edge_litert", "matplotlib", "sklearn", "PIL", "onnx"]


def told_by(program: Any, **settings: Any) -> Any:
    """What a Python of its own prints as JSON, without the variables that cnnref sets."""
    inherited = {name: value for name, value in os.environ.items() if name not in environment.DEFAULTS}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=inherited | settings, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_the_light_rooms_imports_nothing_heavy() -> None:
    program = f"""
import json, os, sys
import cnnref, cnnref.models, cnnref.data, cnnref.arithmetic, cnnref.runtimes, cnnref.cli
cnnref.list_models(), cnnref.spec("lenet5"), cnnref.data.names()
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps([heavy, {{name: os.environ.get(name) for name in {list(environment.DEFAULTS)!r}}}]))
"""
    heavy, settings = told_by(program)
    assert heavy == []
    assert settings == environment.DEFAULTS
    assert settings["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_a_setting_of_the_user_stays() -> None:
    program = "import json, os, cnnref; print(json.dumps(os.environ['TF_ENABLE_ONEDNN_OPTS']))"
    assert told_by(program, TF_ENABLE_ONEDNN_OPTS="0") == "0"


CAUGHT = """
import json, sys, types, warnings
{before}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import cnnref
print(json.dumps([[w.category.__name__, str(w.message)] for w in caught]))
"""
TENSORFLOW_FIRST = "sys.modules['tensorflow'] = types.ModuleType('tensorflow')"


def test_tensorflow_before_cnnref_is_warned_of_with_the_remedy() -> None:
    ((category, message),) = told_by(CAUGHT.format(before=TENSORFLOW_FIRST))
    assert category == "RuntimeWarning"
    assert "import cnnref first, or set TF_ENABLE_ONEDNN_OPTS=1" in message


def test_no_warning_where_cnnref_comes_first_or_the_user_has_chosen() -> None:
    assert told_by(CAUGHT.format(before="")) == []
    assert told_by(CAUGHT.format(before=TENSORFLOW_FIRST), TF_ENABLE_ONEDNN_OPTS="0") == []


def test_versions_are_those_of_the_installed_packages() -> None:
    import keras

    found = environment.versions()
    assert found["keras"] == keras.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"cnnref", "tensorflow", "onnx", "onnxruntime"} <= found.keys()
    assert found.keys() <= {"python", *environment.PACKAGES}


def test_the_report_says_what_a_number_depends_on() -> None:
    report = environment.report()
    assert report.keys() == {
        "machine", "system", "cpu", "cores", "accelerators", "backend", "settings", "versions"
    }  # fmt: skip
    assert json.loads(json.dumps(report)) == report
    assert report["cpu"]
    assert 1 <= report["cores"] <= os.cpu_count()
    assert report["settings"].keys() - set(environment.THREADS) == environment.DEFAULTS.keys()
    assert report["backend"] in environment.device_line()


def test_the_report_says_how_many_threads_the_user_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "OMP_NUM_THREADS" not in environment.report()["settings"]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment.report()["settings"]["OMP_NUM_THREADS"] == "3"


def test_quiet_stderr_holds_back_what_goes_well_and_shows_what_fails() -> None:
    program = """
import json, os, sys
from cnnref.environment import quiet_stderr
read, write = os.pipe()
os.dup2(write, 2)
with quiet_stderr():
    os.write(2, b"greeting")
try:
    with quiet_stderr():
        os.write(2, b"reason")
        raise KeyError
except KeyError:
    pass
os.write(2, b" end")
print(json.dumps(os.read(read, 100).decode()))
"""
    assert told_by(program) == "reason end"


def test_the_same_seed_draws_the_same_numbers() -> None:
    def draw() -> Any:
        return environment.keras.random.uniform((3,)), np.random.random(3)  # noqa: NPY002  the global generator is what is seeded

    drawn = []
    for seed in (1, 1, 2):
        environment.seed_everything(seed)
        drawn.append(np.concatenate([np.asarray(part) for part in draw()]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()
