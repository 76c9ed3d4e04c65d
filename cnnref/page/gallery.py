"""The pages of several bundles, and a page that leads to them: a folder that any static host can serve."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from ..errors import InputError
from ..files import whole_folder
from ..runtimes import Bundle, read_bundle
from .facts import PAGE
from .headline import headline, subline
from .texts import phrase, texts_of
from .write import MODEL, samples_of, write_page

#: Says that a folder is a gallery, which --force may replace: its pages, and the bytes of each.
LIST = "gallery.json"
STYLES = ("style.css", "gallery.css")


def write_gallery(
    folder: Path,
    out: Path,
    *,
    language: str = "en",
    force: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write a page for each bundle in a folder, and index.html. Equal bundles give equal bytes.

    Args:
        folder: has a sub-folder a bundle.
        out: the folder that is written, whole or not at all.
        language: of all pages; see `write_page`.
        force: whether an older gallery there may be replaced.
        tell: is told which bundle is left out, and why.

    Returns:
        The pages, index.html first.

    Raises:
        InputError: there are no texts in the language, the folder has no bundle that has a page, or `out` may not be
            replaced.
    """
    texts_of(language)
    bundles = _with_pages(folder, tell)
    if not bundles:
        raise InputError(f"{folder} holds no bundle of a classifier with a {MODEL}; name a folder of bundles.")
    names = [bundle.folder.name for bundle in bundles]
    with whole_folder(out, force=force, marker=LIST) as made:
        sizes = {}
        for name, bundle in zip(names, bundles, strict=True):
            sizes[f"{name}.html"] = write_page(bundle, made / f"{name}.html", language=language).stat().st_size
        items = "\n".join(
            _item(bundle, name, sizes[f"{name}.html"], language) for name, bundle in zip(names, bundles, strict=True)
        )
        words = {key: html.escape(phrase(language, f"gallery-{key}")) for key in ("title", "words")}
        parts = {"language": language, "style": "\n".join(map(_text, STYLES)), "items": items, **words}
        index = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], _text("gallery.html"))
        (made / "index.html").write_text(index, encoding="utf-8")
        (made / LIST).write_text(json.dumps({"format": "cnnref-gallery", "pages": sizes}, indent=2) + "\n", "utf-8")
    return [out / "index.html", *(out / page for page in sizes)]


def _with_pages(folder: Path, tell: Callable[[str], None]) -> list[Bundle]:
    """The bundles of classifiers with an ONNX file, by name."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name one that holds bundles, such as saved_models.")
    found = []
    for place in sorted(folder.iterdir()):
        if not (place / "bundle.json").is_file():
            continue
        if place.name == "index":
            raise InputError(f"{place} would take the name of the gallery's own page; give the bundle another name.")
        bundle = read_bundle(place)
        if MODEL not in bundle.artifacts or not bundle.classes:
            tell(f"{place.name} is left out: a page needs a classifier and its {MODEL}.")
        else:
            found.append(bundle)
    return found


def _item(bundle: Bundle, name: str, size: int, language: str) -> str:
    """One bundle of the list: a picture that it knows, its name, and what it is."""
    samples = samples_of(bundle)[:1]
    shown = "".join(f'<img src="data:image/png;base64,{_png(sample.image)}" alt="">' for sample in samples)
    link = html.escape(quote(f"{name}.html"))
    title = headline(bundle.name, bundle.labels, bundle.document.get("provenance", {}).get("dataset"), language)
    facts = "<br>".join(html.escape(fact) for fact in subline(bundle, MODEL, language))
    megabytes = f"{size / 1e6:.1f}".replace(".", phrase(language, "decimal"))
    return (
        f'<li><a href="{link}">{shown}<span>{html.escape(title)}</span></a>'
        f'<p>{facts}</p><p class="note">{megabytes} MB</p></li>'
    )


def _png(image: object) -> str:
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image)
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _text(file: str) -> str:
    return (PAGE / file).read_text(encoding="utf-8")
