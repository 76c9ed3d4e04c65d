"""What a notebook shows of a bundle, a report or a run: tables, pictures and pages as HTML, with texts escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import EXPECTED, printable
from .files import read_regular

#: Bytes of the largest picture that is put into a notebook.
LARGEST = 4 << 20


#: Bytes of the largest model.onnx with which a bundle shows its page unasked; the page has about twice as many.
LARGEST_MODEL = 400_000
#: What links in a frame are relative to.
BASE = '<base href="about:srcdoc">'
#: Pixels that the frame of a page is high.
FRAME_HEIGHT = 760

#: Gives the page of a bundle as HTML. `cnnref` sets it, because this file, on which all rooms stand, knows none.
page_of: Callable[[Any], str] | None = None


def page(bundle: Any, model_bytes: int) -> str:
    """The page of a bundle in a frame if its model.onnx of so many bytes is small, else how to have it shown."""
    if page_of is None:
        return ""
    if model_bytes > LARGEST_MODEL:
        return "<p><code>cnnref.page.show(bundle)</code> shows the page that runs this network.</p>"
    try:
        return frame(page_of(bundle))
    except (*EXPECTED, OSError):  # what shows a thing must not fail
        return ""


def frame(text: str) -> str:
    """A whole HTML page inside of a notebook, as a document of its own."""
    # Without it, a link to a place in the page would load the notebook into the frame.
    page = text.replace("<head>", f"<head>{BASE}", 1)
    return (
        f'<iframe srcdoc="{html.escape(page)}" style="width: 100%; height: {FRAME_HEIGHT}px; border: 0" '
        'title="The network, run in this frame"></iframe>'
    )


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under a title."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<p><b>{_text(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(path: Path) -> str:
    """A PNG file, or nothing where there is none or a very large one."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return ""
    content = base64.b64encode(read_regular(path, LARGEST)).decode("ascii")
    return f'<img alt="{_text(path.name)}" style="max-width: 100%" src="data:image/png;base64,{content}">'


def _text(text: str) -> str:
    return html.escape(printable(text))
