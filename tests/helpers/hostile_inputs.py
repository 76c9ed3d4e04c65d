"""Hostile inputs of every kind that the package reads: made from a sound one and a seed, always the same.

A kind makes one input a seed in a folder of its own and says how it is read; what reading it may do is judged by
`trials.py`. The imports of a kind are inside of it, so that a process loads only what its kind needs.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import pickle
import random
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

#: Reads an input; what comes back is right if the second function says so.
Read = Callable[[], Any]
Right = Callable[[Any], bool]
Case = tuple[Read, Right]


class Planted:
    """What pickles run where they are not read with care: it leaves a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.place), "w")


def changed(content: bytes, chance: random.Random) -> bytes:
    """The content with bytes replaced, taken out, put in, repeated or cut off."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        # The beginning and the end have what describes the rest.
        place = chance.choice((chance.randrange(len(data)), min(chance.randrange(200), len(data) - 1), -1))
        place %= len(data)
        match chance.randrange(6):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 2:
                del data[place : place + chance.choice((1, 4, 100))]
            case 3:
                data[place:place] = chance.randbytes(chance.choice((1, 4, 100)))
            case 4:
                data[place:place] = data[place : place + 64] * chance.choice((1, 50))
            case _:
                del data[max(1, place) :]
        if not data:
            return b""
    return bytes(data)


def pickles(folder: Path, chance: random.Random) -> Case:
    from cnnref.data.cifar_formats import python_records

    sound = {b"data": np.zeros((3, 3072), np.uint8), b"labels": [0, 1, 2], b"batch_label": b"x"}
    content = pickle.dumps(sound, protocol=chance.choice((0, 2, 4)))
    match chance.randrange(8):
        case 0:
            content = pickle.dumps({**sound, b"more": Planted(folder / "executed")}, protocol=2)
        case 1:
            content = b"(" * chance.choice((1000, 300_000)) + b"t" * chance.choice((1000, 300_000)) + b"."
        case 2:
            levels = chance.choice((2_000, 2_000, 2_000, 2_000, 100_000))
            content = b"\x80\x02]" + b"\x94".join([b"]"] * levels) + b"a" * levels + b"."
        case 3:
            content = b"\x80\x04\x8b" + struct.pack("<i", 2**31 - 1) + b"\xff" * 1000 + b"."
        case 4:
            content = b"(" + b"".join(b"(" + b"0" * 20 for _ in range(5000)) + b"tp0\n" + b"h\x00" * 50 + b"."
        case _:
            content = changed(content, chance)
    return (
        lambda: python_records(content, "batch", key="labels"),
        lambda found: (
            found[0].ndim == 2 and found[0].shape[1] == 3072 and all(isinstance(label, int) for label in found[1])
        ),
    )


@functools.cache
def gzip_bomb() -> bytes:
    """10 MiB of zeros."""
    return gzip.compress(bytes(10 << 20), 1, mtime=0)


@functools.cache
def npz_bomb() -> bytes:
    """An array of 8 MiB that is none."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(8 << 20))
    return packed.getvalue()


