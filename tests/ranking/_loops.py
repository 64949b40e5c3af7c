"""Tests of a module that run by its compiled inner loops, then by NumPy's."""

import pytest


def both_loops(module):
    """A fixture, which every test of the file uses."""

    @pytest.fixture(autouse=True, scope="module", params=["compiled", "NumPy"])
    def loops(request):
        with pytest.MonkeyPatch.context() as patch:
            if request.param == "NumPy":
                patch.setattr(module, "compiled", lambda: None)
            elif module.compiled() is None:
                pytest.skip("numba is not installed")
            yield request.param

    return loops
