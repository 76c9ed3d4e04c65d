"""The page as a file and in the browser: whole, quick, open to everyone, and not to be broken by what is in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import small_models
from chosen_names import chosen
from onnx import TensorProto, helper
from opened import Opened

import cnnref
from cnnref.errors import InputError
from cnnref.exporters.contract import contract_of
from cnnref.exporters.onnx.model import onnx_model
from cnnref.page import facts as page_facts
from cnnref.page import write as pages
from cnnref.page.write import PageContents, Sample, page, write_page
from cnnref.runtimes import find_bundle, list_bundles, read_bundle

SMALL = [name for name in chosen() if cnnref.spec(name).params <= 3_000_000]
HOSTILE = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", 'größer & "so"', "{title}"]

STORED = "() => { const p = probabilities(); return [...storedGradCam(p.indexOf(Math.max(...p))).values] }"


def noise(shape: tuple[int, int, int], count: int = 2) -> list[Sample]:
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    return [Sample(image, f"noise {index}") for index, image in enumerate(images)]


def fresh_page(name: str, shape: tuple[int, int, int] | None = None, classes: int | None = None, **more: Any) -> str:
    """The page of a network with new weights."""
    model = cnnref.build(name, shape, classes, **more)
    contract = contract_of(model, name, None, {})
    content = onnx_model(model, contract).SerializeToString()
    return page(
        PageContents(content, name=name, shape=contract.shape, labels=contract.labels, samples=noise(contract.shape))
    )


@pytest.mark.parametrize("name", [name for name in list_bundles() if (find_bundle(name) / "model.onnx").is_file()])
def test_a_page_is_small_whole_and_the_same_twice(name: str, page_of: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle(name))
    first = page_of(name).read_bytes()
    model = (bundle.folder / "model.onnx").read_bytes()
    assert len(first) <= 300_000 + 1.4 * len(model)
    assert write_page(bundle, tmp_path / "again.html").read_bytes() == first
    assert hashlib.sha256(model).hexdigest() in first.decode()
    assert first.count(b"</script>") == 3
    assert not re.search(rb"(?:src|href)\s*=\s*[\"'](?:https?:)?//", first)


def test_the_page_asks_for_nothing_and_computes_the_hash_anew(
    page_of: Callable[[str], Path], opened: Callable[..., Opened]
) -> None:
    one = opened(page_of("lenet5-mnist"))
    tab = one.ready()
    tab.wait_for_selector("#hash:has-text('the same')")
    shown = tab.text_content("footer code")
    assert shown == hashlib.sha256((find_bundle("lenet5-mnist") / "model.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", SMALL)
def test_every_small_model_opens(name: str, opened: Callable[..., Opened], tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(fresh_page(name), encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    assert tab.locator(".card").count() >= 5
    assert "most probably" in tab.text_content("#status")
    assert tab.evaluate("state.missing.size") == 0
    small_models.forget()


@pytest.mark.parametrize(
    ("shape", "classes", "activation", "top"),
    [((24, 40, 1), 2, "softmax", 2), ((40, 24, 3), 1, "sigmoid", 1), ((32, 32, 3), 1000, "softmax", 10)],
)
def test_any_shape_and_number_of_classes(
    shape: tuple[int, int, int], classes: int, activation: str, top: int, opened: Callable[..., Opened], tmp_path: Path
) -> None:
    text = fresh_page("resnet8", shape, classes, classifier_activation=activation)
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    shares = tab.eval_on_selector_all(".scores data", "all => all.map(one => Number(one.value))")
    assert len(shares) == min(10, max(top, len(tab.evaluate("state.facts.labels"))))
    if classes > 12:
        assert shares == sorted(shares, reverse=True)
    if classes <= 10 and activation == "softmax":
        assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_labels_with_html_stay_text(opened: Callable[..., Opened], tmp_path: Path) -> None:
    model = cnnref.build("lenet5", classes=4)
    contract = contract_of(model, "odd", HOSTILE, {})
    content = onnx_model(model, contract).SerializeToString()
    name = "<b>odd</b></script>"
    samples = [Sample(noise((28, 28, 1))[0].image, HOSTILE[1])]
    text = page(
        PageContents(content, name=name, shape=(28, 28, 1), labels=HOSTILE, samples=samples, facts=["<i>5</i> {facts}"])
    )
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    assert sorted(tab.locator(".scores .label").all_text_contents()) == sorted(HOSTILE)
    assert tab.text_content("h1") == name
    assert tab.locator("main img, main script, h1 b").count() == 0


def test_an_unknown_operator_is_shown_by_its_stored_maps(opened: Callable[..., Opened], tmp_path: Path) -> None:
    """Upsampling the maps is none of the engine's operators; the rest of the network goes on from its stored maps."""
    model = onnx.load(find_bundle("lenet5-mnist") / "model.onnx")
    place = next(index for index, node in enumerate(model.graph.node) if node.name == "pool1")
    model.graph.node[place].output[0] = "before"
    model.graph.initializer.append(helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 1, 1]))
    resize = helper.make_node("Resize", ["before", "", "scales"], ["pool1"], name="resize", mode="linear")
    model.graph.node.insert(place + 1, resize)
    samples = noise((28, 28, 1), 5)
    labels = [str(digit) for digit in range(10)]
    text = page(PageContents(model.SerializeToString(), name="odd", shape=(28, 28, 1), labels=labels, samples=samples))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    assert "most probably" in tab.text_content("#status")
    tab.evaluate("lookAt(nodeNamed('resize'))")
    assert tab.locator("#layer .tile").count() == 6
    assert "not how each value" in tab.text_content("#made-of")
    tab.evaluate("async () => { await showPicture({ ...sampleOf(0), sample: null }) }")  # somebody's own picture
    assert "cannot compute" in tab.text_content("#status")
    assert "stored for the sample pictures" in tab.text_content("#layer")
    tab.evaluate("async () => { await showPicture(sampleOf(1)) }")
    assert "most probably" in tab.text_content("#status")


