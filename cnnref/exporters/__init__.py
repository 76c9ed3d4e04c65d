"""Models as files that others can run: the contract, one folder an export format, the bundle and its card.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .bundle import export
    from .classifier import predict
    from .contract import Contract, contract_of
    from .source import load

__all__ = ["Contract", "contract_of", "export", "load", "predict"]

__getattr__ = lazy_names(
    __name__,
    {
        "bundle": ("export",),
        "classifier": ("predict",),
        "contract": ("Contract", "contract_of"),
        "source": ("load",),
    },
)


def __dir__() -> list[str]:
    return __all__
