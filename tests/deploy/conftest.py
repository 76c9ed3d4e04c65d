"""Bundles to deploy and, where there is one, a browser that sees nothing but this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from browsers import MODULES
from deployed import PAGE, Site, is_here

import cnnref
from cnnref.exporters.source import from_model
from cnnref.runtimes import Bundle, find_bundle, read_bundle


@pytest.fixture(scope="session")
def gray() -> Bundle:
    """The shipped LeNet-5."""
    return read_bundle(find_bundle("lenet5-mnist"))


@pytest.fixture(scope="session")
def colour(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small network for pictures that are wider than high, with random weights, that takes bytes."""
    model = cnnref.build("resnet8", (32, 40, 3), classes=5, normalization=((0.5,) * 3, (0.25,) * 3))
    labels = ["a", "b", "größer", "<b>", "e f"]
    folder = tmp_path_factory.mktemp("deploy") / "colour"
    fresh = replace(from_model(model, "colour"), fresh=True)  # so that noise calibrates its integer files
    return cnnref.export(fresh, folder, labels=labels, formats=["onnx", "tflite"], input_dtype="uint8")


@pytest.fixture(scope="session")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The choices that few make: an ONNX file that takes channels first, an integer .tflite of int8 at both ends."""
    model = cnnref.build("resnet8", (24, 32, 3), classes=4)
    fresh = replace(from_model(model, "unusual"), fresh=True)
    folder = tmp_path_factory.mktemp("deploy") / "unusual"
    return cnnref.export(
        fresh, folder, formats=["onnx", "tflite"], precisions=["int8"], layout="nchw", integer_io="int8"
    )


@pytest.fixture(scope="session")
def one_at_a_time(gray: Bundle, colour: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    """The .tflite files of both networks with a fixed batch, as LiteRT.js takes them; noise calibrates the integers."""
    folder = tmp_path_factory.mktemp("one")
    found = {}
    for which, bundle in (("gray", gray), ("colour", colour)):
        source = replace(from_model(cnnref.load(bundle.folder), bundle.name, bundle.labels), fresh=True)
        found[which] = cnnref.export(source, folder / which, formats=["tflite"], input_dtype=bundle.dtype, batch=1)
    return found


@pytest.fixture(scope="session")
def site(gray: Bundle, colour: Bundle, unusual: Bundle, one_at_a_time: dict[str, Bundle]) -> Iterator[Site]:
    """The page with the LeNet-5 beside it, the other bundles, files with a fixed batch, and the modules from npm."""
    if not (MODULES / "onnxruntime-web").is_dir():
        pytest.skip(f"no web runtimes in {MODULES}: run bash scripts/browser.sh, or set CNNREF_WEB_MODULES")
    folders = {
        "/": PAGE,
        "/bundle/": gray.folder,
        "/gray/": gray.folder,
        "/colour/": colour.folder,
        "/unusual/": unusual.folder,
        **{f"/{which}-one/": bundle.folder for which, bundle in one_at_a_time.items()},
        "/vendor/node_modules/": MODULES,
        "/modules/": MODULES,
    }
    site = Site(folders)
    yield site
    site.close()


@pytest.fixture
def page(browser: Any, site: Site) -> Iterator[Any]:
    """A page that may reach this machine's server only, and may not fail unseen."""
    page = browser.new_page()
    elsewhere: list[str] = []
    errors: list[str] = []

    def refuse(route: Any) -> None:
        elsewhere.append(route.request.url)
        route.abort()

    page.route(lambda url: not is_here(url, site), refuse)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert elsewhere == []
    assert errors == []
