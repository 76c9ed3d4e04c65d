"""Data sets: read from their published files and checked completely."""

from .dataset import Dataset, channel_statistics
from .sources import load, names

__all__ = ["Dataset", "channel_statistics", "load", "names"]
