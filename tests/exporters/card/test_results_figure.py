"""The figure of results: what its points are, and that all of them are drawn."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnref.errors import InputError
from cnnref.exporters.card.results_figure import Point, points_of, results_figure
from cnnref.runtimes import find_bundle, list_bundles

TIMED = Path(__file__).parents[3] / "scripts" / "benchmarks" / "anchors.json"
BUNDLES = [find_bundle(name) for name in list_bundles()]


def test_the_points_have_the_accuracies_of_the_cards_and_the_minutes_of_every_thread(tmp_path: Path) -> None:
    document = json.loads(TIMED.read_text())
    (tmp_path / "two.json").write_text(json.dumps(document | {"threads": 2 * document["threads"]}))
    for point, twice in zip(points_of(TIMED, BUNDLES), points_of(tmp_path / "two.json", BUNDLES), strict=True):
        assert twice.minutes == 2 * point.minutes
        if point.anchor:
            continue
        runs = json.loads((find_bundle(point.name) / "training" / "seeds.json").read_text())["runs"]
        assert point.accuracy == pytest.approx(np.mean([100 * run["accuracy"] for run in runs]))
        assert point.views == pytest.approx(np.mean([100 * run["views_accuracy"] for run in runs]))
    anchors = [(point.accuracy, point.views) for point in points_of(TIMED, BUNDLES) if point.anchor]
    assert anchors == [(None, 94.01), (91.25, None)]


def test_every_recipe_for_cifar10_and_both_anchors_are_drawn_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr("cnnref.exporters.card.results_figure.as_png", lambda figure: drawn.append(figure) or b"")
    points = points_of(TIMED, BUNDLES)
    results_figure(points)
    names = {text.get_text() for text in drawn[0].axes[0].texts}
    assert names == {point.name for point in points}
    assert {name for name in names if name.endswith("-cifar10")} == {n for n in list_bundles() if "cifar10" in n}


def test_other_points_make_another_picture_and_the_same_the_same() -> None:
    one, other = ([Point("a", 3.0, accuracy)] for accuracy in (99.0, 98.0))
    first, again, second = map(results_figure, (one, one, [*one, *other]))
    assert first == again != second
    assert np.ptp(np.asarray(Image.open(io.BytesIO(first)))[..., :3]) > 200


@pytest.mark.parametrize(
    "text", ["[]", "{}", "no", '{"threads": 1, "programs": {"a": {"minutes": 1, "accuracy": null}}}']
)
def test_what_is_no_file_of_anchors_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "anchors.json").write_text(text)
    with pytest.raises(InputError, match=r"anchors\.json is no file of anchors .* anchors\.py makes one"):
        points_of(tmp_path / "anchors.json", BUNDLES)