def archives(folder: Path, chance: random.Random) -> Case:
    from cnnref.data.archives import Archive, read_bytes

    path = folder / "data.tar.gz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in chance.choice((("a", "b"), ("a", "a"), ("../a",), ("/a",), ("a\x1b[2J", "a"), ("d/" * 400 + "a",))):
            member = tarfile.TarInfo(name)
            member.size = 3
            if not chance.randrange(4):
                member.type, member.linkname, member.size = (
                    chance.choice((tarfile.SYMTYPE, tarfile.LNKTYPE)),
                    "/etc/hosts",
                    0,
                )
            elif not chance.randrange(4):
                member.pax_headers = {"size": chance.choice((str(2**64), str(2**62), "-1", "a"))}
            archive.addfile(member, io.BytesIO(b"abc"))
    content = packed.getvalue()
    if not chance.randrange(3):
        content = changed(content, chance)
    content = gzip.compress(content, mtime=0)
    match chance.randrange(5):
        case 0:
            content = gzip_bomb()
        case 1 | 2:
            content = changed(content, chance)
    path.write_bytes(content)
    if chance.randrange(2):
        return lambda: Archive(path, "").read("a"), lambda found: found in (None, b"abc")
    return lambda: read_bytes(path, gzipped=True, most=8 << 20), lambda found: len(found) <= 8 << 20


def arrays(folder: Path, chance: random.Random) -> Case:
    from cnnref.arrays import read_npz
    from cnnref.data.idx import parse_idx

    if not chance.randrange(3):
        header = struct.pack(">IIII", 0x803, *(chance.choice((0, 1, 2, 28, 2**32 - 1)) for _ in range(3)))
        content = changed(header + bytes(2 * 28 * 28), chance) if chance.randrange(2) else header + bytes(28 * 28)
        return lambda: parse_idx(content, 3, "images"), lambda found: found.size + 16 == len(content)
    path, buffer = folder / "arrays.npz", io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(100), b=np.zeros((2, 8, 8, 1), np.uint8))
    content = buffer.getvalue()
    match chance.randrange(6):
        case 0:
            np.savez(path, a=np.array([Planted(folder / "executed")], object), allow_pickle=True)
        case 1:
            head = b"\x93NUMPY\x01\x00"
            text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({10 ** chance.randrange(3, 18)},)}}".ljust(117)
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a.npy", head + struct.pack("<H", 118) + text.encode() + b"\n" + bytes(64))
        case 2:
            path.write_bytes(npz_bomb())
        case 3:
            place = content.rindex(b"PK\x01\x02") + chance.randrange(46)
            path.write_bytes(content[:place] + chance.randbytes(1) + content[place + 1 :])
        case _:
            path.write_bytes(changed(content, chance))
    return lambda: read_npz(path, ["a"]), lambda found: found["a"].dtype.kind in "iufbU"


def pictures(folder: Path, chance: random.Random) -> Case:
    from PIL import Image

    from cnnref.pictures import read_picture

    path = folder / "picture"
    modes = {
        "PNG": ("L", "RGB", "P", "I;16", "RGBA", "1"),
        "JPEG": ("L", "RGB", "CMYK"),
        "GIF": ("P",),
        "BMP": ("RGB",),
    }
    kind = chance.choice((*modes, "TIFF", "WEBP"))
    buffer = io.BytesIO()
    side = chance.choice((1, 7, 40))
    Image.new(chance.choice(modes.get(kind, ("RGB",))), (side, 40)).save(buffer, kind)
    content = buffer.getvalue()
    match chance.randrange(6):
        case 0:
            import zlib

            sides = struct.pack(">II", chance.choice((1, 60_000, 2**31 - 1)), chance.choice((0, 60_000, 2**31 - 1)))
            head = b"IHDR" + sides + bytes([chance.choice((1, 8, 16)), chance.choice((0, 2, 3, 6)), 0, 0, 0])
            rest = b"IDAT" + zlib.compress(bytes(1 << 20))
            parts = [
                struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, rest)
            ]
            content = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
        case 1:
            content = b""
        case _:
            content = changed(content, chance)
    path.write_bytes(content)
    return lambda: read_picture(path, 8, 8, 3), lambda found: found.shape == (8, 8, 3) and found.dtype == np.uint8


def recipes(folder: Path, chance: random.Random) -> Case:
    from cnnref.training.recipe import Recipe
    from cnnref.training.recipe_file import read_recipe

    values = (
        *(
            "-1",
            "0",
            "1e400",
            "nan",
            "inf",
            "2e9",
            "99999999999999999999",
            "true",
            '""',
            '"../../x"',
            '"/x"',
            '"a\\u001b"',
        ),
        *("[]", "{}", "[[1]]", "1979-05-27", '"' + "x" * 5000 + '"', "20000", "4294967296"),
    )
    keys = (
        *("name", "model", "dataset", "epochs", "batch_size", "seed", "image_size", "validation", "precision"),
        *("label_smoothing", "optimizer", "schedule", "augmentation", "options", "unknown"),
    )
    lines = {"model": '"lenet5"', "dataset": '"digits"', "epochs": "1", "batch_size": "64"}
    for _ in range(chance.choice((1, 2))):
        lines[chance.choice(keys)] = chance.choice(values)
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    if not chance.randrange(4):
        text = chance.choice(
            ("a = " + "[" * 30_000, "a." * 30_000 + "b = 1", changed(text.encode(), chance).decode("latin-1"))
        )
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8", errors="replace")

    def right(found: Recipe) -> bool:
        sizes = (found.image_size or 0) <= 4096 and found.epochs >= 1 and found.batch_size >= 1
        return sizes and 0 <= found.seed < 2**32 and not set(found.name) & set("/\\\x1b")

    return lambda: read_recipe(path), right


