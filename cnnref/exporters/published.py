"""A bundle of published weights in the cache, made at its first use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..files import cache_folder
from ..version import __version__
from ..weights.catalogue import Weights
from ..weights.fetching import Place, fetch

#: What classifies a photograph: one float32 file, which is written in seconds.
FORMATS, PRECISIONS = ("onnx",), ("float32",)


def cached_bundle(entry: Weights, place: Place | None = None, tell: Callable[[str], None] = lambda _: None) -> Path:
    """The folder of a bundle with model.onnx of published weights; the second call finds what the first one made.

    Raises:
        InputError: the weights are neither here nor can they be fetched.
        ExportError, VerificationError: the file that was written is not the model.
    """
    digits = entry.digest[1][:8] if entry.digest else "unknown"
    folder = cache_folder() / "bundles" / f"{entry.name}-{digits}-{__version__}"
    if not (folder / "bundle.json").is_file():
        fetch(entry, place, tell=tell)
        from .bundle import export

        tell(f"Making a bundle of {entry.name} in {folder} (once) ...")
        export(entry.name, folder, formats=FORMATS, precisions=PRECISIONS, force=folder.exists())
    return folder
