"""A bundle as one HTML file that runs its network: the ONNX file, an engine in JavaScript, pictures, and the guide."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..explain.drawing.folding import stage_and_block
from ..files import write_whole
from ..pictures import USUAL, PictureRule
from . import facts as page_facts
from .bundle_scripts import bundle_scripts, ordered_files, small_style
from .compact import compact_script
from .facts import PAGE, to_base64
from .half import with_half_weights
from .headline import headline, subline
from .learning import Learning, learning_facts
from .tested import facts_of_tested
from .texts import PLACE, phrase, texts_of, thousands

if TYPE_CHECKING:
    from ..runtimes import Bundle
    from ..runtimes.evaluate import LabelledImages

MODEL, INT8 = "model.onnx", "model.int8.onnx"
#: From this size on, `cnnref explain` says what to expect.
LARGE = 50_000_000
#: The page is at most this many bytes and 1.4 times the model; base64 makes 4 bytes of 3.
ROOM, FACTOR = 300_000, 1.4
#: Networks of more weights are computed with WebAssembly, as engine/fast.js says.
MANY_WEIGHTS = 500_000
#: The memory of a tab with a large page, once it has answered: so many bytes, and so many times the page. With them the
#: tabs of resnet50 and convnext_tiny, of 492 and 557 MB (scripts/benchmarks/page_speed.py), are met within 6 %.
MEMORY, MEMORY_FACTOR = 220_000_000, 2.2
MOST_SAMPLES = 12
#: Bytes of what else stands in the page, such as its title, at most.
HEAD = 2_000

STYLES = ("style.css", "guide/guide.css")
#: The scripts of the page begin with these files; what they import decides the rest and its order.
WORKER, LARGE_WORKER, MAIN = "engine/worker.js", "engine/large.js", "view/main.js"
#: What is in pages with sections that only options bring.
EXTRAS, EXTRA_STYLE = "view/extras.js", "view/extras.css"


@dataclass(frozen=True)
class Sample:
    """A picture on the page: uint8 [height, width, channels], and what it is called."""

    image: NDArray[np.uint8]
    name: str


@dataclass(frozen=True)
class Second:
    """A network beside that of the page.

    Attributes:
        model: an ONNX file that takes the same pictures.
        kind: "int8" for the same network in whole numbers, "network" for another one.
        name: what the page calls it.
        labels: the names of its classes.
    """

    model: bytes
    kind: str
    name: str
    labels: Sequence[str]


@dataclass(frozen=True)
class PageContents:
    """What a page is made from.

    Attributes:
        model: an ONNX file that takes raw pixels 0..255 and returns `probabilities`.
        name: what the network is called.
        shape: (height, width, channels) of the pictures.
        labels: the names of the classes.
        samples: pictures to offer; the last are left out where the page would become too large, never the first.
        picture: how a photograph comes to the size of the input.
        title: what stands at the head; the name where there is nothing more to say.
        facts: short sentences under the title, the weightiest first.
        folder: the folder of model.keras, which is needed for Grad-CAM of a head that the page cannot follow.
        half: whether the weights are stored in 16 bits, which makes the page half as large.
        second: a network to compare with.
        learning: the weights after a few epochs of training.
        tested: test pictures, for a section on what they show.
        language: of the page's texts; see `cnnref.page.texts`. Title and facts are in it already.
    """

    model: bytes
    name: str
    shape: tuple[int, int, int]
    labels: Sequence[str]
    samples: Sequence[Sample] = ()
    picture: PictureRule = USUAL
    title: str = ""
    facts: Sequence[str] = ()
    folder: Path | None = None
    half: bool = False
    second: Second | None = None
    learning: Learning | None = None
    tested: LabelledImages | None = None
    language: str = "en"


def write_page(
    bundle: Bundle,
    out: Path,
    *,
    image: Path | None = None,
    half: bool = False,
    int8: bool = False,
    other: Bundle | None = None,
    learning: Learning | None = None,
    tested: LabelledImages | None = None,
    language: str = "en",
) -> Path:
    """Write the page of a bundle. A failure leaves no half-written page, and equal inputs give equal bytes.

    Args:
        bundle: a bundle with a model.onnx.
        out: the HTML file.
        image: a picture file to show first, read as `cnnref predict` reads it.
        half: store the weights in 16 bits, for a page of half the size.
        int8: show the bundle's model.int8.onnx beside it, and where its errors arise.
        other: show another network beside it, which takes pictures of the same size.
        learning: show how the network learned; with nothing of the three above.
        tested: show what these test pictures tell of the network; see `facts_of_tested`.
        language: of the page: the name of a file of `cnnref/page/texts`.

    Raises:
        InputError: there are no texts in the language, a bundle is not a classifier or lacks a file that the page runs,
            the other network takes pictures of another size, or the picture cannot be read.
        VerificationError: a file is not the one that bundle.json lists.
    """
    if learning and (half or int8 or other):
        raise InputError("The epochs of a network are shown of one network alone, with its weights as they are.")
    contents = contents_of(bundle, image, language)
    contents = replace(contents, half=half, second=_second_of(bundle, int8, other), learning=learning)
    contents = replace(contents, tested=tested)
    write_whole(out, page(contents))
    return out


def contents_of(bundle: Bundle, image: Path | None = None, language: str = "en") -> PageContents:
    """What the page of a bundle is made from in a language, with a picture file to show first if there is one.

    Raises:
        InputError: see `write_page`.
        VerificationError: see `write_page`.
    """
    texts_of(language)
    model = _file_of(bundle, MODEL, "onnx")
    samples = samples_of(bundle, language)
    first = [_picture(bundle, image)] if image else []
    return PageContents(
        model,
        name=bundle.name,
        shape=bundle.shape,
        labels=tuple(bundle.labels),
        samples=(*first, *samples),
        picture=bundle.picture,
        title=headline(bundle.name, bundle.labels, bundle.document.get("provenance", {}).get("dataset"), language),
        facts=subline(bundle, MODEL, language),
        folder=bundle.folder,
        language=language,
    )


def _second_of(bundle: Bundle, int8: bool, other: Bundle | None) -> Second | None:
    """The network to show beside that of a bundle, if there is one."""
    if int8:
        return Second(_file_of(bundle, INT8, "onnx --precision int8"), "int8", INT8, tuple(bundle.labels))
    if other is None:
        return None
    content = _file_of(other, MODEL, "onnx")
    if other.shape != bundle.shape:
        sizes = " and ".join("x".join(map(str, one.shape)) for one in (bundle, other))
        raise InputError(
            f"{bundle.name} and {other.name} take pictures of different sizes, {sizes}; "
            "a page compares two networks that see the same picture."
        )
    return Second(content, "network", other.name, tuple(other.labels))


def _file_of(bundle: Bundle, name: str, written_as: str) -> bytes:
    """A file of a bundle that classifies, as bundle.json lists it."""
    from ..runtimes.integrity import require_listed

    bundle.must_classify("the page")
    path = bundle.folder / name
    if name not in bundle.artifacts or not path.is_file():
        raise InputError(
            f"{bundle.folder} has no {name}, which the page runs; "
            f"`cnnref export {bundle.folder} --out DIR --format {written_as}` writes it."
        )
    require_listed(bundle, name)
    return path.read_bytes()


def size_note(size: int, *, half: bool = False) -> str:
    """What to expect of a page of that many bytes, with weights of 16 bits or not; nothing of a small one."""
    if size < LARGE:
        return ""
    whole = 2 * size if half else size  # weights of 16 bits have 32 in memory
    memory = (MEMORY + MEMORY_FACTOR * whole) / 1e9
    return (
        f"The page has {size / 1e6:.0f} MB, because the whole network is in it, and a browser computes it anew for "
        f"each picture: expect it to take some seconds to open and about {memory:.1f} GB of memory, and open it on "
        "a computer rather than on a phone."
        + ("" if half else " --half makes it half as large, with weights of 16 bits.")
    )


def page(contents: PageContents) -> str:
    """The page as text.

    Raises:
        InputError: the model is not an ONNX file.
    """
    folder = contents.folder
    graph = _read(contents.model, contents.name)
    if contents.half:
        graph = with_half_weights(graph)
    model = graph.SerializeToString(deterministic=True) if contents.half else contents.model
    unknown = page_facts.unknown_outputs(graph.graph)
    channels_first = _channels_first(graph, contents.shape)
    facts: dict[str, Any] = {
        "name": contents.name,
        "shape": list(contents.shape),
        "picture": asdict(contents.picture),
        "labels": list(contents.labels),
        "output": graph.graph.output[0].name,
        "channelsFirst": channels_first,
        "places": {node.name: list(stage_and_block(node.name)) for node in graph.graph.node},
    }
    kept = _samples_that_fit(contents, len(model), len(json.dumps(facts)), bool(unknown))
    pictures = [sample.image for sample in kept]
    given = [np.moveaxis(one, -1, 0) for one in pictures] if channels_first else pictures
    grad_cam: list[dict[str, Any]] = []
    if contents.learning and unknown:
        raise InputError(
            f"{contents.name} has an operator that the page cannot compute, so its epochs cannot be shown."
        )
    known, numbers = learning_facts(contents.learning, graph) if contents.learning else (None, b"")
    # Of an earlier epoch it would not be true.
    stored = kept and contents.learning is None and folder is not None and (folder / "model.keras").is_file()
    if folder is not None and stored and not page_facts.has_closed_form(graph):
        grad_cam = page_facts.grad_cam_of(folder, pictures, _best(graph, given))
    facts |= {
        "samples": [{"name": sample.name, "values": to_base64(sample.image)} for sample in kept],
        "stored": page_facts.outputs_of_unknown_operators(graph, given),
        "gradcam": grad_cam,
        "second": _facts_of_second(contents),
        **({"learning": known} if known else {}),
    }
    pixels = b""
    if contents.tested is not None:
        facts["tested"], pixels = facts_of_tested(graph, contents.tested, channels_first=channels_first)
    second = [_read(contents.second.model, contents.second.name)] if contents.second else []
    large = any(_weights_of(one) > MANY_WEIGHTS for one in (graph, *second))
    if large and contents.learning:
        raise InputError(f"The epochs of a network are shown if it has at most {MANY_WEIGHTS:,} weights.")
    return _fill_shell(contents, model, facts, large, {"epochs": numbers, "pictures": pixels})


def _weights_of(model: Any) -> int:
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer)


def _facts_of_second(contents: PageContents) -> dict[str, Any] | None:
    second = contents.second
    if second is None:
        return None
    graph = _read(second.model, second.name)
    unknown = {node.op_type for node in graph.graph.node} - page_facts.known_operators()
    if unknown:
        raise InputError(
            f"{second.name} has the operators {', '.join(sorted(unknown))}, which the page cannot compute, so that it "
            "cannot be shown beside another network."
        )
    return {
        "kind": second.kind,
        "name": second.name,
        "labels": list(second.labels),
        "output": graph.graph.output[0].name,
        "channelsFirst": _channels_first(graph, contents.shape),
    }


def _read(model: bytes, name: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        read = onnx.load_model_from_string(model)
    except DecodeError:
        read = onnx.ModelProto()
    if not read.graph.node or not read.graph.output:
        raise InputError(f"The {MODEL} of {name} is damaged: it has no graph; export the bundle again.")
    return read


def _channels_first(model: Any, shape: tuple[int, int, int]) -> bool:
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return sizes != list(shape) and sizes == [shape[2], shape[0], shape[1]]


def _best(model: Any, pictures: Sequence[NDArray[Any]]) -> list[int]:
    """The most probable class of each picture."""
    session = page_facts.session_of(model)
    given, output = session.get_inputs()[0], session.get_outputs()[0].name
    batch = np.stack(pictures).astype(np.uint8 if "uint8" in given.type else np.float32)
    scores = session.run([output], {given.name: batch})[0]
    return [int(row[0] > 0.5) if len(row) == 1 else int(row.argmax()) for row in scores]


def samples_of(bundle: Bundle, language: str = "en") -> list[Sample]:
    """Sample pictures of a bundle: the first of each class, then the second of each."""
    from ..data.dataset import one_of_each_class_first
    from ..runtimes import read_samples
    from ..runtimes.samples import FILE

    if not (bundle.folder / FILE).is_file():
        return []
    read = read_samples(bundle)
    chosen = one_of_each_class_first(read.labels, MOST_SAMPLES).tolist()
    return [
        Sample(read.images[index], _called(bundle, number, int(read.labels[index]), language))
        for number, index in enumerate(chosen)
    ]


def _called(bundle: Bundle, number: int, label: int, language: str) -> str:
    if label < 0:
        return phrase(language, "sample", number=number)
    return phrase(language, "sample-of", number=number, **{"class": bundle.labels[label]})


def _picture(bundle: Bundle, path: Path) -> Sample:
    from ..pictures import read_picture

    return Sample(read_picture(path, *bundle.shape, bundle.picture), path.name)


def _samples_that_fit(contents: PageContents, model: int, facts: int, with_stored: bool) -> list[Sample]:
    """The first samples, as many as the bound on the page's size permits; `facts` is the size of the other facts."""
    parts = (engine_script(language=contents.language), view_script(), _style(), _text("shell.html"))
    own = sum(len(part.encode()) for part in parts)
    room = ROOM + FACTOR * model - own - 4 * (model + 2) / 3 - facts - HEAD
    kept: list[Sample] = []
    for sample in contents.samples[: 3 if with_stored else None]:
        room -= 4 * sample.image.size / 3 + 3 * len(sample.name) + 30
        if room < 0 and kept:
            break
        kept.append(sample)
    return kept


