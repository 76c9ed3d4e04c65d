"""Data sets: read from the layouts in which they are published, checked, and never half read."""

from .dataset import Dataset, channel_statistics
from .sources import load, names

__all__ = ["Dataset", "channel_statistics", "load", "names"]
