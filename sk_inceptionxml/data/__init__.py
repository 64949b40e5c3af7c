"""Rows on their way through ``fit``: data sets, weights, and rows held out."""

from .dataset import Dataset, Rows

__all__ = ["Dataset", "Rows"]
