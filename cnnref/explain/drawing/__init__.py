"""Drawings of networks, and of the trade-off between accuracy, latency and size."""
