"""Files of weights: what they hold comes out, and what is damaged or more than weights is refused."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnref.convert.reading import read_weights
from cnnref.errors import InputError

torch = pytest.importorskip("torch", reason="reading PyTorch's files takes PyTorch")

VALUES = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.array([0.5, -0.5], np.float32)}
TENSORS = {name: torch.from_numpy(value) for name, value in VALUES.items()}


def same(found: Any) -> None:
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".th", ".bin"])
def test_a_pytorch_file_is_read(tmp_path: Path, ending: Any) -> None:
    torch.save(TENSORS, tmp_path / f"weights{ending}")
    same(read_weights(tmp_path / f"weights{ending}"))
    same(read_weights(str(tmp_path / f"weights{ending}")))


def test_a_file_of_older_pytorch_is_read(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "old.th", _use_new_zipfile_serialization=False)
    same(read_weights(tmp_path / "old.th"))


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "net"])
def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path, wrapper: Any) -> None:
    inner = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    torch.save({wrapper: inner, "epoch": 7, "best_prec1": 91.7}, tmp_path / "wrapped.pth")
    same(read_weights(tmp_path / "wrapped.pth"))


def test_tensors_arrays_and_parameters_in_memory_are_read() -> None:
    same(read_weights(VALUES))
    same(read_weights(TENSORS))
    same(read_weights({name: torch.nn.Parameter(tensor) for name, tensor in TENSORS.items()}))


def test_bfloat16_becomes_float32_of_the_same_value(tmp_path: Path) -> None:
    small = {name: tensor.to(torch.bfloat16) for name, tensor in TENSORS.items()}  # all of them are exact in it
    same(read_weights(small))
    torch.save(small, tmp_path / "small.pt")
    same(read_weights(tmp_path / "small.pt"))


def test_safetensors_come_back_in_every_type(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        path = tmp_path / "weights.safetensors"
        stored = {name: tensor.to(dtype) for name, tensor in TENSORS.items()}
        safetensors.save_file({**stored, "count": torch.tensor(3)}, path)
        found = read_weights(path)
        assert found.pop("count").dtype == np.int64
        same(found)
        assert all(value.dtype.kind == "f" for value in found.values())


def test_a_safetensors_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    path = tmp_path / "weights.safetensors"
    safetensors.save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"weights.safetensors is no whole safetensors file .*; get it again\."):
        read_weights(path)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("part", [0, 0.5, 0.9])
def test_a_pytorch_file_that_was_cut_short_is_refused(tmp_path: Path, new: Any, part: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=new)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError, match=r"weights.pth is (no whole|damaged)"):
        read_weights(path)


class Code:
    """What a pickle can hold: a command that is run when it is read."""

    def __init__(self, command: Any) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("new", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, new: Any) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    torch.save({**TENSORS, "c": Code(f"touch {trace}")}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(InputError, match=r"holds more than tensors, and nothing of it was run"):
        read_weights(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the trap works
    assert trace.exists()


def test_a_whole_network_in_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "network.pth")
    with pytest.raises(InputError, match=r"write its state_dict\(\) alone into a file"):
        read_weights(tmp_path / "network.pth")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "The state dict holds no tensor"),
        ({"state_dict": {}}, "has a dict under 'state_dict'"),
        ({"a": 3.0}, "has a float under 'a'"),
        ({"a": VALUES["a.bias"], "module.a": VALUES["a.bias"]}, "differ only in a prefix"),
        ("absent.pth", "There is no file absent.pth"),
        (__file__, r"test_reading.py is not a file of weights .* \.pth, \.pt, \.th, \.bin, \.safetensors"),
    ],
)
def test_what_holds_no_weights_is_refused(source: Any, message: Any) -> None:
    with pytest.raises(InputError, match=message):
        read_weights(source)


def test_a_file_with_one_tensor_is_no_state_dict(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "one.pt")
    with pytest.raises(InputError, match=r"one.pt holds a Tensor where a dict of tensors was expected"):
        read_weights(tmp_path / "one.pt")


@pytest.mark.parametrize(("ending", "package"), [(".pth", "torch"), (".safetensors", "safetensors")])
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: Any, package: Any
) -> None:
    path = tmp_path / f"weights{ending}"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, package, None)  # Python's sign for a module that cannot be imported
    with pytest.raises(InputError, match=f"(?i){package}, which is not installed|PyTorch, which is not installed"):
        read_weights(path)
