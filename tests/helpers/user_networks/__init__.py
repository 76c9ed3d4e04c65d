"""Networks as users of keras.io, Kaggle and textbooks write them, to be exported as they are.

Each file holds the networks of one kind; `NETWORKS` has all of them by name. `exporting.py` exports one in every format
and says what came of it.
"""

from . import (
    activations,
    attention,
    custom,
    inputs,
    maps,
    merges,
    normalizations,
    operations,
    plain,
    policies,
    preprocessing,
    transfer,
)
from .table import NETWORKS, UserNetwork

KINDS = tuple(
    module.__name__.rpartition(".")[2]
    for module in (
        plain,
        transfer,
        preprocessing,
        maps,
        attention,
        activations,
        normalizations,
        merges,
        operations,
        custom,
        inputs,
        policies,
    )
)

__all__ = ["KINDS", "NETWORKS", "UserNetwork"]
