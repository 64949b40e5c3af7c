"""The command line ``sk-inceptionxml``.

``app`` names the commands and their options, and a file of its own does the work of each. What is
slow to import waits until a command needs it, so that ``--help`` is quick.
"""

from .program import main

__all__ = ["main"]
