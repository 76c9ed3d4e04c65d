import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from data_layouts import cifar10_files, cifar_records, mnist_arrays, tar_gz, write_mnist_idx

from cnnref.data import downloads, load, names, sources
from cnnref.data.sources import PUBLISHED, SYSTEM
from cnnref.errors import DatasetError, InputError
from cnnref.pictures import read_picture, write_picture


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNREF_DATA", raising=False)


def serve(monkeypatch: pytest.MonkeyPatch, files: Any) -> Any:
    """Make Keras' get_file write `files[origin]` into its cache, as the real one does; return the calls."""
    calls = []

    def get_file(fname: Any, *, origin: Any, file_hash: Any, cache_subdir: Any, extract: Any) -> Any:
        calls.append((fname, origin, file_hash, cache_subdir, extract))
        path = downloads.cache_folder().parent / cache_subdir / fname
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[origin])
        print("a progress bar")
        return str(path)

    monkeypatch.setattr(downloads, "keras", SimpleNamespace(utils=SimpleNamespace(get_file=get_file)))
    return calls


def npz(folder: Any, seed: Any) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "mnist.npz", **mnist_arrays(seed=seed))
    return mnist_arrays(seed=seed)["x_train"][..., np.newaxis]


def test_the_names_are_these() -> None:
    assert names() == ["mnist", "fashion_mnist", "cifar10", "cifar100", "digits"]


