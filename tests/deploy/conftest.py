"""Bundles to deploy and, where there is one, a browser that sees nothing but this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsers import MODULES
from deployed import PAGE, ROOT, Site, is_here

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
def fixed(gray: Bundle, colour: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .tflite files of both bundles as LiteRT.js takes them."""
    folder = tmp_path_factory.mktemp("fixed")
    for bundle in (gray, colour):
        for name in bundle.artifacts:
            if name.endswith(".tflite"):
                program = ROOT / "scripts" / "deploy" / "fix_batch.py"
                target = folder / f"{bundle.name}.{name}"
                subprocess.run([sys.executable, program, bundle.folder / name, target], check=True, timeout=60)
    return folder


@pytest.fixture(scope="session")
def site(gray: Bundle, colour: Bundle, unusual: Bundle, fixed: Path) -> Iterator[Site]:
    """The page with the LeNet-5 beside it, the other bundles, files with a fixed batch, and the modules from npm."""
    if not (MODULES / "onnxruntime-web").is_dir():
        pytest.skip(f"no web runtimes in {MODULES}: run bash scripts/browser.sh, or set CNNREF_WEB_MODULES")
    folders = {
        "/": PAGE,
        "/bundle/": gray.folder,
        "/gray/": gray.folder,
        "/colour/": colour.folder,
        "/unusual/": unusual.folder,
        "/fixed/": fixed,
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
