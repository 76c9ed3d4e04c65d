"""Files of weights: what they hold comes out, and what is damaged or more than weights is refused."""

import contextlib
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnnref.errors import InputError
from cnnref.weights.reading import read_weights

torch = pytest.importorskip("torch", reason="PyTorch writes the files that are read")
safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors writes the files that are read")

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
    writer = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        path = tmp_path / "weights.safetensors"
        stored = {name: tensor.to(dtype) for name, tensor in TENSORS.items()}
        writer.save_file({**stored, "count": torch.tensor(3)}, path)
        found = read_weights(path)
        assert found.pop("count") == 3
        same(found)
        assert all(value.dtype.kind == "f" for value in found.values())


def test_a_safetensors_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.save_file(VALUES, path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"weights.safetensors is not a complete safetensors file .*; get it again\."):
        read_weights(path)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("part", [0, 0.5, 0.9])
def test_a_pytorch_file_that_was_cut_short_is_refused(tmp_path: Path, new: Any, part: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=new)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError, match=r"weights.pth is (not a complete|damaged)"):
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


@pytest.mark.parametrize("new", [True, False])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_tensors_of_every_type_shape_and_stride_come_back(
    tmp_path_factory: pytest.TempPathFactory, new: bool, data: st.DataObject
) -> None:
    kinds = [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool]
    tensors = {}
    for number in range(data.draw(st.integers(1, 3))):
        shape = data.draw(st.lists(st.integers(0, 4), max_size=4))
        tensor = torch.arange(int(np.prod(shape)) + 3)[3:].reshape(shape).to(data.draw(st.sampled_from(kinds)))
        tensors[f"t{number}"] = tensor.permute(data.draw(st.permutations(range(len(shape)))))
    path = tmp_path_factory.mktemp("any") / "weights.pth"
    torch.save(OrderedDict(tensors), path, _use_new_zipfile_serialization=new)
    found = read_weights(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@example(place=0.75, value=150)  # an array of as many bytes as the file says
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_a_damaged_byte_gives_arrays_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: float, value: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{kind}.{'safetensors' if kind == 'safetensors' else 'pth'}"
    if kind == "safetensors":
        safetensors.save_file(VALUES, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "zip")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = value
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert all(isinstance(array, np.ndarray) for array in read_weights(path).values())


def test_a_view_of_a_tensor_is_read_as_what_it_shows(tmp_path: Path) -> None:
    base = torch.arange(12.0)
    torch.save({"whole": base, "part": base[2:8].reshape(2, 3).T, "last": base[-1]}, tmp_path / "views.pth")
    found = read_weights(tmp_path / "views.pth")
    np.testing.assert_array_equal(found["part"], [[2, 5], [3, 6], [4, 7]])
    assert found["last"] == 11


STORAGE = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"


def written(path: Path, content: bytes, numbers: bytes = bytes(16), *, compress: bool = False) -> Path:
    """A file as torch.save writes it, with any pickle in it and one storage."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        archive.writestr("weights/data.pkl", content)
        archive.writestr("weights/data/0", numbers)
    return path


def tensor(offset: int, size: int, step: int, storage: bytes = STORAGE) -> bytes:
    """A pickle of {"a": a tensor} with one axis."""
    call = b"I%d\n(I%d\nt(I%d\ntI00\nNtR" % (offset, size, step)
    return b"(dS'a'\nctorch._utils\n_rebuild_tensor_v2\n(" + storage + call + b"s."


def test_a_file_made_by_hand_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "w.pth", tensor(1, 2, 2), np.arange(4, dtype="<f4").tobytes())
    np.testing.assert_array_equal(read_weights(path)["a"], [1, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tensor(1, 4, 1), r"shape \(4,\) in a storage of 4 numbers"),
        (tensor(0, 9, 0), r"shape \(9,\) in a storage of 4 numbers"),  # would unfold without end
        (tensor(4, 2, -1), "no part of a storage"),
        (tensor(-1, 2, 1), "no part of a storage"),
        (tensor(0, 2, 1, b"S'storage'\n"), "no part of a storage"),
        (tensor(0, 2, 1, STORAGE.replace(b"I4\n", b"I5\n")), "storage 0 has 16 bytes and 20 are named"),
        (tensor(0, 2, 1, STORAGE.replace(b"I4\n", b"I-1\n")), "not described as one"),
        (tensor(0, 2, 1, STORAGE.replace(b"S'0'", b"S'7'")), "no item named 'weights/data/7'"),
        (tensor(0, 2, 1, STORAGE.replace(b"torch\nFloat", b"torch\nQInt8")), "asks for torch.QInt8Storage"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "asks for builtins.eval"),
        (b"ctorch.jit\nload\n(S'file'\ntR.", "asks for torch.jit.load"),
        (b"\x80\x04\x8c\x05torch\x8c\x0eSize.__class__\x93.", "asks for torch.Size.__class__"),
        (b"(S'true'\nios\nsystem\n.", "asks for os.system"),
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n}S'code'\nI1\nsb.",
            "not a complete PyTorch checkpoint",
        ),  # a class's state
        (b"ctorch\nFloatStorage\n(N}S'name'\nI1\nstb.", "a type with a state"),
        (b"ctorch\nFloatStorage\n(tR.", "not a complete PyTorch checkpoint"),  # a type is never called
        (b"(dp0\nS'state_dict'\ng0\ns.", "has a _?[dD]ict under 'state_dict'"),  # holds itself
        (b"(dI3\nI4\ns.", "key of type int"),
    ],
)
def test_a_pickle_cannot_bend_the_reader(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_weights(written(tmp_path / "w.pth", content))


def test_a_compressed_archive_is_refused_before_it_unfolds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data.pkl is compressed"):
        read_weights(written(tmp_path / "bomb.pth", tensor(0, 2, 1), compress=True))
    path = written(tmp_path / "order.pth", tensor(0, 2, 1))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        base = archive.namelist()[0].rpartition("/")[0]
        archive.writestr(f"{base}/byteorder", bytes(1 << 20))
    with pytest.raises(InputError, match=r"byteorder is compressed"):
        read_weights(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}', "'a' of shape .* does not have its numbers"),
        (b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', "'a' of shape .* does not have its numbers"),
        (b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[8,0]}}', "'a' of shape .* does not have its numbers"),
        (b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}', "type 'F8_E4M3' under 'a'"),
        (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', "take 4 bytes, and 8 are there"),
        (
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            "'b' begins at byte 0, and the one before it ends at 8",
        ),
        (b'{"a":{"dtype":["F32"],"shape":[2],"data_offsets":[0,8]}}', "'a' is not described"),
        (b'{"a":7}', "'a' is not described"),
        (b"[1]", "no table of tensors"),
        (b"{{", "no JSON"),
    ],
)
def test_a_header_of_safetensors_that_does_not_fit_is_refused(tmp_path: Path, header: bytes, message: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(InputError, match=message):
        read_weights(path)


def test_reading_imports_neither_pytorch_nor_keras(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "w.pth")
    safetensors.save_file(VALUES, tmp_path / "w.safetensors")
    program = f"""
import sys
from cnnref.weights import read_weights
for ending in ("pth", "safetensors"):
    assert len(read_weights({str(tmp_path / "w.")!r} + ending)) == 2
print([name for name in ("keras", "tensorflow", "torch", "safetensors") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
