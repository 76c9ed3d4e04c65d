"""Whatever the file, the deployed programs see the pixels that the package sees, as bundle.json states the rule."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from deployed import ROOT, Site
from digits_drawn import drawn
from PIL import Image

from cnnref.pictures import PictureRule, read_picture
from cnnref.runtimes import Bundle

PROGRAMS = ("classify_onnxruntime", "classify_litert")
READY = "document.querySelector('[role=status]').textContent.startsWith('Ready')"

#: The files, and those of them that need no resampling for 28x28.
ENDINGS = {
    "colour": "png",
    "wide": "bmp",
    "high": "webp",
    "holes": "png",
    "palette": "gif",
    "turned": "jpg",
    "large": "png",
    "small": "png",
    "deep": "png",
}
NOT_RESAMPLED = ("colour", "wide", "holes", "palette", "turned")

#: What the page shows, which is what it feeds the network, as gray values.
SEEN = """
() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from(data.filter((_, index) => index % 4 === 0));
}
"""

#: Gives the page a file the way that a drop does.
DROP = """
([name, bytes]) => {
  const dataTransfer = new DataTransfer();
  if (name) dataTransfer.items.add(new File([Uint8Array.from(bytes)], name));
  const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
  document.querySelector("label").dispatchEvent(drop);
}
"""


def colours(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Noise over a slope: no two corners, and no two channels, are alike."""
    random = np.random.default_rng(height + width + channels)
    slope = np.linspace(0, 200, height * width).reshape(height, width, 1)
    return (slope + random.integers(0, 56, (height, width, channels))).astype(np.uint8)


def written(folder: Path) -> dict[str, Path]:
    """One file for every clause of the rule."""
    paths = {name: folder / f"{name}.{ending}" for name, ending in ENDINGS.items()}
    plain = Image.fromarray(colours(28, 28))
    plain.save(paths["colour"])
    Image.fromarray(colours(28, 45)).save(paths["wide"])
    Image.fromarray(colours(61, 28)).save(paths["high"])
    alpha = np.where(np.add.outer(range(28), range(28)) % 3 == 0, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([colours(28, 28), alpha])).save(paths["holes"])
    plain.quantize(16).save(paths["palette"])
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its left side
    Image.fromarray(colours(28, 28, 1)[:, :, 0]).save(paths["turned"], exif=exif, quality=100)
    Image.fromarray(colours(200, 90)).save(paths["large"])
    Image.fromarray(colours(9, 9)).save(paths["small"])
    Image.fromarray(colours(40, 28, 1)[:, :, 0].astype(np.uint16) * 257 + 3).save(paths["deep"])
    return paths


def read_pixels(pixels: np.ndarray) -> np.ndarray:
    """A drawn digit as a network for MNIST sees it."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return read_picture(stream.getvalue(), 28, 28, 1, PictureRule(ink_box=20))[:, :, 0]


def load(program: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(program, ROOT / "scripts" / "deploy" / f"{program}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_read_every_picture_as_the_package_does(program: str, tmp_path: Path) -> None:
    module = load(program)
    for name, path in written(tmp_path).items():
        for shape in ((28, 28, 1), (28, 28, 3), (20, 33, 3)):
            np.testing.assert_array_equal(module.read_picture(str(path), *shape), read_picture(path, *shape), name)
            for rule in (PictureRule(32), PictureRule(35, "bicubic"), PictureRule(10, "bicubic")):
                found = module.read_picture(str(path), *shape, rule.shorter_side, rule.interpolation)
                np.testing.assert_array_equal(found, read_picture(path, *shape, rule), name)
        for box in (20, 9):
            found = module.read_picture(str(path), 28, 28, 1, None, "bilinear", box)
            np.testing.assert_array_equal(found, read_picture(path, 28, 28, 1, PictureRule(ink_box=box)), name)
    for place, (_, pixels) in enumerate(drawn()):
        for picture in (pixels, read_pixels(pixels)):
            Image.fromarray(picture).save(path := tmp_path / f"{place}.png")
            found = module.read_picture(str(path), 28, 28, 1, ink_box=20)
            np.testing.assert_array_equal(found, read_picture(path, 28, 28, 1, PictureRule(ink_box=20)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_do_without_the_package_and_the_frameworks(program: str, gray: Bundle, tmp_path: Path) -> None:
    """The other tests forbid these imports; here nothing is forbidden, and still none happens."""
    picture = written(tmp_path)["colour"]
    path = str(ROOT / "scripts" / "deploy" / f"{program}.py")
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{path!r}, {str(gray.folder)!r}, {str(picture)!r}]\n"
        f"runpy.run_path({path!r}, run_name='__main__')\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'cnnref', 'keras', 'tensorflow', 'onnx', 'torch', 'jax'}))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer, loaded = done.stdout.splitlines()
    assert answer.startswith(str(picture))
    assert loaded == ""


def test_the_page_sees_every_picture_as_the_package_does(page: Any, site: Site, tmp_path: Path) -> None:
    paths = written(tmp_path)
    page.goto(f"{site.address}index.html?centre=off")
    page.wait_for_function(READY)
    for name in NOT_RESAMPLED:
        page.set_input_files("input", paths[name])
        page.wait_for_function("name => document.querySelector('p').textContent.startsWith(name)", arg=paths[name].name)
        wanted = read_picture(paths[name], 28, 28, 1)[:, :, 0].astype(int)
        found = np.array(page.evaluate(SEEN)).reshape(28, 28)
        # A browser decodes JPEG and rounds gray by itself, so a value may be one off.
        np.testing.assert_allclose(found, wanted, atol=1, rtol=0, err_msg=name)
    page.set_input_files("input", paths["large"])
    page.wait_for_function("document.querySelector('p').textContent.startsWith('large')")
    wanted = read_picture(paths["large"], 28, 28, 1)[:, :, 0].astype(int)
    assert np.abs(np.array(page.evaluate(SEEN)).reshape(28, 28) - wanted).mean() < 3


def test_the_page_centres_digits_unless_it_is_told_not_to(page: Any, site: Site, tmp_path: Path) -> None:
    page.goto(f"{site.address}index.html")
    page.wait_for_function(READY)
    for place, (_, pixels) in enumerate(drawn()):
        Image.fromarray(pixels).save(path := tmp_path / f"drawn{place}.png")
        page.set_input_files("input", path)
        page.wait_for_function("name => document.querySelector('p').textContent.startsWith(name)", arg=path.name)
        found = np.array(page.evaluate(SEEN)).reshape(28, 28)
        np.testing.assert_array_equal(found, read_pixels(pixels))
    page.goto(f"{site.address}index.html?centre=off")
    page.wait_for_function(READY)
    page.set_input_files("input", path)
    page.wait_for_selector("li")
    plain = read_picture(path, 28, 28, 1)[:, :, 0].astype(int)
    assert np.abs(np.array(page.evaluate(SEEN)).reshape(28, 28) - plain).mean() < 3


def test_a_picture_can_be_dropped_on_the_page(page: Any, site: Site, tmp_path: Path) -> None:
    path = written(tmp_path)["colour"]
    page.goto(f"{site.address}index.html")
    page.evaluate(DROP, ["", []])
    page.wait_for_selector(".wrong")
    assert (
        page.locator("[role=status]").text_content() == "What was dropped is not a picture that this browser can read."
    )
    page.evaluate(DROP, [path.name, list(path.read_bytes())])
    page.wait_for_selector("li")
    assert page.locator("li").count() == 10
    assert page.locator(".wrong").count() == 0
