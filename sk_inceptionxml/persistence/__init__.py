"""A fitted model as a directory of plain data, and back.

``model.json`` holds parameters, scalars and the checksum of the two other files,
``weights.safetensors`` the network, ``memory.safetensors`` words, label names and the lexical
memory. Nothing in them is executable, and nothing in them names a file, a module or a class to
import. Whatever is read is checked before it is used, since a checksum shows accidents only.
"""

from .model import check_replaceable, load, save

__all__ = ["check_replaceable", "load", "save"]
