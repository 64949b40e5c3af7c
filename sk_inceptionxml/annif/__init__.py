"""The backend ``inceptionxml`` for Annif, and Annif's command line with it.

To import this module is to register the backend. Annif starts processes of its own on some systems,
and these import no more than that.
"""

from contextlib import suppress

from .launcher import create_app, main, register

with suppress(ImportError):  # main says what is missing
    register()

__all__ = ["create_app", "main", "register"]