def _style() -> str:
    return "\n".join(small_style(_text(file)) for file in STYLES)


def _text(file: str) -> str:
    return (PAGE / file).read_text(encoding="utf-8")


@cache
def engine_script(large: bool = False, extras: bool = False, language: str = "en") -> str:
    """The script of the worker, with WebAssembly for large networks, and the texts of the page with or without extras.

    The page itself uses its functions as well.
    """
    beside = ordered_files(PAGE / (EXTRAS if extras else MAIN))
    return compact_script(bundle_scripts(PAGE / (LARGE_WORKER if large else WORKER), beside=beside, language=language))


@cache
def view_script(extras: bool = False) -> str:
    """The script of everything else on the page, with the sections that only options bring or without them."""
    return compact_script(
        bundle_scripts(PAGE / (EXTRAS if extras else MAIN), without=ordered_files(PAGE / LARGE_WORKER))
    )


def _bytes_script(name: str, content: bytes) -> str:
    """The element with bytes beside those of the model; nothing where there are none."""
    text = base64.b64encode(content).decode("ascii")
    return f'<noscript hidden id="{name}">{text}</noscript>\n' if content else ""


def _fill_shell(
    contents: PageContents, model: bytes, facts: dict[str, Any], large: bool, more: dict[str, bytes]
) -> str:
    """The frame of the page with everything put where it belongs."""
    from ..version import __version__

    # In JSON, no "<" is left that could end the script element it lies in.
    listed = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")
    second = contents.second.model if contents.second else b""
    extras = any(one is not None for one in (contents.second, contents.learning, contents.tested))
    language, sha256 = contents.language, hashlib.sha256(model).hexdigest()
    given = {
        "name": html.escape(contents.name),
        "bytes": thousands(language, len(model)),
        "sha256": f"<code>{sha256}</code>",
        "hash": f'<span id="hash" data-sha256="{sha256}">{_words(language, "as-on-disk")}</span>',
    }
    parts = {
        "language": language,
        "holds": PLACE.sub(
            lambda found: given[found[1]], _words(language, "holds-rounded" if contents.half else "holds")
        ),
        "made_by": PLACE.sub(html.escape(__version__), _words(language, "made-by")),
        # Only large networks are computed with WebAssembly, which a page needs leave to compile.
        "webassembly": " 'wasm-unsafe-eval'" if large else "",
        "name": html.escape(contents.name),
        "title": html.escape(contents.title or contents.name),
        "facts_line": " ".join(f"<span>{html.escape(fact)}</span>" for fact in contents.facts),
        "style": _style() + (f"\n{small_style(_text(EXTRA_STYLE))}" if extras else ""),
        "facts": listed,
        "model": base64.b64encode(model).decode("ascii"),
        "second": "".join(_bytes_script(name, one) for name, one in {"second-model": second, **more}.items()),
        "engine": engine_script(large, extras, language),
        "view": view_script(extras),
    }
    shell = re.sub(r"\{text:([\w-]+)\}", lambda found: _words(language, found[1]), _text("shell.html"))
    return PLACE.sub(lambda found: parts[found[1]], shell)


def _words(language: str, key: str) -> str:
    """A sentence of the frame as HTML, its places still to be filled."""
    return html.escape(str(texts_of(language)[f"page.{key}"]), quote=False)
