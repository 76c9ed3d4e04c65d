"""What a notebook shows of a bundle, a report or a run: tables and pictures as HTML, with all texts escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from .errors import printable

#: Bytes of the largest picture that is put into a notebook.
LARGEST = 4 << 20


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under a title."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<p><b>{_text(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(path: Path) -> str:
    """A PNG file, or nothing where there is none or a very large one."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return ""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{_text(path.name)}" style="max-width: 100%" src="data:image/png;base64,{content}">'


def _text(text: str) -> str:
    return html.escape(printable(text))
