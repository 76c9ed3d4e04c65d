"""TensorFlow's converter to TFLite, without its messages, and its complaints as errors of one sentence."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ...environment import quiet_stderr
from ...errors import ExportError

#: A place in a file of Python, as MLIR puts it into an error.
PLACE = re.compile(r"(?:<unknown>:0|/[^\s:()\"]*\.py:\d+(?::\d+)?): ?(?:error: ?)?")


def converter_of(function: Any) -> Any:
    """The converter of a concrete function."""
    import tensorflow as tf

    with quiet():
        return tf.lite.TFLiteConverter.from_concrete_functions([function])


def converted(convert: Callable[[], Any], name: str, precision: str) -> bytes:
    """What a conversion gives.

    Raises:
        ExportError: TensorFlow refuses the model called `name`.
    """
    found: bytes | Exception
    with quiet():
        try:
            found = bytes(convert())
        except Exception as error:  # the converter raises its own and several of TensorFlow's
            found = error  # not raised in here, where what was silenced would be shown after all
    if isinstance(found, Exception):
        reason = _reason(found)
        raise ExportError(f"TensorFlow's converter cannot write {name} as TFLite ({precision}): {reason}") from found
    return found


def _reason(error: Exception) -> str:
    """What the converter says in its first line, without the places in Python's files that it adds."""
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return PLACE.sub(" ", first).strip()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the messages of the converter, from C++ and from Python; its errors are exceptions all the same."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with quiet_stderr(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
