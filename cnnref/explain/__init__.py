"""Tables, plots, pages and measurements for people who would rather look than read.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .cam import grad_cam
    from .covering import occlusion
    from .field import receptive_field
    from .outputs import activations

__all__ = ["activations", "grad_cam", "occlusion", "receptive_field"]

__getattr__ = lazy_names(
    __name__,
    {
        "cam": ("grad_cam",),
        "covering": ("occlusion",),
        "field": ("receptive_field",),
        "outputs": ("activations",),
    },
)


def __dir__() -> list[str]:
    return __all__
