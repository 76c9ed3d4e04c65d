"""The page that runs a network in a browser: one HTML file for a bundle, or a frame in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .frame import show as show
    from .write import PageContents as PageContents
    from .write import Sample as Sample
    from .write import page as page
    from .write import write_page as write_page

__all__ = ["PageContents", "Sample", "page", "show", "write_page"]

__getattr__ = lazy_names(__name__, {"frame": ("show",), "write": ("PageContents", "Sample", "page", "write_page")})
