"""Helpers without a subject of their own: threads, memory, checks of parameters and matrices."""