@pytest.mark.parametrize("spelling", ["MNIST", "mnist", "Mnist"])
def test_usual_spellings_are_understood(tmp_path: Path, spelling: Any) -> None:
    npz(tmp_path, 0)
    assert load(spelling, tmp_path).name == "mnist"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mnits",
            r"did you mean 'mnist'\? choose mnist, fashion_mnist, cifar10, cifar100, digits or folder:PATH",
        ),
        ("imagenet", r"There is no data set 'imagenet'; choose mnist"),
        ("", "There is no data set ''; choose"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(name: str, message: Any) -> None:
    with pytest.raises(InputError, match=message):
        load(name)


def test_the_data_folder_comes_before_the_cache(
    tmp_path: Path, keras_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = npz(tmp_path / "given", 1)
    named = npz(tmp_path / "named", 2)
    cached = npz(keras_home / "datasets", 3)
    np.testing.assert_array_equal(load("mnist").train_images, cached)
    monkeypatch.setenv("CNNREF_DATA", str(tmp_path / "named"))
    np.testing.assert_array_equal(load("mnist").train_images, named)
    np.testing.assert_array_equal(load("mnist", str(tmp_path / "given")).train_images, given)


def test_a_set_that_the_data_folder_lacks_is_taken_from_the_cache(tmp_path: Path, keras_home: Any) -> None:
    cached = npz(keras_home / "datasets", 3)
    np.testing.assert_array_equal(load("mnist", tmp_path).train_images, cached)


def test_the_cache_is_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    cached = npz(tmp_path / ".keras" / "datasets", 3)
    np.testing.assert_array_equal(load("mnist").train_images, cached)


def test_a_damaged_file_in_the_data_folder_is_an_error_though_the_cache_has_a_whole_one(
    tmp_path: Path, keras_home: Any
) -> None:
    npz(keras_home / "datasets", 3)
    (tmp_path / "mnist.npz").write_bytes(b"half a file")
    with pytest.raises(DatasetError, match=str(tmp_path / "mnist.npz")):
        load("mnist", tmp_path)


def test_a_data_folder_that_does_not_exist_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"The data folder .*nowhere does not exist"):
        load("mnist", tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"The data folder .*nowhere does not exist"):
        load("digits", tmp_path / "nowhere")
    for name in ("mnist", "folder:~nobody-of-that-name"):
        with pytest.raises(DatasetError, match="~nobody-of-that-name"):
            load(name, "~nobody-of-that-name" if name == "mnist" else None)
    monkeypatch.setenv("CNNREF_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match=r"nowhere \(from CNNREF_DATA\) does not exist"):
        load("mnist")
    assert load("digits").name == "digits"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_set_that_is_nowhere_says_what_goes_where_and_why_the_download_failed(
    tmp_path: Path, keras_home: Any, name: str
) -> None:
    with pytest.raises(DatasetError) as error:
        load(name, tmp_path)
    message = str(error.value)
    assert f"is not in {tmp_path} or {keras_home / 'datasets'}" in message
    assert "no network in tests" in message
    assert f"into {tmp_path}." in message
    assert {"mnist": "mnist.npz", "cifar10": "cifar-10-python.tar.gz"}.get(name, "") in message
    with pytest.raises(DatasetError, match="or into a folder that data_dir or CNNREF_DATA names"):
        load(name)


def test_mnist_is_downloaded_as_keras_does_and_nothing_is_printed_on_the_output(
    tmp_path: Path, keras_home: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = npz(tmp_path / "origin", 4)
    origin = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
    calls = serve(monkeypatch, {origin: (tmp_path / "origin" / "mnist.npz").read_bytes()})
    np.testing.assert_array_equal(load("mnist").train_images, images)
    digest = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
    assert calls == [("mnist.npz", origin, digest, "datasets/", False)]
    assert capsys.readouterr().out == ""
    load("mnist")  # from the cache
    assert len(calls) == 1
    assert (keras_home / "datasets" / "mnist.npz").exists()


def test_fashion_mnist_is_downloaded_into_the_folder_that_keras_uses(
    tmp_path: Path, keras_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = mnist_arrays()
    write_mnist_idx(tmp_path, arrays, gzipped=True)
    calls = serve(
        monkeypatch,
        {download.origin: (tmp_path / download.origin.rsplit("/", 1)[1]).read_bytes()
         for download in PUBLISHED["fashion_mnist"].downloads},
    )  # fmt: skip
    np.testing.assert_array_equal(load("fashion_mnist").test_labels, arrays["y_test"])
    assert len(calls) == 4
    assert len(list((keras_home / "datasets" / "fashion-mnist").glob("*-ubyte.gz"))) == 4


def test_fashion_mnist_of_debians_package_is_found_before_anything_is_downloaded(
    tmp_path: Path, keras_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path("/usr/share/datasets") == SYSTEM
    monkeypatch.setattr(sources, "SYSTEM", tmp_path)
    packaged, cached = (mnist_arrays(seed=seed) for seed in (1, 2))
    write_mnist_idx(tmp_path / "fashion-mnist", packaged, gzipped=True)
    found = load("fashion-mnist")
    np.testing.assert_array_equal(found.train_images[..., 0], packaged["x_train"])
    assert found.labels[-1] == "Ankle boot"
    with pytest.raises(DatasetError, match="MNIST is not in"):  # which bears other names
        load("mnist")
    write_mnist_idx(keras_home / "datasets" / "fashion-mnist", cached, gzipped=True)
    np.testing.assert_array_equal(load("fashion-mnist").train_images[..., 0], cached["x_train"])


def test_cifar_is_downloaded_as_an_archive_that_stays_packed(keras_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [cifar_records(2, 10, seed) for seed in range(6)]
    files = cifar10_files("py", batches[:5], batches[5])
    content = tar_gz({f"cifar-10-batches-py/{name}": files[name] for name in files})
    calls = serve(monkeypatch, {"https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz": content})
    assert load("cifar10").test_labels.tolist() == batches[5][1].tolist()
    assert calls[0][0] == "cifar-10-python.tar.gz"
    assert calls[0][4] is False
    assert [path.name for path in (keras_home / "datasets").iterdir()] == ["cifar-10-python.tar.gz"]


def test_origins_and_hashes_are_those_of_keras() -> None:
    """Read from the source text of the installed Keras, which takes no import of it."""
    spec = importlib.util.find_spec("keras")
    folder = Path(spec.origin).parent / "src" / "datasets"
    for name, known in PUBLISHED.items():
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        for download in known.downloads:
            base, file = download.origin.rsplit("/", 1)
            assert base in text
            assert file in text
            assert download.sha256 is None or download.sha256 in text


def test_pictures_are_resized_to_the_shape_that_is_asked_for_as_files_are(tmp_path: Path) -> None:
    npz(tmp_path, 0)
    original = load("mnist", tmp_path, image_shape=(28, 28, 1))
    assert original.image_shape == (28, 28, 1)
    resized = load("mnist", tmp_path, image_shape=(40, 36, 1))
    assert resized.train_images.shape == (len(original.train_images), 40, 36, 1)
    write_picture(tmp_path / "one.png", original.test_images[0])
    np.testing.assert_array_equal(resized.test_images[0], read_picture(tmp_path / "one.png", 40, 36, 1))
    np.testing.assert_array_equal(resized.test_labels, original.test_labels)


def test_a_set_has_as_many_channels_as_it_has(tmp_path: Path) -> None:
    npz(tmp_path, 0)
    with pytest.raises(InputError, match="Images of mnist are 28x28x1, but 32x32x3 was requested"):
        load("mnist", tmp_path, image_shape=(32, 32, 3))


def test_importing_the_data_room_imports_nothing_heavy() -> None:
    code = (
        "import sys, cnnref.data\n"
        "heavy = {'keras', 'tensorflow', 'sklearn', 'PIL', 'matplotlib'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