def manifests(folder: Path, chance: random.Random) -> Case:
    """bundle.json, labels.txt and samples.npz of a bundle, and files that nobody listed."""
    from cnnref.errors import VerificationError
    from cnnref.runtimes import find_bundle, read_bundle, read_samples, verify

    source = find_bundle("lenet5-mnist")
    copied = ("labels.txt", "samples.npz", "README.md")
    for name in ("bundle.json", *copied):
        shutil.copy(source / name, folder / name)
    document = json.loads((folder / "bundle.json").read_text())
    odd: Any = chance.choice(
        (
            None,
            True,
            -1,
            0,
            1e308,
            2**70,
            "",
            "../../x",
            "/x",
            "\x1b[2J",
            "a\nb",
            "\u202e",
            [],
            {},
            [[]],
            {"a": 1},
            "x" * 5000,
        )
    )
    place: Any = document
    keys: list[str] = []
    while isinstance(place, dict) and place and (not keys or chance.randrange(3)):
        keys.append(chance.choice(list(place)))
        last, place = place, place[keys[-1]]
    match chance.randrange(5):
        case 0 | 1 | 2:
            last[keys[-1]] = odd
            (folder / "bundle.json").write_text(json.dumps(document))
        case 3:
            name = chance.choice(("bundle.json", "labels.txt", "samples.npz"))
            (folder / name).write_bytes(changed((folder / name).read_bytes(), chance))
        case _:
            place = folder / chance.choice(("more.txt", "deep/er/file", "\x1b[2J"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("x")
            return lambda: verify(folder, isolated=False), lambda report: any(
                "not listed" in problem for problem in report.problems
            )

    def read() -> Any:
        bundle = read_bundle(folder)
        assert bundle.picture
        report = verify(folder, only=copied, isolated=False)
        if not report.ok:
            raise VerificationError("; ".join(report.problems))
        return bundle, read_samples(bundle)

    def told(document: Any) -> Any:
        """All facts, and of the list of files those that are here."""
        return {**document, "files": {name: document["files"].get(name) for name in copied}}

    # What holds says what the export wrote, whatever became of the file's spaces.
    original = json.loads((source / "bundle.json").read_text())
    return read, lambda found: told(found[0].document) == told(original)


def greedy_onnx(kind: str) -> bytes:
    """A small ONNX file of the right names that computes without end, or takes gigabytes."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = {
        "rounds": np.array(2**62, np.int64),
        "true": np.array(True),
        "shape": np.array([2**29], np.int64),
        "axes": np.array([1, 2, 3], np.int64),
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.float32),
    }
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["x", "one"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
        ],
    )
    greedy = {
        "loop": [helper.make_node("Loop", ["rounds", "true", "zero"], ["more"], body=body)],
        "constant": [
            helper.make_node("ConstantOfShape", ["shape"], ["large"]),
            helper.make_node("ReduceSum", ["large"], ["more"], keepdims=0),
        ],
        "percent": [
            helper.make_node("Identity", ["rounds"], ["many"]),
            helper.make_node("Cast", ["many"], ["more"], to=1),
        ],
    }[kind]
    graph = helper.make_graph(
        [
            *greedy,
            helper.make_node("ReduceSum", ["image", "axes"], ["sum"], keepdims=0),
            helper.make_node("Add", ["sum", "more"], ["moved"]),
            helper.make_node("Reshape", ["moved", "column"], ["columns"]),
            helper.make_node("Concat", ["columns"] * 10, ["probabilities"], axis=1),
        ],
        kind,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 28, 28, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [
            *(numpy_helper.from_array(value, name) for name, value in numbers.items()),
            numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        ],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


#: The files that a child of this process has been asked to run.
RUN: list[str] = []


@functools.cache
def shared_child(number: int) -> Any:
    """A child that runs the files of some cases; a crash starts it anew. It ends with this process."""
    from cnnref.runtimes.isolation import Apart, Limits

    if number:
        shared_child(number - 1).end()
    return Apart(Limits(seconds=5, to_import=20))


def artifacts(folder: Path, chance: random.Random) -> Case:
    """ONNX and TFLite files of a bundle with the hash made anew; they run in a child."""
    from cnnref.runtimes import find_bundle, read_bundle

    source = find_bundle("lenet5-mnist")
    shutil.copy(source / "bundle.json", folder / "bundle.json")
    name = chance.choice(("model.onnx", "model.int8.onnx", "model.tflite", "model.fp16.tflite", "model.int8.tflite"))
    content = (source / name).read_bytes()
    if name.endswith("tflite") and chance.randrange(3):  # the tables are behind the weights
        start = len(content) - 12_000
        content = content[:start] + changed(content[start:], chance)
    else:
        content = changed(content, chance)
    if name == "model.onnx" and chance.random() < 0.4:
        content = greedy_onnx(chance.choice(("loop", "constant", "percent")))
    (folder / name).write_bytes(content)

    def read() -> Any:
        bundle = read_bundle(folder)
        # What is loaded stays in memory, so a child has ten files.
        where = shared_child(len(RUN) // 10)
        RUN.append(name)
        runner = where.open(bundle, name, 1)
        where.structure(bundle, bundle.artifacts[name])
        return runner.run(np.zeros((2, 28, 28, 1), np.uint8))

    return read, lambda found: found.ndim == 2 and bool((found >= -0.01).all() and (found <= 1.01).all())


def weights(folder: Path, chance: random.Random) -> Case:
    from cnnref.weights.reading import read_weights

    if chance.randrange(2):
        path = folder / "weights.safetensors"
        shape, end = chance.choice(([2, 2], [2**40], [-1], [], [2.5])), chance.choice((16, 2**62, -1, 8))
        kinds: tuple[Any, ...] = ("F32", "F32", "X9", [], None)
        facts = {"dtype": chance.choice(kinds), "shape": shape, "data_offsets": [0, end]}
        # Two tensors of the same bytes are none that the format allows.
        head = json.dumps({"a": facts, "b": facts} if not chance.randrange(4) else {"a": facts}).encode()
        length = struct.pack("<Q", chance.choice((len(head), len(head), 2**63, 0)))
        content = length + (b'{"a":' * 100_000 if not chance.randrange(5) else head) + bytes(16)
        path.write_bytes(content if chance.randrange(2) else changed(content, chance))
    else:
        path = folder / "weights.pth"
        with zipfile.ZipFile(path, "w") as archive:
            held: Any = {"a": Planted(folder / "executed")} if chance.randrange(2) else {"a": [1, 2, {"b": ()}]}
            archive.writestr("x/data.pkl", pickle.dumps(held, protocol=2))
            archive.writestr("x/data/0", bytes(64))
        if chance.randrange(2):
            path.write_bytes(changed(path.read_bytes(), chance))
    return lambda: read_weights(path), lambda found: all(isinstance(one, np.ndarray) for one in found.values())


def keras_files(folder: Path, chance: random.Random) -> Case:
    from cnnref.models.saving import load_model
    from cnnref.runtimes import find_bundle

    with zipfile.ZipFile(find_bundle("lenet5-mnist") / "model.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    layer = chance.choice(config["config"]["layers"])
    match chance.randrange(6):
        case 0:
            name, module = chance.choice(
                (
                    *(("TFSMLayer", "keras.layers"), ("Lambda", "keras.layers"), ("load_data", "keras.datasets.mnist")),
                    *(
                        ("MobileNet", "keras.applications"),
                        ("system", "os"),
                        ("plot_image_gallery", "keras.visualization"),
                    ),
                    ("StringLookup", "keras.layers"),
                )
            )
            layer.update(class_name=name, module=module, registered_name=name)
        case 1:
            function = chance.choice(("set_floatx", "eval", "load_model", "get_file", "relu"))
            layer["config"]["activation"] = {"module": "keras", "class_name": "function", "config": function}
        case 2:
            layer["config"][chance.choice(("units", "filters", "kernel_size", "name", "dtype", "axis"))] = (
                chance.choice((-1, 2**40, "../x", None, [], 1e300))
            )
        case 3:
            deep: Any = 1
            for _ in range(chance.choice((300, 900))):
                deep = [deep]
            layer["config"]["deep"] = deep
        case _:
            name = chance.choice(list(members))
            members[name] = changed(members[name], chance)
            config = None
    if config is not None:
        members["config.json"] = json.dumps(config).encode()
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return lambda: load_model(path), lambda model: model.count_params() < 10**6


#: The kinds with the number of inputs of each.
KINDS: dict[str, tuple[Callable[[Path, random.Random], Case], int]] = {
    "pickles": (pickles, 200),
    "archives": (archives, 120),
    "arrays": (arrays, 200),
    "pictures": (pictures, 200),
    "recipes": (recipes, 200),
    "manifests": (manifests, 200),
    "artifacts": (artifacts, 60),
    "weights": (weights, 150),
    "keras_files": (keras_files, 80),
}
