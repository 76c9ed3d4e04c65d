"""What the page shows of a test set: the strongest patches of each map, the mistakes, and a map of the pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from opened import Opened, must_be_accessible, must_fit, until
from typer.testing import CliRunner

from cnnref.cli import app
from cnnref.page.tested import facts_of_tested, last_dense, plane
from cnnref.page.write import write_page
from cnnref.runtimes import find_bundle, read_bundle, read_samples
from cnnref.runtimes.evaluate import LabelledImages

#: For each picture of the page the largest value of a map and its place, as the page's own engine computes them.
STRONGEST = """
([layer, map, count]) => Array.from({ length: count }, (_, index) => {
  const { shape } = state.facts;
  const pixels = bytesIn("pictures");
  const size = shape[0] * shape[1] * shape[2];
  const { tensors } = runGraph(state.graph, pixels.slice(index * size, (index + 1) * size));
  const tensor = tensors.get(nodeNamed(layer).output);
  const area = tensor.shape[2] * tensor.shape[3];
  let best = map * area;
  for (let at = best; at < (map + 1) * area; at++) if (tensor.data[at] > tensor.data[best]) best = at;
  return [tensor.data[best], best];
})
"""


@pytest.fixture(scope="module")
def tested() -> LabelledImages:
    """The samples of the bundle, and noisy ones with wrong labels, so that there are mistakes."""
    samples = read_samples(read_bundle(find_bundle("lenet5-mnist")))
    random = np.random.default_rng(0)
    noisy = np.clip(samples.images + random.normal(0, 60, samples.images.shape), 0, 255).astype(np.uint8)
    images = np.concatenate([samples.images, noisy])
    return LabelledImages(images, np.concatenate([samples.labels, (samples.labels + 1) % 10]), "made up")


@pytest.fixture(scope="module")
def page(tested: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tested")
    first, second = (
        write_page(read_bundle(find_bundle("lenet5-mnist")), folder / name, tested=tested) for name in ("a", "b.html")
    )
    assert first.read_bytes() == second.read_bytes()
    return second


def test_patches_mistakes_and_map_lead_to_their_pictures(
    page: Path, tested: LabelledImages, opened: Callable[..., Opened], axe: str
) -> None:
    tab = opened(page, reduced_motion="reduce").ready()
    count = len(tested.images)
    tab.evaluate("lookAt(nodeNamed('conv2'), 3)")
    strongest = tab.evaluate(STRONGEST, ["conv2", 3, count])
    order = sorted(range(count), key=lambda at: -strongest[at][0])[:4]
    labels = tab.locator("#tested .patches button").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert [int(label.split(":")[0].rsplit(" ", 1)[1]) for label in labels] == order
    tab.locator("#tested .patches button").nth(1).focus()
    tab.keyboard.press("Enter")
    until(tab, f"state.at === {strongest[order[1]][1]} && state.picture.name.startsWith('test picture {order[1]},')")
    assert tab.evaluate("[state.node.name, state.channel]") == ["conv2", 3]
    assert f"test={order[1]}" in tab.url
    np.testing.assert_array_equal(tab.evaluate("Array.from(state.picture.values)"), tested.images[order[1]].ravel())
    assert tab.evaluate("state.tensors.get(state.node.output).data[state.at]") == pytest.approx(strongest[order[1]][0])

    cells = tab.locator("#tested .confusion button")
    total = sum(int(text) for text in cells.all_inner_texts())
    wrong = tab.evaluate("state.facts.tested.tried - state.facts.tested.right")
    assert total == wrong >= len(tested.images) // 4
    assert tab.locator("#tested .gallery button").count() == min(wrong, 60)
    cells.first.click()
    pair = cells.first.get_attribute("aria-label")
    truth, guess = pair.split(": ")[1].split(" taken for ")
    until(tab, "document.querySelector('#tested button[aria-pressed=true]') !== null")
    words = tab.locator("#tested .gallery button").evaluate_all("all => all.map((one) => one.textContent)")
    assert len(words) == int(pair.split(":")[0])
    assert set(words) == {f"{truth} as {guess}"}
    tab.locator("#tested .gallery button").first.click()
    until(tab, f"labelOf(state.facts.tested.truth[MORE.test.now()]) === '{truth}'")

    stage = tab.locator("#tested .plane-stage")
    stage.focus()
    before = stage.get_attribute("aria-label")
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        tab.keyboard.press(key)
    tab.keyboard.press("ArrowLeft")
    after = stage.get_attribute("aria-label")
    assert before != after
    tab.keyboard.press("Enter")
    number = after.rsplit("test picture ", 1)[1].split(":")[0]
    until(tab, f"state.picture.name.startsWith('test picture {number},')")

    must_be_accessible(tab, axe, "#tested")
    must_fit(tab)


def test_what_is_counted_is_what_the_network_says(tested: LabelledImages) -> None:
    model = onnx.load(find_bundle("lenet5-mnist") / "model.onnx")
    facts, pixels = facts_of_tested(model, tested, channels_first=False)
    assert facts["tried"] == len(tested.images) == sum(count for *_, count in facts["confusion"])
    assert facts["right"] == sum(count for truth, guess, count in facts["confusion"] if truth == guess)
    assert len(pixels) == len(facts["numbers"]) * 784
    sure = [facts["sure"][at] for at in facts["mistakes"]]
    assert sure == sorted(sure, reverse=True)
    assert all(facts["truth"][at] != facts["guess"][at] for at in facts["mistakes"])
    assert last_dense(model)[0] == "logits"


def test_the_plane_is_that_of_the_singular_value_decomposition() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 7)) * np.arange(1, 8)
    points, share = plane(rows)
    left, sizes, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    found = np.reshape(points, (-1, 2))
    assert np.abs(found).max() == 1
    expected *= np.sign((expected * found).sum(0)) / np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum(), abs=1e-4)
    assert plane(np.ones((5, 3))) == ([], 0.0)


def test_a_data_set_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    def error(name: str, dataset: str) -> str:
        given = ["explain", name, "--dataset", dataset, "--out", str(tmp_path / "page.html")]
        return str(CliRunner().invoke(app, given).exception)

    assert "nothing" in error("lenet5-mnist", "nothing")
    assert "channel" in error("resnet8-cifar10", "digits")
    assert list(tmp_path.iterdir()) == []
