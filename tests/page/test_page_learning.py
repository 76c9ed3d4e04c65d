"""The page of a run with snapshots: what it shows of an epoch is what the network computed then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from opened import PACKED, Opened, must_be_accessible, must_fit, numbers, until
from typer.testing import CliRunner

import cnnref
from cnnref.cli import app
from cnnref.errors import InputError
from cnnref.exporters.snapshots import snapshot_models
from cnnref.page.learning import Learning, learning_facts
from cnnref.page.write import write_page
from cnnref.runtimes import find_bundle, read_bundle
from cnnref.training import read_recipe
from cnnref.training.recipe import Snapshots
from cnnref.training.run import Run

#: Every result that the page holds for its picture.
SHOWN = f"""() => {{
  {PACKED}
  return Object.fromEntries([...state.tensors].map(([name, {{ data }}]) => [name, packed(data)]));
}}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = replace(read_recipe("lenet5-digits"), epochs=2, validation=100, snapshots=Snapshots((0, 1, 2)))
    return cnnref.train(recipe, out=tmp_path_factory.mktemp("runs") / "digits", quiet=True)


@pytest.fixture(scope="module")
def page(run: Run) -> Path:
    out = run.folder / "page.html"
    done = CliRunner().invoke(app, ["explain", str(run.folder), "--snapshots", "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


def computed(content: bytes, image: np.ndarray) -> dict[str, np.ndarray]:
    """Every result of an ONNX file."""
    model = onnx.load_model_from_string(content)
    names = [output for node in model.graph.node for output in node.output if output != "probabilities"]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(one) for one in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image[None].astype(np.float32)}), strict=True))


def test_each_epoch_computes_what_its_weights_do(run: Run, page: Path, opened: Callable[..., Opened], axe: str) -> None:
    tab = opened(page).ready()
    models = snapshot_models(run)
    assert list(models) == [0, 1, 2]
    image = np.array(tab.evaluate("Array.from(state.picture.values)"), np.uint8).reshape(28, 28, 1)
    answers = {}
    for epoch, place in ((0, 0), (1, 1), (2, 2), (0, 0)):
        tab.locator("#learning input[type=range]").fill(str(place))
        words = {0: "with the weights from before the first step", 1: "with the weights after epoch 1 of 2", 2: ""}[
            epoch
        ]
        until(tab, f"!document.getElementById('status').textContent.includes('weights') === {str(not words).lower()}")
        until(tab, f"document.getElementById('status').textContent.includes('{words}')")
        expected, shown = computed(models[epoch], image), numbers(tab.evaluate(SHOWN))
        assert len(shown) > 8
        for name, values in expected.items():
            apart = np.abs(shown[name] - values.ravel()).max()
            assert apart <= 1e-5 * max(1e-3, np.abs(values).max()), (epoch, name)
        answers[epoch] = shown["probabilities"].tolist()
        kernels = tab.locator("#learning .tiles button")
        assert kernels.nth(place).get_attribute("aria-pressed") == "true"
    assert answers[0] != answers[2]
    assert "nothing learned yet" in tab.locator("#learning [role=status]").inner_text()
    kernels.nth(1).focus()
    tab.keyboard.press("Enter")
    row = run.metrics()[0]
    until(tab, "document.querySelector('#learning [role=status]').textContent.startsWith('epoch 1 of 2: loss')")
    said = tab.locator("#learning [role=status]").inner_text()
    assert f"{100 * row['val_accuracy']:.1f}\u00a0% of the validation pictures right" in said
    assert tab.url.endswith("epoch=1")
    tab.evaluate("document.querySelectorAll('#learning details').forEach((one) => (one.open = true))")
    must_be_accessible(tab, axe, "#learning")
    must_fit(tab)
    again = opened(page).page
    again.goto(tab.url)
    again.reload()
    until(again, "document.getElementById('status')?.textContent.includes('after epoch 1 of 2')")


def test_what_was_found_with_other_weights_is_not_shown(page: Path, opened: Callable[..., Opened]) -> None:
    tab = opened(page).ready()
    tab.locator("#why button", has_text="Cover the picture").click()
    until(tab, "document.querySelectorAll('#why .half:first-child figure').length === 1")
    tab.evaluate("MORE.epoch.go(0)")
    until(tab, "document.querySelectorAll('#why .half:first-child figure').length === 0")


def test_only_a_run_with_snapshots_has_epochs_to_show(tmp_path: Path, run: Run) -> None:
    def error(*arguments: Any) -> str:
        return str(CliRunner().invoke(app, ["explain", *map(str, arguments)]).exception)

    assert "lenet5-mnist is not the folder of a run" in error("lenet5-mnist", "--snapshots")
    assert "one network alone" in error(run.folder, "--snapshots", "--half", "--out", tmp_path / "page.html")
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    other = Learning({3: (find_bundle("mnist_cnn-mnist") / "model.onnx").read_bytes()}, run.metrics())
    with pytest.raises(InputError, match="after epoch 3 is not that of the page"):
        write_page(bundle, tmp_path / "page.html", learning=other)
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_change_is_not_stored(run: Run) -> None:
    models = snapshot_models(run)
    facts, numbers = learning_facts(Learning(models, run.metrics()), onnx.load_model_from_string(models[2]))
    assert facts["epochs"] == [0, 1]  # the last is the file itself
    assert len(numbers) == 2 * 4 * sum(one["length"] for one in facts["constants"])
    assert [row["epoch"] for row in facts["rows"]] == [1, 2]
