"""The page of a bundle inside of a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import notebooks
from ..runtimes import Bundle, find_bundle, read_bundle
from .write import contents_of, page


@dataclass(frozen=True)
class Frame:
    """A page that a notebook shows in a frame; `text` is the whole HTML file."""

    text: str

    def __repr__(self) -> str:
        """For what cannot show HTML."""
        return (
            f"A page of {len(self.text):,} characters; a notebook shows it, and `cnnref explain` writes it to a file."
        )

    def _repr_html_(self) -> str:
        return notebooks.frame(self.text)


def show(bundle: Bundle | str | Path, language: str = "en") -> Frame:
    """The page of a bundle for a notebook, however large: it becomes a part of the notebook's output.

    A `Bundle` shows its page by itself where that is small (see `cnnref.notebooks.LARGEST_MODEL`).

    Args:
        bundle: a bundle, its folder, or the name of a shipped one.
        language: of the page; see `write_page`.

    Raises:
        InputError: there is no such bundle or language, it is no classifier, or it has no model.onnx.
    """
    read = bundle if isinstance(bundle, Bundle) else read_bundle(find_bundle(bundle))
    return Frame(page(contents_of(read, language=language)))
