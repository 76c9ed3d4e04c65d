"""Tables, plots, pages and measurements for people who would rather look than read.

The names below are loaded at first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..environment import lazy_names

if TYPE_CHECKING:
    from .attribution.activations import activations
    from .attribution.grad_cam import grad_cam
    from .attribution.occlusion import occlusion
    from .attribution.receptive_field import receptive_field

__all__ = ["activations", "grad_cam", "occlusion", "receptive_field"]

__getattr__ = lazy_names(
    __name__,
    {
        "attribution.grad_cam": ("grad_cam",),
        "attribution.occlusion": ("occlusion",),
        "attribution.receptive_field": ("receptive_field",),
        "attribution.activations": ("activations",),
    },
)


def __dir__() -> list[str]:
    return __all__
