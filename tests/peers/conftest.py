"""The tiny bundle, for the tests of OpenVINO."""

from tiny_bundle import pristine

__all__ = ["pristine"]