def test_a_head_without_a_closed_form_has_grad_cam_for_the_samples(
    opened: Callable[..., Opened], tmp_path: Path
) -> None:
    keras = cnnref.environment.keras
    inputs = keras.Input((16, 16, 1), name="image")
    maps = keras.layers.Conv2D(6, 3, activation="relu", name="maps")(inputs)
    flat = keras.layers.GlobalAveragePooling2D()(maps)
    branches = [keras.layers.Dense(4, name=f"branch{index}")(flat) for index in range(2)]  # a head that forks
    scores = keras.layers.Dense(3, name="logits")(keras.layers.Add()(branches))
    model = keras.Model(inputs, keras.layers.Softmax(name="probabilities")(scores))
    content = onnx_model(model, contract_of(model, "forked", None, {}))
    assert not page_facts.has_closed_form(content)
    model.save(tmp_path / "model.keras")
    labels = ["a", "b", "c"]
    text = page(
        PageContents(
            content.SerializeToString(),
            name="forked",
            shape=(16, 16, 1),
            labels=labels,
            samples=noise((16, 16, 1)),
            folder=tmp_path,
        )
    )
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    assert tab.evaluate("gradCam(state.graph, state.tensors, 0)") is None
    assert tab.locator("#why .stage").count() == 1
    found = tab.evaluate(STORED)
    expected = cnnref.explain.grad_cam(model, noise((16, 16, 1))[0].image)
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-6)


@pytest.mark.parametrize(("layout", "dtype"), [("nchw", "float32"), ("nhwc", "uint8"), ("nchw", "uint8")])
def test_files_that_take_channels_first_or_bytes(
    layout: str, dtype: str, opened: Callable[..., Opened], tmp_path: Path
) -> None:
    model = small_models.randomise(cnnref.build("resnet8", (24, 32, 3), 4))
    contract = contract_of(model, "other", None, {}, input_dtype=dtype)
    content = onnx_model(model, contract, layout=layout).SerializeToString()
    samples = noise((24, 32, 3))
    text = page(PageContents(content, name="other", shape=(24, 32, 3), labels=list("abcd"), samples=samples))
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    tab = opened(tmp_path / "page.html").ready()
    expected = np.asarray(model(samples[0].image[None].astype(np.float32)))[0]
    np.testing.assert_allclose(tab.evaluate("probabilities()"), expected, atol=1e-5)


def test_what_cannot_be_explained_is_refused(tmp_path: Path) -> None:
    bundle = read_bundle(find_bundle("lenet5-mnist"))
    (tmp_path / "words.png").write_text("no picture")
    with pytest.raises(InputError, match=r"words\.png is not a picture"):
        write_page(bundle, tmp_path / "page.html", image=tmp_path / "words.png")
    with pytest.raises(InputError, match="damaged"):
        page(PageContents(b"", name="nothing", shape=(28, 28, 1), labels=["a"]))
    assert not (tmp_path / "page.html").exists()


def test_the_scripts_hold_nothing_that_would_end_them_or_ask_for_anything() -> None:
    for file in sorted(pages.PAGE.rglob("*.js")):
        text = file.read_text(encoding="utf-8")
        assert "</script" not in text.lower(), file
        assert "innerHTML" not in text, file
        assert not re.search(
            r"\b(?:fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|eval)\(", text
        ), file
        assert text.startswith("// "), file


def test_the_facts_in_the_page_are_json(page_of: Callable[[str], Path]) -> None:
    text = page_of("lenet5-mnist").read_text(encoding="utf-8")
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', text, re.DOTALL)[1])
    assert facts["labels"] == [str(digit) for digit in range(10)]
    assert facts["gradcam"] == facts["stored"] == []
    assert len(facts["samples"]) >= 10
